"""Measures `fit`: how often digits are read right, for each kind of rendered picture."""

import io
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from app.classifier import Classifier
from app.classifier.pixels import IMAGE_SHAPE
from app.errors import ImageBlank
from app.preprocessing.decode import read_digit
from model_training.images.mnist import Digits
from model_training.images.renderings import KINDS

RENDERED = 500
"""Number of threes and sevens, and of other digits, per kind."""


@dataclass(frozen=True)
class KindFigures:
    """Counts for one kind of picture, among `images` threes and sevens and as many other digits."""

    kind: str
    confident_and_wrong: int
    not_confident: int
    others_confident: int
    confidence: NDArray[np.float32]
    """Of each answer, (images,)"""
    right: NDArray[np.bool_]
    """Whether each answer is right, (images,)"""
    picture: NDArray[np.uint8]
    """An example"""
    seen: NDArray[np.uint8]
    """The example after `fit`"""

    @property
    def images(self) -> int:
        """Number of threes and sevens."""
        return len(self.right)

    @property
    def wrong(self) -> int:
        """Number of threes and sevens with the wrong answer."""
        return int((~self.right).sum())


def evaluate_fit(classifier: Classifier, digits: Digits, others: Digits, count: int = RENDERED) -> list[KindFigures]:
    """Render `count` digits of each kind, fit and classify them. The result is the same for the same images."""
    return [_evaluate(kind, classifier, digits, others, count) for kind in KINDS]


def all_answers(kinds: Sequence[KindFigures]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return the confidence of the answers to all kinds of pictures, and whether each is right."""
    return np.concatenate([kind.confidence for kind in kinds]), np.concatenate([kind.right for kind in kinds])


def _evaluate(kind: str, classifier: Classifier, digits: Digits, others: Digits, count: int) -> KindFigures:
    rng = np.random.default_rng(zlib.crc32(kind.encode()))
    digits, others = (some.take(rng.permutation(len(some.labels))[:count]) for some in (digits, others))
    example = KINDS[kind](digits.images[0], np.random.default_rng(0))
    answers, confidence, confident = _answers(kind, classifier, digits, rng)
    right = answers == digits.labels
    return KindFigures(
        kind=kind,
        confident_and_wrong=int((~right & confident).sum()),
        not_confident=int((~confident).sum()),
        others_confident=int(_answers(kind, classifier, others, rng)[2].sum()),
        confidence=confidence,
        right=right,
        picture=example,
        seen=_fitted(example)[0],
    )


def _answers(
    kind: str, classifier: Classifier, digits: Digits, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.bool_]]:
    """Return the predicted digits, their probabilities, and whether each prediction is confident."""
    seen, certain = zip(*[_fitted(KINDS[kind](image, rng)) for image in digits.images], strict=True)
    predictions = classifier.predict(np.stack(seen))
    return predictions.digits, predictions.probabilities.max(axis=1), predictions.confident & np.array(certain)


def _fitted(picture: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], bool]:
    """Return the network's input for a picture, and whether it can be confident. For a blank one the input is 0."""
    upload = io.BytesIO()
    Image.fromarray(picture).save(upload, "BMP")
    try:
        image = read_digit(upload.getvalue(), picture.size, fit=True)
    except ImageBlank:
        return np.zeros(IMAGE_SHAPE, np.uint8), False
    return image.pixels, not image.ambiguous
