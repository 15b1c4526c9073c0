"""Right, with zip and f-strings instead of indices."""

import numpy as np


def initialize_parameters_zeros(layers_dims):
    parameters = {}
    for l, (n_in, n_out) in enumerate(zip(layers_dims, layers_dims[1:], strict=False), start=1):
        parameters[f"W{l}"] = np.zeros((n_out, n_in))
        parameters[f"b{l}"] = np.zeros((n_out, 1))
    return parameters


def initialize_parameters_random(layers_dims):
    np.random.seed(3)
    parameters = {}
    for l, (n_in, n_out) in enumerate(zip(layers_dims, layers_dims[1:], strict=False), start=1):
        parameters[f"W{l}"] = 10 * np.random.randn(n_out, n_in)
        parameters[f"b{l}"] = np.zeros((n_out, 1))
    return parameters


def initialize_parameters_he(layers_dims):
    np.random.seed(3)
    parameters = {}
    for l, (n_in, n_out) in enumerate(zip(layers_dims, layers_dims[1:], strict=False), start=1):
        parameters[f"W{l}"] = np.random.randn(n_out, n_in) * np.sqrt(2) / np.sqrt(n_in)
        parameters[f"b{l}"] = np.zeros((n_out, 1))
    return parameters
