"""Images of neither digit, in fonts, alphabets and styles that the training does not use.

They measure how the network answers what it has never seen. Kinds of outliers and the threshold were chosen by them.
"""

import numpy as np

from app.classifier.pixels import PIXELS, Grey
from model_training.images import outliers
from model_training.images.augmentation import Images
from model_training.images.glyphs import ASCII, GREEK, penned, printed
from model_training.images.shapes import Shape
from model_training.images.strokes import Rng, Stroke, arc, draw, rounded

FONTS = "cmss10", "cmtt10", "STIXGeneralBol", "DejaVuSerif-Italic"
GREEK_FONTS = "DejaVuSans", "DejaVuSerif", "STIXGeneral"
HERSHEY_FONTS = "timesib", "greek"
"""Without Fraktur, whose z is a 3."""
MIN_DIFFERENCE = 12
"""Minimum root mean square difference of a glyph from each one in the training, in grey levels. Fonts share glyphs,
and alphabets share letters."""
DRAWN = 400
"""Number of images of each drawn kind."""


def held_out() -> dict[str, Images]:
    """Return the images of each kind, always the same: (n, 28, 28)."""
    rng = np.random.default_rng(0)
    return {
        "letters and signs of other fonts": _unseen(printed(FONTS, ASCII)),
        "other stroke fonts": np.array(penned(HERSHEY_FONTS, rng, pens=3, without=outliers.HERSHEY_FONTS)),
        "Greek letters": _unseen(printed(GREEK_FONTS, GREEK)),
        "ones with a curved flag": _draw_many(curved_one, rng),
        "small sketches": _draw_many(sketch, rng),
    }


def _unseen(glyphs: list[Grey]) -> Images:
    """Leave out glyphs that are nearly equal to one in the training."""
    images, trained = (np.reshape(part, (-1, PIXELS)).astype(np.float32) for part in (glyphs, outliers.printed_pool()))
    squares = (images**2).sum(axis=1)[:, None] + (trained**2).sum(axis=1) - 2 * images @ trained.T
    return np.asarray(np.array(glyphs)[squares.min(axis=1) > PIXELS * MIN_DIFFERENCE**2])


def curved_one(rng: Rng) -> list[Stroke]:
    """Return a one with a curved flag, at least 30 degrees down, and a bent stem; half of them with a foot."""
    top, lean = rng.uniform(0.4, 0.6), rng.uniform(-0.15, 0.2)
    flag = arc((top - 0.5, 0), (0.5, rng.uniform(0.22, 0.5)), rng.uniform(30, 70), 0)
    stem = np.array([[top, 0], [top - lean / 2 + rng.normal(0, 0.03), 0.5], [top - lean, 1]])
    strokes = [np.vstack([flag, stem])]
    if rng.random() < 0.5:
        width = rng.uniform(0.15, 0.35)
        strokes.append(np.array([[top - lean - width, 1], [top - lean + width, 1]]))
    return strokes


def sketch(rng: Rng) -> list[Stroke]:
    """Return a house, a heart, a spiral, a star or a face."""
    kind = rng.integers(5)
    if kind == 0:
        return [np.array([[0, 0.4], [0.5, 0], [1, 0.4], [1, 1], [0, 1], [0, 0.4], [1, 0.4]])]
    if kind == 1:
        half = np.vstack([arc((0.25, 0.25), (0.25, 0.25), 0, -180), [[0.1, 0.55], [0.5, 1]]])
        return [half, half * (-1, 1) + (1, 0)]
    if kind == 2:
        angles = np.linspace(0, rng.uniform(2.5, 5) * np.pi, 40)
        return [np.stack([angles * np.cos(angles), angles * np.sin(angles)], axis=1)]
    if kind == 3:
        angles = np.deg2rad(np.arange(6) * 144 + rng.uniform(0, 360))
        return [np.stack([np.cos(angles), np.sin(angles)], axis=1)]
    eyes = [np.array([[x, 0.35], [x, 0.4]]) for x in (0.35, 0.65)]
    return [arc((0.5, 0.5), (0.5, 0.5), 0, 360), arc((0.5, 0.55), (0.25, 0.25), 30, 150), *eyes]


def _draw_many(shape: Shape, rng: Rng) -> Images:
    return np.array([_distorted(shape(rng), rng) for _ in range(DRAWN)])


def _distorted(strokes: list[Stroke], rng: Rng) -> Grey:
    angle, wobble = rng.normal(0, 0.1), rng.choice([0.01, 0.03])
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = [(stroke + rng.normal(0, wobble, stroke.shape)) @ turn for stroke in strokes]
    return draw([rounded(stroke, 3) for stroke in moved], rng)
