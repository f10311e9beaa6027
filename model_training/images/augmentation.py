"""Makes distorted copies of images, so that the network does not depend on position, slant and pen."""

from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from app.classifier.pixels import IMAGE_SHAPE

Images: TypeAlias = NDArray[np.uint8]
"""(n, 28, 28), light ink on a dark background"""

Field: TypeAlias = NDArray[np.float32]
"""One number (n, 28, 28) or vector (n, 2, 28, 28) for each pixel"""

HEIGHT, WIDTH = IMAGE_SHAPE

MARGIN = 2
"""Dark rows between stacked images, so that a filter at an image's edge does not read the next image."""

GRID = 6
"""Control points along each side of an elastic displacement."""


@dataclass(frozen=True)
class Augmentation:
    """Random affine maps, elastic displacements and pens.

    Elastic displacements are those of Simard, Steinkraus and Platt (2003), a smoothed random field; here the field
    is drawn on a coarse grid and smoothed by a Gaussian on the way to the pixels, which needs few random numbers.
    """

    rotation: float = 10.0
    """Maximum, in degrees either way"""
    scale: float = 0.2
    """Maximum logarithm of the scale of each axis"""
    shear: float = 0.2
    """Maximum, as a fraction of the height"""
    shift: float = 3.0
    """Maximum, in pixels along each axis"""
    elastic: float = 0.5
    """Standard deviation of the displacement, in pixels"""
    pens: float = 0.4
    """Share of the images drawn with another pen: thinner or thicker, softer or harder"""
    faint: float = 0.3
    """Share of the images whose ink is fainter"""

    def __call__(self, images: Images, rng: np.random.Generator) -> Images:
        """Return a distorted copy of each image; pixels from outside the image are dark."""
        return self._redraw(self._warp(images, rng), rng)

    def _warp(self, images: Images, rng: np.random.Generator) -> Images:
        sources: Field = np.tensordot(self._affine(len(images), rng), _CENTRED, axes=1)
        sources += self._displacements(len(images), rng)
        sources += rng.uniform(-self.shift, self.shift, (len(images), 2, 1, 1)).astype(np.float32)
        return sample(images, sources[:, 0] + (WIDTH - 1) / 2, sources[:, 1] + (HEIGHT - 1) / 2)

    def _affine(self, n: int, rng: np.random.Generator) -> Field:
        """Return matrices (n, 2, 2) from points of the copy to points of the original: rotation x shear x scale."""
        angle = np.deg2rad(rng.uniform(-self.rotation, self.rotation, n))
        scale_x, scale_y = np.exp(rng.uniform(-self.scale, self.scale, (2, n)))
        shear = rng.uniform(-self.shear, self.shear, n)
        cos, sin = np.cos(angle), np.sin(angle)
        rows = [[cos * scale_x, (shear * cos - sin) * scale_y], [sin * scale_x, (shear * sin + cos) * scale_y]]
        return np.array(rows, np.float32).transpose(2, 0, 1)

    def _displacements(self, n: int, rng: np.random.Generator) -> Field:
        coarse = rng.standard_normal((n, 2, GRID, GRID), np.float32) * np.float32(self.elastic)
        displacements: Field = _SMOOTHING @ coarse @ _SMOOTHING.T
        return displacements

    def _redraw(self, images: Images, rng: np.random.Generator) -> Images:
        """Imitate other pens: blur, then apply a soft threshold.

        A low threshold thickens strokes, a high one thins them; a high gain sharpens their edges.
        """
        n = len(images)
        blurred = unstack(cv2.GaussianBlur(stack(images), (5, 5), 0.9)).astype(np.float32)
        level = blurred.max(axis=(1, 2)) * rng.uniform(0.15, 0.8, n)
        gain = np.exp(rng.uniform(np.log(1.5), np.log(12), n))
        redrawn = np.clip((blurred - per_image(level)) * per_image(gain) + 96, 0, 255)
        redrawn[blurred < 8] = 0
        drawn = np.where(rng.random((n, 1, 1)) < self.pens, redrawn, images)
        strength = np.where(rng.random(n) < self.faint, rng.uniform(0.3, 1, n), 1)
        return np.asarray(drawn * per_image(strength), np.uint8)


def sample(images: Images, x: Field, y: Field) -> Images:
    """Sample image i at the points (x[i], y[i]), bilinearly; x and y are float32 (n, 28, 28), in pixels."""
    n = len(images)
    first_rows = np.arange(n, dtype=np.float32) * (HEIGHT + 2 * MARGIN) + MARGIN
    rows = np.clip(y, -1, HEIGHT) + first_rows[:, None, None]
    tall = (n * HEIGHT, WIDTH)
    result = cv2.remap(stack(images), x.reshape(tall), rows.reshape(tall), cv2.INTER_LINEAR)
    return np.asarray(result, np.uint8).reshape(images.shape)


def stack(images: Images) -> Images:
    """Stack up to 1,023 images into one tall picture with margins, for one call of OpenCV instead of n."""
    stacked = np.zeros((len(images), HEIGHT + 2 * MARGIN, WIDTH), np.uint8)
    stacked[:, MARGIN:-MARGIN] = images
    return stacked.reshape(-1, WIDTH)


def unstack(picture: NDArray[np.generic]) -> Images:
    """Return the images of a tall picture, without their margins."""
    return np.asarray(picture, np.uint8).reshape(-1, HEIGHT + 2 * MARGIN, WIDTH)[:, MARGIN:-MARGIN]


def per_image(values: NDArray[np.floating]) -> Field:
    """Reshape values (n,) so that they broadcast over images."""
    return values[:, None, None].astype(np.float32)


def gaussian_weights(points: int, pixels: int) -> Field:
    """Return (pixels, points): weight of each control point at each pixel, scaled to keep the points' variance."""
    centres = np.linspace(0, pixels - 1, points)
    spacing = centres[1] - centres[0]
    weights = np.exp(-0.5 * ((np.arange(pixels)[:, None] - centres) / (0.6 * spacing)) ** 2)
    weights /= np.linalg.norm(weights, axis=1, keepdims=True)
    return np.asarray(weights, np.float32)


_SMOOTHING = gaussian_weights(GRID, HEIGHT)
_CENTRED = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)[::-1] - np.float32((HEIGHT - 1) / 2)
"""(2, 28, 28): x and y of each pixel, relative to the centre"""
