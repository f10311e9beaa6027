"""Digits and signs that people write much like a 3 or a 7, drawn stroke by stroke with random proportions.

Each function returns strokes about one unit high, x to the right and y down.
"""

from collections.abc import Callable
from functools import partial

import numpy as np

from model_training.images.strokes import Rng, Stroke, arc, rounded

Shape = Callable[[Rng], list[Stroke]]

WOBBLE = 0.02
"""Standard deviation of a point's random displacement, of the height."""


def one(rng: Rng, flag: bool = True) -> list[Stroke]:
    """Return a one, with or without a flag, half of them with a foot.

    The flag points to the left and at least 30 degrees down. A horizontal one would make a 7.
    """
    slant = rng.uniform(-0.1, 0.3)
    top, bottom = np.array([0.5 + slant / 2, 0.0]), np.array([0.5 - slant / 2, 1.0])
    slope = np.deg2rad(rng.uniform(30, 75))
    tip = top + rng.uniform(0.15, 0.6) * np.array([-np.cos(slope), np.sin(slope)])
    bend = (tip + top) / 2 + rng.normal(0, 0.03, 2) + (0, rng.uniform(0, 0.06))
    strokes = [np.array([tip, bend, top, bottom]) if flag else np.array([top, bottom])]
    if rng.random() < 0.5:
        left, right = rng.uniform(0.1, 0.4, 2)
        strokes.append(bottom + np.array([[-left, 0], [right, 0]]))
    return strokes


def two_without_foot(rng: Rng) -> list[Stroke]:
    """Return a two whose foot is missing, short or rising."""
    bow = arc((0.5, 0.28), (rng.uniform(0.25, 0.42), rng.uniform(0.22, 0.3)), rng.uniform(170, 230), 380)
    end = np.array([rng.uniform(0.0, 0.3), 1.0])
    foot = [end + np.array([rng.uniform(0.0, 0.45), rng.normal(-0.03, 0.05)])] if rng.random() < 0.6 else []
    return [np.vstack([bow, end, *foot])]


def nine(rng: Rng) -> list[Stroke]:
    """Return a nine with a loop that is small, flat or open."""
    radius_x, radius_y = rng.uniform(0.1, 0.35), rng.uniform(0.08, 0.25)
    opening = rng.uniform(-20, 60)
    loop = arc((0.5, radius_y), (radius_x, radius_y), -opening, -360 + rng.uniform(-10, 20))
    side = 0.5 + radius_x
    tail = np.array([[side, 0.3], [side + rng.normal(0, 0.05), 0.6], [side - rng.uniform(0, 0.5), 1.0]])
    return [np.vstack([loop, tail])]


def four(rng: Rng) -> list[Stroke]:
    """Return a four, open or closed, whose left part is small or large."""
    stem = rng.uniform(0.55, 0.8)
    bar = rng.uniform(0.35, 0.7)
    left = rng.uniform(0.0, 0.35)
    lean = rng.uniform(-0.15, 0.1)
    top = np.array([rng.uniform(left, stem), rng.uniform(0, 0.25)])
    return [
        np.array([top, [left, bar], [stem + rng.uniform(-0.05, 0.3), bar + rng.normal(0, 0.05)]]),
        np.array([[stem, rng.uniform(0, 0.3)], [stem + lean, 1.0]]),
    ]


def question_mark(rng: Rng) -> list[Stroke]:
    """Return a question mark, with or without its dot."""
    radius = rng.uniform(0.2, 0.35)
    bow = arc((0.5, radius), (radius, radius * rng.uniform(0.7, 1)), rng.uniform(170, 230), rng.uniform(370, 430))
    x = 0.5 + rng.normal(0, 0.05)
    strokes = [np.vstack([bow, [[x, rng.uniform(0.5, 0.65)], [x + rng.normal(0, 0.05), rng.uniform(0.7, 0.85)]]])]
    return strokes if rng.random() < 0.4 else [*strokes, np.array([[x, 0.97], [x + 0.01, 1.0]])]


def tee(rng: Rng) -> list[Stroke]:
    """Return a T, or a t: a bar, and a stem that meets it away from its right end."""
    width, share = rng.uniform(0.4, 1.0), rng.uniform(0.25, 0.7)
    tilt, slant = rng.normal(0, 0.08), rng.uniform(-0.2, 0.2)
    height = rng.uniform(0, 0.5) if rng.random() < 0.4 else 0.0
    bar = np.array([[0, height + tilt], [width, height - tilt]])
    return [bar, np.array([[share * width + slant * height, 0], [share * width - slant * (1 - height), 1.0]])]


