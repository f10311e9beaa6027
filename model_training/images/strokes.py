"""Draws pen strokes in the size and position of MNIST's digits."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from app.classifier.pixels import IMAGE_SHAPE, Grey
from app.preprocessing.placement import DIGIT_SIDE

Rng = np.random.Generator
Stroke = NDArray[np.float64]
"""Points of a line: (k, 2), x to the right and y down, in any unit"""

DRAWING_SCALE = 2
"""Pixels of the canvas per pixel of the image, along each axis."""
PEN_WIDTHS = 1.0, 3.5
"""Range of the pen's width, in pixels of the image."""
BITS = 4
"""Number of fractional bits of OpenCV's fixed-point coordinates."""


def draw(strokes: Sequence[Stroke], rng: Rng) -> Grey:
    """Draw strokes, light on dark (28, 28), with a pen of random width.

    Their bounding box is scaled to about 20 pixels and centred.
    """
    width = round(DRAWING_SCALE * rng.uniform(*PEN_WIDTHS))
    points = np.concatenate(strokes)
    start, end = points.min(axis=0), points.max(axis=0)
    scale = (DRAWING_SCALE * DIGIT_SIDE - width) / max(float((end - start).max()), 1e-6)
    shift = DRAWING_SCALE * np.array(IMAGE_SHAPE) / 2 - 0.5 - scale * (start + end) / 2
    lines = [np.rint((scale * stroke + shift) * 2**BITS).astype(np.int32) for stroke in strokes]
    canvas = np.zeros([DRAWING_SCALE * side for side in IMAGE_SHAPE], np.uint8)
    cv2.polylines(canvas, lines, False, 255, width, cv2.LINE_AA, shift=BITS)
    return np.asarray(cv2.resize(canvas, IMAGE_SHAPE, interpolation=cv2.INTER_AREA), np.uint8)


def rounded(points: Stroke, steps: int = 6) -> Stroke:
    """Return a smooth curve near the corners of a polygon: points (k, 2) become (steps k, 2)."""
    fine = np.linspace(0, len(points) - 1, steps * len(points))
    curve = np.stack([np.interp(fine, np.arange(len(points)), axis) for axis in points.T], axis=1)
    return np.asarray(cv2.blur(curve, (1, steps - 1)))


def arc(centre: tuple[float, float], radii: tuple[float, float], start: float, end: float) -> Stroke:
    """Return an arc of an ellipse. Angles are in degrees, clockwise from the positive x axis."""
    angles = np.deg2rad(np.linspace(start, end, 16))
    return np.stack([centre[0] + radii[0] * np.cos(angles), centre[1] + radii[1] * np.sin(angles)], axis=1)
