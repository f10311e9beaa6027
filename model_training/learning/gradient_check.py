"""Compares gradients with central differences, which do not depend on the chain rule."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.classifier.network import Array, forward
from model_training.learning.backprop import cross_entropy, log_softmax
from model_training.learning.parameters import as_layers

STEP = 1e-5
"""Step of a central difference in float64. Its error is about STEP^2 (truncation) plus 1e-16 / STEP (rounding)."""

TOLERANCE = 1e-6
"""Maximum relative error of a tensor's gradient that rounding explains."""


@dataclass(frozen=True)
class Check:
    """Comparison of one tensor's gradient with central differences."""

    tensor: str
    parameters: int
    """Number of parameters that were compared"""
    relative_error: float
    """|gradient - differences| / |differences|"""
    length: float
    """|gradient| / |differences|"""
    angle: float
    """Angle between gradient and differences, in degrees"""


def numerical_gradient(
    flat: Array, architecture: tuple[int, ...], inputs: Array, targets: Array, indices: NDArray[np.integer]
) -> Array:
    """Return the central differences of the mean cross-entropy for the parameters at `indices`; arrays are float64."""

    def loss(index: int, move: float) -> float:
        moved = flat.copy()
        moved[index] += move
        return cross_entropy(log_softmax(forward(as_layers(moved, architecture), inputs)[-1]), targets)

    return np.array([(loss(index, STEP) - loss(index, -STEP)) / (2 * STEP) for index in indices])


def check_gradient(
    gradient: Array,
    flat: Array,
    architecture: tuple[int, ...],
    inputs: Array,
    targets: Array,
    at_most: int,
    rng: np.random.Generator,
) -> list[Check]:
    """Compare a gradient with central differences, tensor by tensor, at up to `at_most` random parameters of each."""
    checks = []
    positions = as_layers(np.arange(len(flat), dtype=np.float64), architecture)
    for number, layer in enumerate(positions, 1):
        for name, tensor in layer._asdict().items():
            indices = rng.choice(tensor.ravel().astype(int), min(tensor.size, at_most), replace=False)
            differences = numerical_gradient(flat, architecture, inputs, targets, indices)
            checks.append(_compare(f"{name}{number}", gradient[indices], differences))
    return checks


def _compare(tensor: str, gradient: Array, differences: Array) -> Check:
    length = float(np.linalg.norm(gradient) / np.linalg.norm(differences))
    error = float(np.linalg.norm(gradient - differences) / np.linalg.norm(differences))
    cosine = gradient @ differences / (np.linalg.norm(gradient) * np.linalg.norm(differences))
    return Check(tensor, len(gradient), error, length, float(np.degrees(np.arccos(np.clip(cosine, -1, 1)))))
