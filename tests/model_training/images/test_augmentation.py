import numpy as np
import pytest
from numpy.typing import NDArray

from model_training.images.augmentation import Augmentation, sample
from model_training.images.mnist import Digits

STILL = {"rotation": 0.0, "scale": 0.0, "shear": 0.0, "shift": 0.0, "elastic": 0.0, "pens": 0.0, "faint": 0.0}


Y, X = (field[None] for field in np.mgrid[:28, :28].astype(np.float32))


def test_sampling(digits: Digits) -> None:
    images = digits.images[:50]
    assert (sample(images, X.repeat(50, 0), Y.repeat(50, 0)) == images).all()
    shifted = sample(np.full((3, 28, 28), 200, np.uint8), X.repeat(3, 0) + 2, Y.repeat(3, 0) - 3)
    assert (shifted[:, 3:, :-2] == 200).all()
    assert not shifted[:, :3].any()
    assert not shifted[:, :, -2:].any()
    dot = np.zeros((1, 28, 28), np.uint8)
    dot[0, 10, 10] = 200
    between = sample(dot, X, Y + np.float32(0.5))
    assert between[0, 9, 10] == between[0, 10, 10] == 100
    assert between.sum() == 200


def test_sampling_does_not_reach_the_next_image_of_the_batch() -> None:
    images = np.zeros((3, 28, 28), np.uint8)
    images[1] = 255
    for shift in (-100, -1, -0.5, 0.5, 1, 100):
        sampled = sample(images, X.repeat(3, 0), Y.repeat(3, 0) + np.float32(shift))
        assert not sampled[[0, 2]].any()


def distorted(image: NDArray[np.uint8], **options: float) -> NDArray[np.uint8]:
    """Return 300 copies of an image, distorted in one way."""
    return Augmentation(**STILL | options)(np.repeat(image[None], 300, 0), np.random.default_rng(0))


def second_moments(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return (n, 2, 2): variances and covariance of x and y, weighted by ink."""
    y, x = np.mgrid[:28, :28]
    points = np.stack([x.ravel(), y.ravel()])
    return np.stack([np.cov(points, aweights=image.ravel()) for image in images])


BAR = np.zeros((28, 28), np.uint8)
BAR[13:15, 6:22] = 255


def test_rotation_and_scale() -> None:
    moments = second_moments(distorted(BAR, rotation=30))
    angles = np.rad2deg(0.5 * np.arctan2(2 * moments[:, 0, 1], moments[:, 0, 0] - moments[:, 1, 1]))
    assert (angles.min(), angles.max()) == pytest.approx((-30, 30), abs=2)
    assert angles.mean() == pytest.approx(0, abs=3)
    lengths = np.sqrt(second_moments(distorted(BAR, scale=0.3))[:, 0, 0] / second_moments(BAR[None])[0, 0, 0])
    assert (lengths.min(), lengths.max()) == pytest.approx(np.exp((-0.3, 0.3)), abs=0.03)


def test_shear_slants_upright_strokes_only() -> None:
    upright, level = (second_moments(distorted(bar, shear=0.5)) for bar in (BAR.T, BAR))
    slants = upright[:, 0, 1] / upright[:, 1, 1]
    assert (slants.min(), slants.max()) == pytest.approx((-0.5, 0.5), abs=0.05)
    assert np.abs(level[:, 0, 1] / level[:, 0, 0]).max() < 0.02


def test_copies_differ_and_keep_most_of_the_ink(digits: Digits) -> None:
    images = np.repeat(digits.images[:1], 100, 0)
    copies = Augmentation(pens=0, faint=0)(images, np.random.default_rng(0))
    assert len({copy.tobytes() for copy in copies}) == 100
    ink = copies.sum(axis=(1, 2)) / images[0].sum()
    assert ink.min() > 0.6
    assert ink.max() < 1.6


def test_elastic_displacement_has_the_requested_size_and_is_smooth() -> None:
    """Measured along a ramp of 9 levels a pixel."""
    ramp = np.repeat(np.tile(np.arange(28, dtype=np.uint8) * 9, (1, 28, 1)), 500, 0)
    drawn = Augmentation(**STILL | {"elastic": 2.0})(ramp, np.random.default_rng(0))
    displacements = (drawn.astype(float) - ramp)[:, 8:20, 8:20] / 9
    assert abs(displacements.std() - 2) < 0.1
    assert np.abs(np.diff(displacements, axis=2)).mean() < 0.5


def test_pens_thin_and_thicken_strokes(digits: Digits) -> None:
    image = digits.images[0]
    drawn = distorted(image, pens=1)
    ink = (drawn > 127).sum(axis=(1, 2)) / (image > 127).sum()
    assert ink.min() < 0.7
    assert ink.max() > 1.2
    assert not drawn[:, :3].any()
    assert (distorted(image, pens=0.4) == image).all((1, 2)).mean() == pytest.approx(0.6, abs=0.1)


def test_faint_ink_keeps_its_shape(digits: Digits) -> None:
    faint = distorted(digits.images[0], faint=1)
    strength = faint.max(axis=(1, 2)) / 255
    assert (strength.min(), strength.max()) == pytest.approx((0.3, 1), abs=0.03)
    assert np.abs(faint - digits.images[0] * strength[:, None, None]).max() <= 1
