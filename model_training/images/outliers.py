"""Makes images that are neither a 3 nor a 7, which the network learns to answer with equal probabilities.

Outlier exposure (Hendrycks, Mazeika and Dietterich 2019): they are part of each batch, with the target 0.5 for both
digits. The network is then less confident about much that it has not seen in training, too.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache

import numpy as np

from app.classifier.pixels import IMAGE_SHAPE
from model_training.images.augmentation import GRID, HEIGHT, WIDTH, Augmentation, Images, gaussian_weights
from model_training.images.glyphs import ASCII, OTHER_CHARACTERS, penned, printed
from model_training.images.mnist import Digits
from model_training.images.shapes import Shape, scribble, shape
from model_training.images.strokes import Rng, draw

Kind = Callable[[int, Rng], Images]
"""Function that makes n images of one kind"""

STRONGER = 1.75
"""Factor of the stronger distortions of other digits: they still are neither a 3 nor a 7."""
DRAWN = 10_000
"""Number of shapes, and of scribbles, that are drawn once. Each use distorts them in another way."""
FONTS = (
    *("DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSansDisplay", "DejaVuSansMono"),
    *("DejaVuSansMono-BoldOblique", "DejaVuSerif", "DejaVuSerif-BoldItalic", "DejaVuSerifDisplay", "STIXGeneral"),
    *("STIXGeneralItalic", "STIXGeneralBolIta", "cmr10", "cmti10"),
)
HERSHEY_FONTS = (
    *("futural", "futuram", "rowmans", "rowmant", "scripts", "scriptc", "timesi", "timesr", "gothitt", "gothgbt"),
    *("astrology", "mathlow", "mathupp", "symbolic", "music", "meteorology"),
)


class Outliers:
    """Makes outliers of all kinds. Each kind has a fixed probability."""

    def __init__(self, digits: Digits, others: Digits, uploads: Images, augmentation: Augmentation) -> None:
        """Prepare the kinds. digits: threes and sevens; others: other digits; uploads: other digits, fitted."""
        stronger = replace(
            augmentation,
            **{name: STRONGER * getattr(augmentation, name) for name in ("rotation", "scale", "shear", "elastic")},
        )
        threes_and_sevens = copies(digits.images, augmentation)
        every_digit = copies(np.concatenate([digits.images, others.images]), augmentation)
        self.kinds: dict[str, tuple[Kind, float]] = {
            "other digits": (copies(others.images, augmentation), 24.0),
            "other digits, distorted more": (copies(others.images, stronger), 4.0),
            "other digits, fitted": (copies(uploads, augmentation), 4.0),
            "letters and signs": (copies(_printed(ASCII), augmentation), 3.0),
            "other scripts and symbols": (copies(_printed(OTHER_CHARACTERS), augmentation), 1.5),
            "stroke fonts": (copies(_penned(), augmentation), 2.0),
            "shapes": (copies(_drawn(shape, 1), augmentation), 4.0),
            "scribbles": (copies(_drawn(scribble, 2), augmentation), 1.0),
            "pairs": (pairs(every_digit), 0.5),
            "pieces": (pieces(threes_and_sevens), 0.7),
            "mirrored": (mirrored(threes_and_sevens), 0.5),
            "inverted": (lambda n, rng: 255 - threes_and_sevens(n, rng), 0.3),
            "noise": (noise, 0.4),
        }
        """Each kind with its weight. Other digits are the hardest to tell, and what people try first."""
        weights = np.array([weight for _, weight in self.kinds.values()])
        self._shares = weights / weights.sum()

    def __call__(self, n: int, rng: Rng) -> Images:
        """Return n outliers, kind by kind."""
        counts = rng.multinomial(n, self._shares)
        parts = [kind(count, rng) for (kind, _), count in zip(self.kinds.values(), counts, strict=True) if count]
        return np.concatenate([np.zeros((0, *IMAGE_SHAPE), np.uint8), *parts])


def copies(images: Images, augmentation: Augmentation) -> Kind:
    """Return a function that makes distorted copies of randomly chosen images."""
    return lambda n, rng: augmentation(images[rng.integers(len(images), size=n)], rng)


def pairs(kind: Kind) -> Kind:
    """Return a function that makes pairs of images, overlaid or side by side."""

    def make(n: int, rng: Rng) -> Images:
        most = WIDTH // 3
        columns = most + np.arange(WIDTH) + rng.integers(0, most, (n, 1, 1)) * np.array([[[1]], [[-1]]])[:, None]
        each, rows = np.arange(n)[:, None, None], np.arange(HEIGHT)[:, None]
        left, right = (np.pad(kind(n, rng), ((0, 0), (0, 0), (most, most)))[each, rows, moved] for moved in columns)
        return np.asarray(np.maximum(left, right))

    return make


def pieces(kind: Kind) -> Kind:
    """Return a function that cuts images along a random line near the centre, and keeps one side."""

    def make(n: int, rng: Rng) -> Images:
        angle, offset = rng.uniform(0, 2 * np.pi, (n, 1, 1)), rng.uniform(-3, 3, (n, 1, 1))
        y, x = np.mgrid[:HEIGHT, :WIDTH] - (HEIGHT - 1) / 2
        return np.where(x * np.cos(angle) + y * np.sin(angle) > offset, kind(n, rng), np.uint8(0))

    return make


def mirrored(kind: Kind) -> Kind:
    """Return a function that flips images left to right, and half of them top to bottom too.

    A 3 that is flipped only top to bottom is still a 3.
    """

    def make(n: int, rng: Rng) -> Images:
        images = kind(n, rng)[:, :, ::-1]
        return np.where(rng.random((n, 1, 1)) < 0.5, images, images[:, ::-1])

    return make


def noise(n: int, rng: Rng) -> Images:
    """Make flat greys, ramps, clouds and grain, mixed; a third of the images are black and white only."""
    smoothing = gaussian_weights(GRID, HEIGHT)
    y, x = np.mgrid[-0.5 : 0.5 : HEIGHT * 1j, -0.5 : 0.5 : WIDTH * 1j]
    slope_x, slope_y, clouds, grain = rng.normal(size=(4, n, 1, 1)) * (rng.random((4, n, 1, 1)) < 0.5)
    levels = rng.random((n, 1, 1)) + slope_x * x + slope_y * y
    levels += 0.3 * clouds * (smoothing @ rng.standard_normal((n, GRID, GRID)) @ smoothing.T)
    levels += 0.3 * grain * rng.standard_normal((n, *IMAGE_SHAPE))
    two_tone = rng.random((n, 1, 1)) < 1 / 3
    return np.asarray(np.where(two_tone, levels > 0.5, np.clip(levels, 0, 1)) * 255, np.uint8)


# The pools are the same in every run, whatever its seed, and are drawn once in a process.


def printed_pool() -> Images:
    """Return all glyphs of outline fonts that are used in the training, (n, 28, 28)."""
    return np.concatenate([_printed(ASCII), _printed(OTHER_CHARACTERS)])


@cache
def _printed(characters: Iterable[int]) -> Images:
    return np.array(printed(FONTS, characters))


@cache
def _penned() -> Images:
    return np.array(penned(HERSHEY_FONTS, np.random.default_rng(0), pens=4))


@cache
def _drawn(shape: Shape, seed: int) -> Images:
    rng = np.random.default_rng(seed)
    return np.array([draw(shape(rng), rng) for _ in range(DRAWN)])
