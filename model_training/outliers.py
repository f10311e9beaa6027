"""Images that are neither a 3 nor a 7, to learn that nothing can be known of them.

Outlier exposure (Hendrycks, Mazeika and Dietterich 2019): the network sees them in training with equal target
probabilities for both digits, and so is less sure of much that it has not seen in training either.
"""

from dataclasses import asdict, dataclass

import cv2
import numpy as np

from app.classifier.pixels import IMAGE_SHAPE
from model_training.augmentation import GRID, HEIGHT, WIDTH, Augmentation, Images, gaussian_weights
from model_training.data import Digits


@dataclass(frozen=True)
class Mixture:
    """How often each kind of outlier comes, as a ratio; the kinds are methods of `Outliers`."""

    other_digits: float = 12.0
    """The hardest to tell, and what people try first"""
    strokes: float = 1.0
    noise: float = 0.4
    inverted: float = 0.3
    turned: float = 0.5
    pieces: float = 0.5


@dataclass(frozen=True)
class Outliers:
    """Makes outliers, from other digits and from what is done to threes and sevens."""

    others: Digits
    """Digits other than 3 and 7"""
    digits: Digits
    """Threes and sevens"""
    augmentation: Augmentation
    mixture: Mixture

    def __call__(self, n: int, rng: np.random.Generator) -> Images:
        """n outliers, kind by kind."""
        ratios = asdict(self.mixture)
        counts = rng.multinomial(n, np.array(list(ratios.values())) / sum(ratios.values()))
        parts = [getattr(self, kind)(count, rng) for kind, count in zip(ratios, counts, strict=True) if count]
        return np.concatenate([np.zeros((0, *IMAGE_SHAPE), np.uint8), *parts])

    def other_digits(self, n: int, rng: np.random.Generator) -> Images:
        """0, 1, 2, 4, 5, 6, 8, 9, distorted as threes and sevens are."""
        return self._copies(self.others, n, rng)

    def strokes(self, n: int, rng: np.random.Generator) -> Images:
        """Lines and curves through a few random points."""
        images = np.zeros((n, *IMAGE_SHAPE), np.uint8)
        for image in images:
            points = rng.uniform(3, 25, (rng.integers(2, 8), 2))
            if rng.random() < 0.5:
                points = _rounded(points)
            fixed_point = np.rint(points * 16).astype(np.int32)  # 4 binary places
            line = cv2.LINE_AA if rng.random() < 0.7 else cv2.LINE_8
            cv2.polylines(image, [fixed_point], bool(rng.random() < 0.15), 255, int(rng.integers(1, 5)), line, shift=4)
        return self.augmentation(images, rng)

    def noise(self, n: int, rng: np.random.Generator) -> Images:
        """Flat greys, ramps, clouds and grain, mixed; a third of them in black and white alone."""
        smoothing = gaussian_weights(GRID, HEIGHT)
        y, x = np.mgrid[-0.5 : 0.5 : HEIGHT * 1j, -0.5 : 0.5 : WIDTH * 1j]
        slope_x, slope_y, clouds, grain = rng.normal(size=(4, n, 1, 1)) * (rng.random((4, n, 1, 1)) < 0.5)
        levels = rng.random((n, 1, 1)) + slope_x * x + slope_y * y
        levels += 0.3 * clouds * (smoothing @ rng.standard_normal((n, GRID, GRID)) @ smoothing.T)
        levels += 0.3 * grain * rng.standard_normal((n, *IMAGE_SHAPE))
        two_tone = rng.random((n, 1, 1)) < 1 / 3
        return np.asarray(np.where(two_tone, levels > 0.5, np.clip(levels, 0, 1)) * 255, np.uint8)

    def inverted(self, n: int, rng: np.random.Generator) -> Images:
        """Threes and sevens dark on light, which the service never passes on."""
        return 255 - self._copies(self.digits, n, rng)

    def turned(self, n: int, rng: np.random.Generator) -> Images:
        """Threes and sevens mirrored, and half of them upside down too (a three alone upside down is a three)."""
        mirrored = self._copies(self.digits, n, rng)[:, :, ::-1]
        return np.where(rng.random((n, 1, 1)) < 0.5, mirrored, mirrored[:, ::-1])

    def pieces(self, n: int, rng: np.random.Generator) -> Images:
        """Threes and sevens of which only one side of a line near the middle is left."""
        angle, offset = rng.uniform(0, 2 * np.pi, (n, 1, 1)), rng.uniform(-3, 3, (n, 1, 1))
        y, x = np.mgrid[:HEIGHT, :WIDTH] - (HEIGHT - 1) / 2
        kept = x * np.cos(angle) + y * np.sin(angle) > offset
        return np.where(kept, self._copies(self.digits, n, rng), np.uint8(0))

    def _copies(self, source: Digits, n: int, rng: np.random.Generator) -> Images:
        return self.augmentation(source.images[rng.integers(len(source.images), size=n)], rng)


def _rounded(points: np.ndarray) -> np.ndarray:
    """A smooth curve near a polygon's corners: points float64 (k, 2), x and y in pixels, become (6 k, 2)."""
    fine = np.linspace(0, len(points) - 1, 6 * len(points))
    curve = np.stack([np.interp(fine, np.arange(len(points)), axis) for axis in points.T], axis=1)
    return np.asarray(cv2.blur(curve, (1, 5)))
