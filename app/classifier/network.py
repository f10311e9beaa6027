"""A multilayer perceptron of any depth: sigmoid hidden layers, softmax output."""

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.floating]


class Layer(NamedTuple):
    """One affine map, z = a W + b."""

    W: Array
    """(inputs, outputs)"""
    b: Array
    """(outputs,)"""


Parameters: TypeAlias = tuple[Layer, ...]


def forward(parameters: Parameters, inputs: Array, out: Sequence[Array] | None = None) -> list[Array]:
    """Run the network and return the activations of all layers.

    inputs: (n, inputs of the first layer).
    out: an (n, outputs) array for each layer to write to, so that a training loop allocates no memory.
    Returns the activations [a_0, a_1, ..., z]: the inputs, each hidden layer's activations (0 to 1),
    and the output layer's logits, which `softmax` turns into probabilities.
    """
    activations = [inputs]
    last = len(parameters) - 1
    for index, (W, b) in enumerate(parameters):
        z = np.matmul(activations[-1], W, out=None if out is None else out[index])
        z += b
        activations.append(z if index == last else sigmoid(z, out=z))
    return activations


def sigmoid(z: Array, out: Array | None = None) -> Array:
    """Compute 1 / (1 + e^-z) elementwise. Where e^-z overflows to infinity, the result is the limit, 0."""
    with np.errstate(over="ignore"):
        a = np.exp(np.negative(z, out=out), out=out)
    a += 1
    return np.divide(1, a, out=out)


def softmax(logits: Array) -> Array:
    """Compute probabilities (n, classes) from logits (n, classes) of any size. Each row has the sum 1."""
    e: Array = np.exp(logits - logits.max(axis=1, keepdims=True))
    e /= e.sum(axis=1, keepdims=True)
    return e
