"""Keeps all parameters in one flat vector, which the optimiser updates at once; the layers are views of it."""

from itertools import pairwise

import numpy as np

from app.classifier.network import Array, Layer, Parameters


def size(architecture: tuple[int, ...]) -> int:
    """Return the number of weights and biases of a network. `architecture` has the number of units of each layer."""
    return sum((n_in + 1) * n_out for n_in, n_out in pairwise(architecture))


def as_layers(flat: Array, architecture: tuple[int, ...]) -> Parameters:
    """Return the layers as views of a vector of shape (`size(architecture)`,), without copying."""
    layers, start = [], 0
    for n_in, n_out in pairwise(architecture):
        middle, end = start + n_in * n_out, start + (n_in + 1) * n_out
        layers.append(Layer(flat[start:middle].reshape(n_in, n_out), flat[middle:end]))
        start = end
    return tuple(layers)


def initialize(flat: Array, architecture: tuple[int, ...], rng: np.random.Generator) -> None:
    """Fill a vector with initial parameters: biases 0, weights uniform within 4 sqrt(6 / (inputs + outputs)).

    Glorot and Bengio (2010) give the bound without the factor 4 for tanh; the slope of sigmoid at 0 is a quarter of
    that of tanh. The softmax layer has the same bound, for simplicity.
    """
    flat[:] = 0
    for W, _ in as_layers(flat, architecture):
        bound = 4 * np.sqrt(6 / sum(W.shape))
        W[:] = rng.uniform(-bound, bound, W.shape)
