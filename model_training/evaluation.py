"""Figures of a classifier: how often it is right, and how far its probabilities can be believed."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.classifier import Classifier
from app.classifier.network import Array, Parameters
from app.classifier.pixels import DIGITS, IMAGE_SHAPE
from model_training.augmentation import Images
from model_training.data import Digits

CONFIDENT_SHARE = 0.99
"""The threshold is chosen so that this share of the validation images stays confident."""

SURE = 0.9
"""A confidence that nothing but a 3 or a 7 should get."""

BINS = 15
"""Of equal width from 0.5 to 1, for the expected calibration error (Guo et al. 2017)."""

NOISE_IMAGES = 300


@dataclass(frozen=True)
class Evaluation:
    """Figures on threes and sevens, on other digits and on noise. Shares are of 1; confidence is the larger p."""

    images: int
    """Threes and sevens"""
    errors: int
    accuracy: float
    loss: float
    """Mean negative log-likelihood of the true digit, in nats"""
    calibration_error: float
    """Expected difference of confidence and accuracy (ECE)"""
    confident: float
    """Share of threes and sevens whose confidence reaches the threshold"""
    confusion: list[list[int]]
    """Counts by true digit (rows) and answer (columns), each in the order 3, 7"""
    others: int
    """Images of other digits"""
    auroc: float
    """Probability that a three or seven gets more confidence than another digit"""
    others_sure: float
    """Share of other digits with a confidence above `SURE`"""
    others_confident: float
    """Share of other digits whose confidence reaches the threshold"""
    noise_confidence: float
    """Highest confidence on blank, full and noise images"""


def evaluate(classifier: Classifier, digits: Digits, others: Digits) -> Evaluation:
    """Compare answers with labels. `digits` holds threes and sevens alone, `others` none of them."""
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
        confident=float(confident.mean()),
        confusion=[
            [int(((digits.labels == true) & (answers == answer)).sum()) for answer in DIGITS] for true in DIGITS
        ],
        others=len(others.labels),
        auroc=auroc(confidence, others_confidence),
        others_sure=float((others_confidence > SURE).mean()),
        others_confident=float(on_others.confident.mean()),
        noise_confidence=float(classifier.predict(noise()).probabilities.max()),
    )


def choose_threshold(parameters: Parameters, validation: Digits) -> float:
    """A confidence that at least `CONFIDENT_SHARE` of the validation images reach, and hardly more; 0.5 to 1."""
    confidence = Classifier(parameters, threshold=0.5).predict(validation.images).probabilities.max(axis=1)
    return float(np.quantile(confidence, 1 - CONFIDENT_SHARE, method="lower"))


def reliability(confidence: Array, right: NDArray[np.bool_]) -> NDArray[np.float64]:
    """For each bin that is not empty: share of the images, mean confidence, accuracy. Shape (bins, 3)."""
    bins = np.minimum(((confidence - 0.5) * 2 * BINS).astype(int), BINS - 1)
    chosen = [bins == index for index in np.unique(bins)]
    return np.array([[mask.mean(), confidence[mask].mean(dtype=float), right[mask].mean()] for mask in chosen])


def calibration_error(confidence: Array, right: NDArray[np.bool_]) -> float:
    """Expected calibration error: |confidence - accuracy|, averaged over the bins by their shares."""
    share, stated, actual = reliability(confidence, right).T
    return float(share @ np.abs(stated - actual))


def auroc(positive: Array, negative: Array) -> float:
    """Area under the ROC curve: how often a positive scores above a negative, ties counting half."""
    ordered = np.sort(negative)
    below, not_above = (np.searchsorted(ordered, positive, side) for side in ("left", "right"))
    return float((below + not_above).mean() / 2 / len(negative))


def noise() -> Images:
    """Black, white, and grain of three kinds: uniform, normal, black and white. Always the same images."""
    rng = np.random.default_rng(0)
    shape = (NOISE_IMAGES // 3, *IMAGE_SHAPE)
    grain = [rng.random(shape), np.clip(rng.normal(0.5, 0.25, shape), 0, 1), rng.random(shape) < 0.5]
    flat = np.zeros((2, *IMAGE_SHAPE))
    flat[1] = 1
    return np.asarray(np.concatenate([flat, *grain]) * 255, np.uint8)