def hook(rng: Rng) -> list[Stroke]:
    """Return a J or a reversed C: a stem with a bow at its lower end, half of them with a bar on top."""
    radius = rng.uniform(0.12, 0.4)
    stem = rng.uniform(0.2, 0.8)
    bow = arc((0, stem), (radius, min(radius, 1 - stem) + 0.05), 0, rng.uniform(90, 200))
    strokes = [np.vstack([[[radius + rng.normal(0, 0.05), 0]], bow])]
    if rng.random() < 0.5:
        strokes.append(np.array([[radius - rng.uniform(0.1, 0.4), 0], [radius + rng.uniform(0, 0.3), 0]]))
    return strokes


def corner(rng: Rng) -> list[Stroke]:
    """Return a >, a tick or a caret: two straight strokes that meet. One that would be a 7 is replaced by a one."""
    first, second = np.sort(rng.uniform(0, 360, 2))
    if abs((second - first + 180) % 360 - 180) < 25:
        second = first + 40
    ends = [rng.uniform(0.4, 1) * np.array([np.cos(a), np.sin(a)]) for a in np.deg2rad([first, second])]
    strokes = [np.array([ends[0], [0, 0], ends[1]])]
    to_left, down = (abs(a % 360 - target) < 40 for a, target in ((second, 180), (first, 110)))
    return one(rng) if to_left and down else strokes


def bracket(rng: Rng) -> list[Stroke]:
    """Return a closing bracket, brace, parenthesis or a greater-than sign."""
    kind = rng.integers(4)
    depth, width = rng.uniform(0.15, 0.5), rng.uniform(0.1, 0.4)
    if kind == 0:
        return [np.array([[0, 0], [width, 0], [width, 1], [0, 1]])]
    if kind == 1:
        return [arc((0, 0.5), (depth, 0.5), -80, 80)]
    if kind == 2:
        half = arc((0, 0.25), (width / 2, 0.25), -80, 30)
        tip = np.array([[width, 0.5]])
        return [np.vstack([half, tip, half[::-1] * (1, -1) + (0, 1)])]
    return [np.array([[0, rng.uniform(0, 0.2)], [rng.uniform(0.4, 1), 0.5], [0, 1]])]


def cross(rng: Rng) -> list[Stroke]:
    """Return a plus sign, a cross, or a stem with two bars."""
    left, top = rng.uniform(0.3, 0.7), rng.uniform(0.2, 0.7)
    slant = rng.uniform(-0.15, 0.15)
    strokes = [np.array([[0, top], [1, top + rng.normal(0, 0.08)]]), np.array([[left + slant, 0], [left - slant, 1]])]
    return strokes if rng.random() < 0.7 else [*strokes, strokes[0] + (0, rng.uniform(0.15, 0.3))]


def zigzag(rng: Rng) -> list[Stroke]:
    """Return a line of five to eight straight parts, from top to bottom or from left to right (four may be a 3)."""
    count = int(rng.integers(6, 10))
    across = np.where(np.arange(count) % 2, rng.uniform(0.6, 1), rng.uniform(0, 0.4))
    points = np.stack([across, np.linspace(0, rng.uniform(0.6, 1.4), count)], axis=1) + rng.normal(0, 0.04, (count, 2))
    return [points if rng.random() < 0.5 else points[:, ::-1]]


def double(rng: Rng, shapes: tuple[Shape, ...]) -> list[Stroke]:
    """Return two shapes side by side."""
    left, right = (shapes[rng.integers(len(shapes))](rng) for _ in range(2))
    shift = np.array([rng.uniform(0.6, 1.2), rng.normal(0, 0.1)])
    return [*left, *(stroke + shift for stroke in right)]


SHAPES: tuple[tuple[Shape, float], ...] = (
    (one, 3.0),
    (partial(one, flag=False), 0.5),
    (two_without_foot, 1.5),
    (nine, 1.5),
    (four, 1.5),
    (question_mark, 1.0),
    (tee, 1.5),
    (hook, 1.5),
    (corner, 1.0),
    (bracket, 1.5),
    (cross, 1.0),
    (zigzag, 0.7),
    (partial(double, shapes=(one, two_without_foot, nine, four, hook)), 0.7),
)
"""Shapes and how often each is drawn, as a ratio."""


def shape(rng: Rng) -> list[Stroke]:
    """Return a random shape with a hand's irregularity."""
    weights = np.array([weight for _, weight in SHAPES])
    strokes = SHAPES[rng.choice(len(SHAPES), p=weights / weights.sum())][0](rng)
    strokes = [stroke + rng.normal(0, WOBBLE, stroke.shape) for stroke in strokes]
    return [rounded(stroke) for stroke in strokes] if rng.random() < 0.6 else strokes


def scribble(rng: Rng) -> list[Stroke]:
    """Return a line or curve through a few random points."""
    points = rng.random((rng.integers(4, 9), 2))
    return [rounded(points) if rng.random() < 0.5 else points]
