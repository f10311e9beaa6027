"""From 28 x 28 images to predictions: what training and serving share. NumPy and safetensors, nothing else."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.classifier.network import Array, Parameters, forward, softmax
from app.classifier.pixels import DIGITS, to_input

_DIGITS = np.array(DIGITS)


class Prediction(NamedTuple):
    """The answer for one image."""

    digit: int
    """The likelier of 3 and 7"""
    probabilities: list[float]
    """In the order 3, 7"""
    confident: bool


class Predictions(NamedTuple):
    """The answers for n images."""

    digits: NDArray[np.int64]
    """(n,): the likelier of 3 and 7."""
    probabilities: Array
    """(n, 2), in the order 3, 7."""
    confident: NDArray[np.bool_]
    """(n,): whether the likelier digit's probability reaches the threshold stored with the weights."""

    def each(self) -> Iterator[Prediction]:
        """One by one, as Python's own numbers."""
        return map(Prediction, self.digits.tolist(), self.probabilities.tolist(), self.confident.tolist())


class Classifier:
    """A trained network and the threshold that its answers must reach to be called confident."""

    def __init__(self, parameters: Parameters, threshold: float) -> None:
        self.parameters = parameters
        self.threshold = threshold

    def predict(self, images: NDArray[np.uint8]) -> Predictions:
        """Classify images: uint8 (n, 28, 28), light ink on a dark ground."""
        return self.predict_inputs(to_input(images))

    def predict_inputs(self, inputs: NDArray[np.float32]) -> Predictions:
        """Classify what `to_input` makes of images: float32 (n, 784), 0 to 1."""
        probabilities = softmax(forward(self.parameters, inputs)[-1])
        return Predictions(
            digits=_DIGITS[probabilities.argmax(axis=1)],
            probabilities=probabilities,
            confident=probabilities.max(axis=1) >= self.threshold,
        )
