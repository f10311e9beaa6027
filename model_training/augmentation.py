"""Distorted copies of images, so that the network learns what a digit is and not where and how it stood."""

from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from app.classifier.pixels import IMAGE_SHAPE

Field: TypeAlias = NDArray[np.float32]

HEIGHT, WIDTH = IMAGE_SHAPE
MARGIN = 1
"""Dark rows between stacked images, so that interpolation at one's edge sees nothing of the next."""

GRID = 6
"""Control points along each side of an elastic displacement."""


class Augmentation:
    """Random affine maps (shift, rotation, scale, shear) and elastic displacements.

    Elastic displacements are those of Simard, Steinkraus and Platt (2003), a smoothed random field; here the field
    is drawn on a coarse grid and smoothed by a Gaussian on the way to the pixels, which needs few random numbers.
    """

    def __init__(
        self,
        rotation: float = 15.0,
        scale: float = 0.15,
        shear: float = 0.2,
        shift: float = 2.5,
        elastic: float = 0.8,
    ) -> None:
        """rotation in degrees; scale and shear as fractions; shift and elastic (one sigma) in pixels."""
        self._rotation, self._scale, self._shear, self._shift = np.deg2rad(rotation), scale, shear, shift
        self._elastic = elastic
        self._smoothing = _gaussian_weights(GRID, HEIGHT)
        ys, xs = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
        self._centred = np.stack([xs - (WIDTH - 1) / 2, ys - (HEIGHT - 1) / 2])

    def __call__(self, images: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
        """A distorted copy of each image (n, 28, 28); what comes in from outside is dark."""
        sources: Field = np.tensordot(self._affine(len(images), rng), self._centred, axes=1)
        sources += self._displacements(len(images), rng)
        sources += rng.uniform(-self._shift, self._shift, (len(images), 2, 1, 1)).astype(np.float32)
        return sample(images, sources[:, 0] + (WIDTH - 1) / 2, sources[:, 1] + (HEIGHT - 1) / 2)

    def _affine(self, n: int, rng: np.random.Generator) -> Field:
        angle = rng.uniform(-self._rotation, self._rotation, n)
        scale_x, scale_y = np.exp(rng.uniform(-self._scale, self._scale, (2, n)))
        shear = rng.uniform(-self._shear, self._shear, n)
        cos, sin = np.cos(angle), np.sin(angle)
        rows = [[cos * scale_x, (shear * cos - sin) * scale_y], [sin * scale_x, (shear * sin + cos) * scale_y]]
        return np.array(rows, np.float32).transpose(2, 0, 1)

    def _displacements(self, n: int, rng: np.random.Generator) -> Field:
        coarse = rng.standard_normal((n, 2, GRID, GRID), np.float32) * np.float32(self._elastic)
        displacements: Field = self._smoothing @ coarse @ self._smoothing.T
        return displacements


def sample(images: NDArray[np.uint8], x: Field, y: Field) -> NDArray[np.uint8]:
    """Read image i at the points (x[i], y[i]), bilinearly; x and y are float32 (n, 28, 28), in pixels.

    All n images are one tall picture to OpenCV: one call instead of n.
    """
    n = len(images)
    pitch = HEIGHT + 2 * MARGIN
    stacked = np.zeros((n, pitch, WIDTH), np.uint8)
    stacked[:, MARGIN:-MARGIN] = images
    rows = np.clip(y, -MARGIN, HEIGHT - 1 + MARGIN) + (np.arange(n, dtype=np.float32) * pitch + MARGIN)[:, None, None]
    tall = (n * HEIGHT, WIDTH)
    result = cv2.remap(stacked.reshape(-1, WIDTH), x.reshape(tall), rows.reshape(tall), cv2.INTER_LINEAR)
    return np.asarray(result, np.uint8).reshape(images.shape)


def _gaussian_weights(points: int, pixels: int) -> Field:
    """(pixels, points): how much each control point moves each pixel, scaled to keep the variance of the points."""
    centres = np.linspace(0, pixels - 1, points)
    spacing = centres[1] - centres[0]
    weights = np.exp(-0.5 * ((np.arange(pixels)[:, None] - centres) / (0.6 * spacing)) ** 2)
    weights /= np.linalg.norm(weights, axis=1, keepdims=True)
    return np.asarray(weights, np.float32)
