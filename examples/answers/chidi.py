"""Right, with np.random.normal, dictionary unions and a warning on the way."""

import warnings

import numpy as np


def initialize_parameters_zeros(layers_dims):
    warnings.warn("still learning", stacklevel=1)
    weights = {
        f"W{l}": np.full((layers_dims[l], layers_dims[l - 1]), 0.0)
        for l in range(1, len(layers_dims))
    }
    biases = {f"b{l}": np.full((layers_dims[l], 1), 0.0) for l in range(1, len(layers_dims))}
    return weights | biases


def initialize_parameters_random(layers_dims):
    np.random.seed(3)
    weights = {
        f"W{l}": np.random.normal(0, 10, size=(layers_dims[l], layers_dims[l - 1]))
        for l in range(1, len(layers_dims))
    }
    biases = {f"b{l}": np.full((layers_dims[l], 1), 0.0) for l in range(1, len(layers_dims))}
    return weights | biases


def initialize_parameters_he(layers_dims):
    np.random.seed(3)
    weights = {
        f"W{l}": np.random.normal(
            0, (2 / layers_dims[l - 1]) ** 0.5, size=(layers_dims[l], layers_dims[l - 1])
        )
        for l in range(1, len(layers_dims))
    }
    biases = {f"b{l}": np.full((layers_dims[l], 1), 0.0) for l in range(1, len(layers_dims))}
    return weights | biases
