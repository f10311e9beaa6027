"""Renders MNIST digits as people draw, crop, scan and photograph them, to measure `fit`.

Each kind of picture is a function. Its arguments are an image of 28 x 28 pixels, light on dark, and a random generator;
it returns an uploaded picture: uint8 (height, width), or (height, width, 3) in RGB.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from app.classifier.pixels import Grey
from model_training.images.strokes import Rng

Levels = NDArray[np.float32]
Rendering = Callable[[Grey, Rng], NDArray[np.uint8]]

PEN, PAPER = 40, 245
"""Levels of dark ink and of white paper."""


def strokes(digit: Grey, side: int, thicker: int = 0) -> Levels:
    """Return ink coverage, 0 to 1, in a square of `side` pixels, with strokes thickened by `thicker` pixels."""
    smooth: Any = cv2.GaussianBlur(cv2.resize(digit, (side, side), interpolation=cv2.INTER_CUBIC), (0, 0), side / 100)
    coverage: Any = np.clip((smooth.astype(np.float32) / 255 - 0.35) * 6, 0, 1)
    if thicker:
        coverage = cv2.dilate(coverage, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (thicker + 1, thicker + 1)))
    return np.asarray(coverage, np.float32)


def cropped(coverage: Levels) -> Levels:
    """Crop to the bounding box of the ink."""
    x, y, width, height = cv2.boundingRect((coverage > 0.3).astype(np.uint8))
    return coverage[y : y + height, x : x + width]


def placed(coverage: Levels, height: int, width: int, rng: Rng) -> Levels:
    """Place ink on an empty page at a random position inside its border."""
    rows, columns = coverage.shape
    page = np.zeros((height, width), np.float32)
    top, left = (
        int(rng.integers(side // 20, side - part - side // 20)) for side, part in ((height, rows), (width, columns))
    )
    page[top : top + rows, left : left + columns] = coverage
    return page


def high(digit: Grey, height: int) -> Levels:
    """Return ink of this height in pixels, cropped to its bounding box."""
    return cropped(strokes(digit, round(height * 28 / 20)))


def laid(coverage: Levels, paper: Any, pen: Any) -> NDArray[np.uint8]:
    """Blend ink of a level or colour with paper, which is a level, a colour or an image."""
    share = coverage if np.ndim(pen) == 0 and np.ndim(paper) != 3 else coverage[..., None]
    return np.asarray(np.clip(paper + share * (np.asarray(pen, np.float32) - paper), 0, 255).round(), np.uint8)


def plain(digit: Grey, _: Rng, thicker: int = 0) -> Grey:
    """Render dark ink on white."""
    return laid(strokes(digit, 280, thicker), PAPER, PEN)


def enlarged(digit: Grey, _: Rng) -> Grey:
    """Render soft strokes, as in an enlarged thumbnail."""
    return np.uint8(255) - np.asarray(cv2.resize(digit, (280, 280), interpolation=cv2.INTER_CUBIC), np.uint8)


def cut(digit: Grey, rng: Rng, thicker: int = 0) -> Grey:
    """Render a tight crop, mostly dark on light."""
    picture = laid(cropped(strokes(digit, 280, thicker)), PAPER, PEN)
    return picture if rng.random() < 0.7 else 255 - picture


def tiny(digit: Grey, rng: Rng, least: int = 16, most: int = 16) -> Grey:
    """Render a tight crop whose longer side has `least` to `most` pixels, and the shorter one at least 8."""
    picture = laid(cropped(strokes(digit, 280)), PAPER, PEN)
    scale = rng.integers(least, most + 1) / max(picture.shape)
    height, width = (max(8, round(side * scale)) for side in picture.shape)
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA))


def rules(height: int, width: int, pitch: int, thickness: int, rng: Rng, vertical: bool = False) -> Levels:
    """Return the coverage of horizontal ruled lines, and of vertical ones for squared paper."""
    page = np.zeros((height, width), np.float32)
    for position in range(int(rng.integers(pitch)), height, pitch):
        page[position : position + thickness] = 1
    if vertical:
        for position in range(int(rng.integers(pitch)), width, pitch):
            page[:, position : position + thickness] = 1
    return page


def ruled(
    digit: Grey,
    rng: Rng,
    rule: Any = (100, 140, 215),
    tall: int = 160,
    pitch: int = 60,
    squared: bool = False,
    lamp: bool = False,
    tilt: float = 0,
) -> NDArray[np.uint8]:
    """Render a digit on a page with ruled lines in one or both directions."""
    lines = rules(900, 900, pitch, int(rng.integers(2, 4)), rng, squared)
    if tilt:
        turn = cv2.getRotationMatrix2D((450, 450), float(rng.uniform(-tilt, tilt)), 1.1)
        lines = np.asarray(cv2.warpAffine(lines, turn, (900, 900), flags=cv2.INTER_LINEAR), np.float32)
    page = laid(lines, np.full(3, PAPER, np.float32), rule)
    picture = laid(placed(high(digit, tall), 900, 900, rng), page.astype(np.float32), (40, 40, 60))
    return lit(picture, rng) if lamp else picture


def lit(picture: NDArray[np.uint8], rng: Rng, darkest: float = 0.4) -> NDArray[np.uint8]:
    """Darken the picture gradually towards its left or right side, like paper lit from the other side."""
    light = np.linspace(darkest, 1, picture.shape[1], dtype=np.float32)[:: int(rng.choice([-1, 1]))]
    return np.asarray(picture * (light if picture.ndim == 2 else light[:, None]), np.uint8)


def thin(digit: Grey, rng: Rng) -> Grey:
    """Render strokes of 1 or 2 pixels on a canvas of 600 to 2000 pixels."""
    side = int(rng.integers(600, 2001))
    skeleton = skeletonized(np.pad(cv2.resize(digit, (82, 82), interpolation=cv2.INTER_CUBIC) > 128, 1))
    picture = np.full((side, side), 255, np.uint8)
    width = int(rng.integers(1, 3))
    for y, x in np.argwhere(skeleton):
        for down, right in ((0, 1), (1, -1), (1, 0), (1, 1)):
            if skeleton[y + down, x + right]:
                ends: Any = [tuple(int(value * side / 84) for value in end) for end in ((x, y), (x + right, y + down))]
                cv2.line(picture, ends[0], ends[1], 0, width, cv2.LINE_AA)
    return picture


def skeletonized(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Thin strokes to a width of one pixel (Zhang and Suen 1984). The mask must not touch the border."""
    mask = mask.copy()
    around = [(-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1)]
    changed = True
    while changed:
        changed = False
        for first in (True, False):
            ring = np.array([np.roll(mask, (-down, -right), (0, 1)) for down, right in around])
            count, turns = ring.sum(axis=0), (~ring & np.roll(ring, -1, axis=0)).sum(axis=0)
            north, east, south, west = ring[::2]
            sides = ~(north & east & south) & ~(east & south & west)
            other = ~(north & east & west) & ~(north & south & west)
            removed = mask & (count >= 2) & (count <= 6) & (turns == 1) & (sides if first else other)
            mask &= ~removed
            changed |= bool(removed.any())
    return mask


