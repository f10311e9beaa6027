from dataclasses import asdict

import numpy as np
import pytest

from app.classifier.pixels import DIGITS
from model_training.augmentation import Augmentation
from model_training.data import Digits
from model_training.outliers import Mixture, Outliers

STILL = Augmentation(rotation=0, scale=0, shear=0, shift=0, elastic=0, pens=0, faint=0)


@pytest.fixture
def still(digits: Digits, others: Digits) -> Outliers:
    return Outliers(others, digits.only(*DIGITS), STILL, Mixture())


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def is_in(images: np.ndarray, digits: Digits) -> bool:
    return {image.tobytes() for image in images} <= {image.tobytes() for image in digits.images}


def test_number_and_shape_of_every_kind(still: Outliers, rng: np.random.Generator) -> None:
    for n in (0, 1, 2, 500):
        images = still(n, rng)
        assert images.shape == (n, 28, 28)
        assert images.dtype == np.uint8
    for kind in asdict(still.mixture):
        assert getattr(still, kind)(7, rng).shape == (7, 28, 28)


def test_other_digits_inverted_and_turned_images(still: Outliers, rng: np.random.Generator) -> None:
    assert is_in(still.other_digits(50, rng), still.others)
    assert is_in(255 - still.inverted(50, rng), still.digits)
    turned = still.turned(200, rng)
    mirrored = np.array([is_in(image[None, :, ::-1], still.digits) for image in turned])
    rotated = np.array([is_in(image[None, ::-1, ::-1], still.digits) for image in turned])
    assert (mirrored ^ rotated).all()
    assert 60 < mirrored.sum() < 140


def test_pieces_are_dark_on_one_side_of_a_line(still: Outliers, rng: np.random.Generator) -> None:
    pieces = still.pieces(200, rng)
    assert not any(is_in(piece[None], still.digits) for piece in pieces)
    whole = still.digits.images.sum(axis=(1, 2)).mean()
    assert 0.3 < pieces.sum(axis=(1, 2)).mean() / whole < 0.7


def test_kinds_of_noise(still: Outliers, rng: np.random.Generator) -> None:
    noise = still.noise(500, rng)
    levels = np.array([len(np.unique(image)) for image in noise])
    assert (levels == 1).sum() > 10  # flat
    assert (levels == 2).sum() > 50  # black and white
    assert (levels > 20).sum() > 100


def test_strokes(still: Outliers, rng: np.random.Generator) -> None:
    strokes = still.strokes(100, rng)
    ink = (strokes > 127).sum(axis=(1, 2))
    assert ink.min() > 0
    assert ink.max() < 0.7 * 784
    assert len({image.tobytes() for image in strokes}) == 100
