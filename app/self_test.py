"""The self-test of new weights, on 16 test images of MNIST.

All eight threes and sevens must be classified correctly, at least five of them with confidence. At most three of the
eight other digits may be classified with confidence.
"""

from pathlib import Path

import numpy as np
from PIL import Image

from app.classifier import Classifier
from app.classifier.pixels import DIGITS, IMAGE_SHAPE
from app.classifier.weights import Weights, WeightsError, load

IMAGES = Path(__file__).with_suffix(".png")
"""PNG with 16 test images of MNIST, one below the other, which `tests/data/make.py` writes."""

LABELS = np.array([3, 3, 3, 3, 7, 7, 7, 7, 0, 1, 2, 4, 5, 6, 8, 9])
"""The digits in these images, from top to bottom."""

MAX_WRONG = 3
"""Maximum number of the 8 threes and sevens that are not confident, and of the 8 other digits that are confident."""


def load_tested(path: Path) -> Weights:
    """Load weights and run the self-test on them. Raises WeightsError."""
    weights = load(path)
    check(Classifier(weights.parameters, weights.metadata.threshold), path)
    return weights


def check(classifier: Classifier, path: Path) -> None:
    """Raise WeightsError if the classifier fails the self-test."""
    digits, _, confident = classifier.predict(np.asarray(Image.open(IMAGES)).reshape(-1, *IMAGE_SHAPE))
    known = np.isin(LABELS, DIGITS)
    misread = np.count_nonzero(known & (digits != LABELS))
    unsure = np.count_nonzero(known & ~confident)
    overconfident = np.count_nonzero(~known & confident)
    if misread or max(unsure, overconfident) > MAX_WRONG:
        wrong = f"of {known.sum()} threes and sevens {misread} are misread and {unsure} are not confident"
        others = f"of {(~known).sum()} other digits {overconfident} are confident"
        raise WeightsError(f"Cannot use the weights file '{path}': in the self-test {wrong}, and {others}.")
