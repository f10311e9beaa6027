"""Figures of a classifier on labelled threes and sevens."""

from dataclasses import dataclass

import numpy as np

from app.classifier import Classifier
from app.classifier.network import Parameters
from app.classifier.pixels import DIGITS
from model_training.data import Digits

CONFIDENT_SHARE = 0.99
"""The threshold is chosen so that this share of the validation images stays confident."""


@dataclass(frozen=True)
class Evaluation:
    """Figures on n images."""

    images: int
    errors: int
    accuracy: float
    """Share of right answers, 0 to 1"""
    loss: float
    """Mean cross-entropy in nats"""
    confident: float
    """Share of answers that reach the threshold, 0 to 1"""
    confusion: list[list[int]]
    """Counts by true digit (rows) and answer (columns), each in the order 3, 7"""


def evaluate(classifier: Classifier, digits: Digits) -> Evaluation:
    """Compare a classifier's answers with the labels, which must be 3 and 7 alone."""
    images, labels = digits
    answers, probabilities, confident = classifier.predict(images)
    right = answers == labels
    p = np.where(right, probabilities.max(axis=1), probabilities.min(axis=1))  # of the true digit
    return Evaluation(
        images=len(labels),
        errors=int((~right).sum()),
        accuracy=float(right.mean()),
        loss=float(-np.log(np.maximum(p, np.finfo(p.dtype).tiny)).mean()),
        confident=float(confident.mean()),
        confusion=[[int(((labels == true) & (answers == answer)).sum()) for answer in DIGITS] for true in DIGITS],
    )


def choose_threshold(parameters: Parameters, validation: Digits) -> float:
    """The confidence that `CONFIDENT_SHARE` of the validation images reach, 0.5 to 1."""
    confidence = Classifier(parameters, threshold=0.5).predict(validation.images).probabilities.max(axis=1)
    return float(np.quantile(confidence, 1 - CONFIDENT_SHARE))
