"""The self-test: images that weights must read right before they serve."""

from pathlib import Path

import numpy as np
from PIL import Image

from app.classifier import Classifier
from app.classifier.pixels import DIGITS, IMAGE_SHAPE
from app.classifier.weights import Weights, WeightsError, load

IMAGES = Path(__file__).with_suffix(".png")
"""Test images of MNIST, one below the other; `tests/data/make.py` chooses them."""

SHOWN = np.array([3, 3, 3, 3, 7, 7, 7, 7, 0, 1, 2, 4, 5, 6, 8, 9])
"""The digits in these images."""

TOLERATED = 3
"""Maximum number of threes and sevens without confidence, and of other digits with confidence: fewer than half."""


def load_tested(path: Path) -> Weights:
    """Load weights and run the self-test on them. Raises WeightsError."""
    weights = load(path)
    check(Classifier(weights.parameters, weights.metadata.threshold), path)
    return weights


def check(classifier: Classifier, path: Path) -> None:
    """Raise WeightsError, naming the weights' path, unless the images are read as what they show."""
    digits, _, confident = classifier.predict(np.asarray(Image.open(IMAGES)).reshape(-1, *IMAGE_SHAPE))
    known = np.isin(SHOWN, DIGITS)
    misread = np.count_nonzero(known & (digits != SHOWN))
    unsure = np.count_nonzero(known & ~confident)
    overconfident = np.count_nonzero(~known & confident)
    if misread or max(unsure, overconfident) > TOLERATED:
        raise WeightsError(
            f"Cannot use the weights file {path}: of {known.sum()} clear threes and sevens {misread} are misread and"
            f" {unsure} are not confident, and of {(~known).sum()} other digits {overconfident} are confident."
        )