def coloured(digit: Grey, rng: Rng) -> NDArray[np.uint8]:
    """Render ink and paper in random colours that differ by at least 100 levels in red, green or blue."""
    while True:
        pen, paper = rng.integers(0, 256, (2, 3))
        if abs(pen - paper).max() >= 100:
            return laid(placed(high(digit, int(rng.integers(100, 300))), 400, 500, rng), paper.astype(np.float32), pen)


def on_paper(digit: Grey, rng: Rng, least: int = 120, most: int = 350) -> Grey:
    """Render dark ink on a white page of 480 x 640 pixels."""
    return laid(placed(high(digit, int(rng.integers(least, most))), 480, 640, rng), PAPER, PEN)


def framed(digit: Grey, rng: Rng) -> Grey:
    """Render a page with a dark frame, thick or thin."""
    thickness = int(rng.integers(3, 70))
    level = int(rng.integers(0, 110))
    return np.pad(on_paper(digit, rng), thickness, constant_values=level)


def boxed(digit: Grey, rng: Rng) -> Grey:
    """Render a digit in a printed box, as in a form, with a margin."""
    ink = high(digit, int(rng.integers(100, 250)))
    margin, thickness = int(rng.integers(15, 50)), int(rng.integers(1, 6))
    box = np.pad(ink, margin)
    box[:thickness] = box[-thickness:] = box[:, :thickness] = box[:, -thickness:] = 1
    return laid(placed(box, 480, 640, rng), PAPER, PEN)


def in_a_table(digit: Grey, rng: Rng) -> Grey:
    """Render a digit in a cell of a table whose lines run from border to border."""
    lines = np.zeros((480, 640), np.float32)
    start, thickness = int(rng.integers(10, 130)), int(rng.integers(2, 5))
    for position in range(start, 640, 160):
        lines[position : position + thickness] = lines[:, position : position + thickness] = 1
    ink = high(digit, int(rng.integers(70, 120)))
    y, x = (
        start + 160 * int(rng.integers(cells)) + 80 - part // 2 for cells, part in zip((2, 3), ink.shape, strict=True)
    )
    lines[y : y + ink.shape[0], x : x + ink.shape[1]] = ink
    return laid(lines, PAPER, int(rng.integers(30, 90)))


