"""All parameters in one flat vector, so that the optimiser updates them in one sweep; layers are views of it."""

from itertools import pairwise

import numpy as np

from app.classifier.network import Array, Layer, Parameters


def size(architecture: tuple[int, ...]) -> int:
    """How many weights and biases the layers of these units have."""
    return sum((n_in + 1) * n_out for n_in, n_out in pairwise(architecture))


def as_layers(flat: Array, architecture: tuple[int, ...]) -> Parameters:
    """See a vector (`size(architecture)`,) as layers, without copying: to write in one is to write in the other."""
    layers, start = [], 0
    for n_in, n_out in pairwise(architecture):
        middle, end = start + n_in * n_out, start + (n_in + 1) * n_out
        layers.append(Layer(flat[start:middle].reshape(n_in, n_out), flat[middle:end]))
        start = end
    return tuple(layers)


def initialize(flat: Array, architecture: tuple[int, ...], rng: np.random.Generator) -> None:
    """Fill a vector with the start of training: biases 0, weights uniform within 4 sqrt(6 / (inputs + outputs)).

    The bound without the 4 is Glorot and Bengio's (2010) for tanh; sigmoid(z) has a quarter of the slope of tanh at 0.
    The softmax layer gets the same, for simplicity.
    """
    flat[:] = 0
    for W, _ in as_layers(flat, architecture):
        bound = 4 * np.sqrt(6 / sum(W.shape))
        W[:] = rng.uniform(-bound, bound, W.shape)
