"""Measures a classifier: accuracy, calibration, and its answers to images that are neither a 3 nor a 7."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from app.classifier import Classifier
from app.classifier.network import Array, Parameters
from app.classifier.pixels import DIGITS, IMAGE_SHAPE
from model_training.images.augmentation import Images
from model_training.images.mnist import Digits

MAX_OTHERS, MAX_HELD_OUT = 0.005, 0.01
"""Maximum share that may be confident, of validation's other digits and of held-out images. They set the threshold."""

SURE = 0.9
"""Confidence that images of anything but a 3 or a 7 should not exceed, whatever the threshold."""

BINS = 15
"""Number of bins, of equal width from 0.5 to 1, of the expected calibration error (Guo et al. 2017)."""

NOISE_IMAGES = 300
"""Number of images of random grain."""


@dataclass(frozen=True)
class Evaluation:
    """Figures on threes and sevens, on other digits and on noise.

    Shares are from 0 to 1. The confidence of an answer is the larger of the two probabilities.
    """

    images: int
    """Number of threes and sevens"""
    errors: int
    """Number of threes and sevens with the wrong answer"""
    accuracy: float
    loss: float
    """Mean negative log-likelihood of the true digit, in nats"""
    calibration_error: float
    """Expected calibration error (ECE) on threes and sevens"""
    coverage: float
    """Share of threes and sevens that are confident"""
    confusion: list[list[int]]
    """Counts by true digit (rows) and answer (columns), each in the order 3, 7"""
    others: int
    """Number of images of other digits"""
    auroc: float
    """Area under the ROC curve of the confidence, threes and sevens against other digits"""
    others_sure: float
    """Share of other digits with a confidence above `SURE`"""
    others_confident: float
    """Share of other digits that are confident: the out-of-distribution false positive rate"""
    noise_confidence: float
    """Highest confidence on blank, full and noise images"""


@dataclass(frozen=True)
class OutlierFigures:
    """Figures on one kind of image that shows neither digit."""

    kind: str
    images: int
    confident: float
    """Share of the images that are confident"""
    confidence: float
    """Highest confidence"""
    hardest: NDArray[np.uint8]
    """The image with the highest confidence, (28, 28)"""


def evaluate(classifier: Classifier, digits: Digits, others: Digits) -> Evaluation:
    """Compare answers with labels. `digits` has threes and sevens only, `others` none of them."""
    answers, probabilities, confident = classifier.predict(digits.images)
    right = answers == digits.labels
    confidence = probabilities.max(axis=1)
    p = np.where(right, confidence, probabilities.min(axis=1))  # of the true digit
    on_others = classifier.predict(others.images)
    others_confidence = on_others.probabilities.max(axis=1)
    return Evaluation(
        images=len(answers),
        errors=int((~right).sum()),
        accuracy=float(right.mean()),
        loss=float(-np.log(np.maximum(p, np.finfo(p.dtype).tiny)).mean()),
        calibration_error=calibration_error(confidence, right),
        coverage=float(confident.mean()),
        confusion=[
            [int(((digits.labels == true) & (answers == answer)).sum()) for answer in DIGITS] for true in DIGITS
        ],
        others=len(others.labels),
        auroc=auroc(confidence, others_confidence),
        others_sure=float((others_confidence > SURE).mean()),
        others_confident=float(on_others.confident.mean()),
        noise_confidence=float(classifier.predict(noise()).probabilities.max()),
    )


def evaluate_outliers(classifier: Classifier, kinds: Mapping[str, Images]) -> list[OutlierFigures]:
    """Measure the answers to images of neither digit, (n, 28, 28) for each kind."""
    figures = []
    for kind, images in kinds.items():
        _, probabilities, confident = classifier.predict(images)
        confidence = probabilities.max(axis=1)
        highest = int(confidence.argmax())
        share = float(confident.mean())
        figures.append(OutlierFigures(kind, len(images), share, float(confidence[highest]), images[highest]))
    return figures


def choose_threshold(parameters: Parameters, others: Images, unseen: Mapping[str, Images]) -> float:
    """Return the lowest threshold at which few images of neither digit are confident, 0.5 to 1.

    These are at most `MAX_OTHERS` of the other digits, (n, 28, 28), and `MAX_HELD_OUT` of the held-out images, on
    average over their kinds. The threshold is rounded up to three decimals, since at the confidence of an image the
    result would depend on how BLAS rounds.
    """
    predict = Classifier(parameters, threshold=0.5).predict
    limits = (([others], MAX_OTHERS), (list(unseen.values()), MAX_HELD_OUT))
    thresholds = (
        _lowest_threshold([predict(images).probabilities.max(axis=1) for images in kinds], share)
        for kinds, share in limits
    )
    return min(1.0, ceil(1000 * max(thresholds)) / 1000)


def _lowest_threshold(kinds: list[Array], share: float) -> float:
    """Return the lowest threshold that at most `share` of the confidences reach, on average over the kinds."""
    thresholds = np.nextafter(np.sort(np.concatenate(kinds)), np.float32(2))
    reached = [(len(kind) - np.searchsorted(np.sort(kind), thresholds)) / len(kind) for kind in kinds]
    return float(thresholds[np.argmax(np.mean(reached, axis=0) <= share)])


def reliability(confidence: Array, right: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return for each bin that is not empty: share of the images, mean confidence, accuracy. Shape (bins, 3)."""
    bins = np.minimum(((confidence - 0.5) * 2 * BINS).astype(int), BINS - 1)
    chosen = [bins == index for index in np.unique(bins)]
    return np.array([[mask.mean(), confidence[mask].mean(dtype=float), right[mask].mean()] for mask in chosen])


def calibration_error(confidence: Array, right: NDArray[np.bool_]) -> float:
    """Return the expected calibration error: |confidence - accuracy|, averaged over the bins by their shares."""
    share, stated, actual = reliability(confidence, right).T
    return float(share @ np.abs(stated - actual))


def auroc(positive: Array, negative: Array) -> float:
    """Return the area under the ROC curve: how often a positive scores above a negative; ties count half."""
    ordered = np.sort(negative)
    below, not_above = (np.searchsorted(ordered, positive, side) for side in ("left", "right"))
    return float((below + not_above).mean() / 2 / len(negative))


def noise() -> Images:
    """Return a black and a white image, and random grain: uniform, normal, black and white. Always the same images."""
    rng = np.random.default_rng(0)
    shape = (NOISE_IMAGES // 3, *IMAGE_SHAPE)
    grain = [rng.random(shape), np.clip(rng.normal(0.5, 0.25, shape), 0, 1), rng.random(shape) < 0.5]
    flat = np.zeros((2, *IMAGE_SHAPE))
    flat[1] = 1
    return np.asarray(np.concatenate([flat, *grain]) * 255, np.uint8)
