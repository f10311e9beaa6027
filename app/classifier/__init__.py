"""Classifies 28 x 28 images, in training and serving. It depends on NumPy and safetensors only."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.classifier.network import Array, Parameters, forward, softmax
from app.classifier.pixels import DIGITS, PIXELS, Grey

BLOCK = 4
"""Number of rows that OpenBLAS multiplies at a time. The forward pass of 15 images takes longer than of 16."""

_DIGITS = np.array(DIGITS)


class Prediction(NamedTuple):
    """The prediction for one image."""

    digit: int
    probabilities: list[float]  # of 3 and of 7
    confident: bool


class Predictions(NamedTuple):
    """The predictions for n images."""

    digits: NDArray[np.int64]  # (n,): the likelier of 3 and 7
    probabilities: Array  # (n, 2): of 3 and of 7
    confident: NDArray[np.bool_]  # (n,): whether the likelier digit's probability reaches the stored threshold

    def each(self) -> Iterator[Prediction]:
        """Iterate over the predictions, with Python's number types."""
        return map(Prediction, self.digits.tolist(), self.probabilities.tolist(), self.confident.tolist())


class Classifier:
    """A trained network, and the minimum probability of a confident prediction."""

    def __init__(self, parameters: Parameters, threshold: float) -> None:
        self.parameters = parameters
        self.threshold = threshold

    def predict(self, images: Grey) -> Predictions:
        """Classify images: uint8 (n, 28, 28), light digits on a dark background."""
        return self.predict_inputs(to_input(images))

    def predict_inputs(self, inputs: NDArray[np.float32]) -> Predictions:
        """Classify inputs of the network as `to_input` makes them: float32 (n, 784), from 0 to 1."""
        probabilities = softmax(forward(self.parameters, _whole_blocks(inputs))[-1][: len(inputs)])
        return Predictions(
            digits=_DIGITS[probabilities.argmax(axis=1)],
            probabilities=probabilities,
            confident=probabilities.max(axis=1) >= self.threshold,
        )


def to_input(images: Grey) -> NDArray[np.float32]:
    """Convert images to inputs of the network.

    images: uint8 (n, 28, 28), light digits on a dark background, as in MNIST.
    Returns float32 (n, 784) in the range 0 to 1, row by row.
    """
    return np.divide(images.reshape(len(images), PIXELS), 255, dtype=np.float32)


def _whole_blocks(inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    """Append blank images up to a multiple of BLOCK, unless there are one or two, which are faster without."""
    missing = -len(inputs) % BLOCK if len(inputs) > 2 else 0
    return np.concatenate((inputs, np.zeros((missing, PIXELS), np.float32))) if missing else inputs
