"""Right, with a while loop and a generator object of its own."""

import numpy as np


def initialize_parameters_zeros(layers_dims):
    parameters = {}
    l = 1
    while l < len(layers_dims):
        parameters["W" + str(l)] = np.zeros([layers_dims[l], layers_dims[l - 1]])
        parameters["b" + str(l)] = np.zeros([layers_dims[l], 1])
        l += 1
    return parameters


def initialize_parameters_random(layers_dims):
    source = np.random.RandomState(3)
    parameters = {}
    l = 1
    while l < len(layers_dims):
        parameters["W" + str(l)] = source.standard_normal((layers_dims[l], layers_dims[l - 1])) * 10
        parameters["b" + str(l)] = np.zeros([layers_dims[l], 1])
        l += 1
    return parameters


def initialize_parameters_he(layers_dims):
    source = np.random.RandomState(3)
    parameters = {}
    l = 1
    while l < len(layers_dims):
        draw = source.standard_normal((layers_dims[l], layers_dims[l - 1]))
        parameters["W" + str(l)] = draw / np.sqrt(layers_dims[l - 1] / 2)
        parameters["b" + str(l)] = np.zeros([layers_dims[l], 1])
        l += 1
    return parameters