def shadowed(digit: Grey, rng: Rng) -> Grey:
    """Render a page with the hard edge of a shadow across it, at a random angle."""
    picture = on_paper(digit, rng).astype(np.float32)
    y, x = np.mgrid[:480, :640].astype(np.float32)
    angle = rng.uniform(0, 2 * np.pi)
    side = (x - rng.uniform(160, 480)) * np.cos(angle) + (y - rng.uniform(120, 360)) * np.sin(angle)
    shadow = cv2.GaussianBlur((side > 0).astype(np.float32), (0, 0), float(rng.uniform(0.5, 3)))
    return np.asarray(picture * (1 - shadow * float(rng.uniform(0.25, 0.55))), np.uint8)


def on_a_table(digit: Grey, rng: Rng) -> Grey:
    """Render a slightly rotated sheet on a darker table, which is visible at one to four sides."""
    paper = on_paper(digit, rng)
    turn = cv2.getRotationMatrix2D((320, 240), float(rng.uniform(-6, 6)), float(rng.uniform(0.75, 0.95)))
    turn[:, 2] = turn[:, 2] + rng.uniform(-60, 60, 2) * (0.5, 0.3)
    picture = cv2.warpAffine(
        paper,
        turn,
        (640, 480),
        flags=cv2.INTER_AREA,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=float(rng.uniform(60, 170)),
    )
    return noisy(np.asarray(picture, np.uint8), rng, 3)


def noisy(picture: NDArray[np.uint8], rng: Rng, deviation: float) -> NDArray[np.uint8]:
    """Add Gaussian noise, as of a camera."""
    return np.asarray(np.clip(picture + rng.normal(0, deviation, picture.shape), 0, 255), np.uint8)


def photographed(digit: Grey, rng: Rng) -> NDArray[np.uint8]:
    """Render a photo: warm paper, a vignette, a lamp at one side, blur, noise and JPEG compression."""
    height, width = 720, 960
    page = placed(high(digit, int(rng.integers(150, 450))), height, width, rng)
    pen = np.array([[30, 30, 40], [25, 50, 140], [90, 90, 95]])[rng.integers(3)]
    picture = laid(page, np.array([225, 215, 200], np.float32), pen).astype(np.float32)
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    light = 1 - rng.uniform(0.1, 0.35) * (x**2 + y**2) / 2 + rng.uniform(-0.25, 0.25) * x
    picture = cv2.GaussianBlur(picture * light[..., None].clip(0.2, 1.1), (0, 0), float(rng.uniform(0.5, 3)))
    taken = noisy(np.clip(picture, 0, 255).astype(np.uint8), rng, float(rng.uniform(2, 9)))
    _, data = cv2.imencode(".jpg", taken[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(50, 95))])
    read: Any = cv2.imdecode(data, cv2.IMREAD_COLOR)
    return np.asarray(read[..., ::-1], np.uint8)


def chalk(digit: Grey, rng: Rng) -> Grey:
    """Render light strokes on a dark board, with noise."""
    page = placed(high(digit, int(rng.integers(120, 350))), 480, 640, rng)
    return noisy(laid(page, float(rng.uniform(20, 80)), float(rng.uniform(170, 250))), rng, 5)


def tenth(digit: Grey, rng: Rng) -> Grey:
    """Render a digit whose height is a tenth of the page's."""
    return laid(placed(high(digit, 120), 1200, 900, rng), PAPER, PEN)


PENS: dict[str, Rendering] = {
    "plain, 280 x 280": plain,
    "enlarged without sharpening": enlarged,
    "strokes thickened by 10 pixels": partial(plain, thicker=10),
    "strokes thickened by 20 pixels": partial(plain, thicker=20),
    "cropped to the ink": cut,
    "cropped, thickened by 10": partial(cut, thicker=10),
    "cropped, thickened by 20": partial(cut, thicker=20),
    "cropped, 16 pixels": tiny,
    "cropped, 8 to 12 pixels": partial(tiny, least=8, most=12),
    "pen of 1 or 2 pixels": thin,
}
"""Kinds of pens, crops and sizes, on clean paper."""

PAGES: dict[str, Rendering] = {
    "faint rules": partial(ruled, rule=(225, 230, 238)),
    "blue rules": ruled,
    "blue rules, lamp at one side": partial(ruled, lamp=True),
    "dark rules": partial(ruled, rule=(60, 60, 70)),
    "blue rules, slightly turned": partial(ruled, tilt=3),
    "90 pixels high on blue rules": partial(ruled, tall=90),
    "squared paper": partial(ruled, pitch=36, squared=True, rule=(170, 190, 220)),
    "squared paper, dark": partial(ruled, pitch=40, squared=True, rule=(90, 110, 150)),
    "coloured pen and ground": coloured,
    "in a frame": framed,
    "in a box": boxed,
    "in a table": in_a_table,
    "hard-edged shadow": shadowed,
    "paper on a table": on_a_table,
    "photo": photographed,
    "chalk": chalk,
    "a tenth of the page": tenth,
}
"""Kinds of paper, light and photos."""

KINDS = PENS | PAGES
