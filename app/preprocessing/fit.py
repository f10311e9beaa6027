"""Fits a picture of any size to what the network learnt from, as MNIST's makers did with their scans.

The ink is found, whatever the light; it is scaled with its aspect into 20 x 20 pixels, drawn at least as thick as a pen
draws there, and its centre of mass is put in the middle of 28 x 28.
"""

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from app.classifier.pixels import IMAGE_SHAPE
from app.errors import ImageBlank
from app.preprocessing.pieces import Mask, Pieces, extent, grown

Grey = NDArray[np.uint8]
Levels = NDArray[np.float32]

WORKING_SIDE = 320
"""Longest side, in pixels, at which the ink is looked for: the thinnest pen on a page still leaves a mark."""

GROUND_SIDE = 64
"""Longest side at which the ground is measured: light and shadow change slowly."""

GROUND_WINDOW = 21
"""Side of the window in which the ground is looked for."""

GROUND_SHARE = 0.3
"""Of a window: as much is ground at least, even in the middle of a thick stroke. With more, a shadow would be ink."""

LEAST_CONTRAST = 16
"""Of 255, between ink and ground: less is the noise of a camera, a scan or JPEG."""

CLEAN_CONTRAST = 5
"""The same on a ground without noise, as a canvas has: a black pen of 1 pixel on 7,000 leaves twice as much."""

WIDEST_STROKE = 1 / 3
"""Of the longest side: what is wider is ground, such as a shadow or a table."""

TIE = 0.9
"""The share from which the dark side and the light side stand out alike."""

PEAK_PIXELS, PEAK_SHARE = 25, 0.002
"""The strongest ink is what so many pixels reach, or such a share of a small picture: the smallest digit has more."""

INK = 0.35
"""Of the strongest ink: less is smear and shadow."""

FINE = 4
"""Fine pixels to one of the network's, along each side: the scale at which strokes are thickened and centred."""

DIGIT_SIDE = 20
"""Of the square that MNIST's digits are scaled into."""

STROKE = 2.4
"""Pixels: the width of MNIST's thinner strokes. Thinner ones would fade when they are scaled."""


def fit(grey: Grey) -> tuple[Grey, bool]:
    """Find the digit in a picture uint8 (height, width); return it as the network reads it, and whether it was dark.

    Raises ImageBlank if nothing stands out from the ground.
    """
    ink, inverted = _ink(_reduced(grey, WORKING_SIDE))
    strongest = _peak(ink)
    if strongest < _least_contrast(ink):
        raise ImageBlank("Nothing stands out from the ground. Send an image with a digit in it.")
    pieces = Pieces(ink > INK * strongest)
    if (background := pieces.background()).any():
        ink[background] = 0
        strongest = max(_peak(ink), round(INK * strongest))  # which what is left surpasses
        pieces = Pieces(ink > INK * strongest)
    mask = pieces.without_specks()
    rows, columns = (extent(mask, axis) for axis in (1, 0))
    levels: Levels = np.minimum(ink / strongest, 1) * grown(mask)
    return _drawn(levels[rows, columns], _stroke_width(mask)), inverted


def _peak(levels: Levels) -> int:
    """The highest level that so many pixels reach that it is no accident."""
    rank = min(PEAK_PIXELS, math.ceil(PEAK_SHARE * levels.size))
    histogram = Image.fromarray(np.asarray(levels.clip(0, 255), np.uint8)).histogram()
    return 255 - int(np.searchsorted(np.cumsum(histogram[::-1]), rank))


def _least_contrast(ink: Levels) -> int:
    """Less is not ink: it depends on whether the ground has noise."""
    some = ink[::4, ::4]
    return CLEAN_CONTRAST if np.count_nonzero(some >= 1) < some.size / 4 else LEAST_CONTRAST


def _reduced(grey: Grey, side: int) -> Levels:
    """The picture with its longest side cut to `side` pixels, if it is longer."""
    height, width = grey.shape
    factor = side / max(height, width)
    if factor < 1:
        size = max(1, round(width * factor)), max(1, round(height * factor))
        grey = np.asarray(Image.fromarray(grey).resize(size, Image.Resampling.BOX))
    return grey.astype(np.float32)


def _ink(working: Levels) -> tuple[Levels, bool]:
    """What stands out from the ground on the side where it does so more, and whether that is the dark side."""
    low, middle, high = _quantiles_around(working, (GROUND_SHARE, 0.5, 1 - GROUND_SHARE))
    floor, ceiling = _opened(working), 255 - _opened(255 - working)
    light, dark = working - np.maximum(middle, floor), np.minimum(middle, ceiling) - working
    inverted = _is_dark(_peak(dark), _peak(light), working)
    ink = np.minimum(high, ceiling) - working if inverted else working - np.maximum(low, floor)
    return np.maximum(ink, 0), inverted


def _is_dark(dark: int, light: int, working: Levels) -> bool:
    """Whether the ink is dark, by what stands out at most on each side; if that is the same, by what covers less."""
    if min(dark, light) < TIE * max(dark, light):
        return dark > light
    some = working[::4, ::4]
    return bool(2 * np.median(some) >= some.min() + some.max())


def _quantiles_around(working: Levels, quantiles: Sequence[float]) -> Iterator[Levels]:
    """Quantiles of the levels around each point: unless ink covers much, they are the paper's levels."""
    coarse = _reduced(np.asarray(working, np.uint8), GROUND_SIDE)
    padded = np.pad(coarse, GROUND_WINDOW // 2, mode="reflect" if min(coarse.shape) > GROUND_WINDOW // 2 else "edge")
    windows = sliding_window_view(padded, (GROUND_WINDOW, GROUND_WINDOW))[::4, ::4]
    height, width = working.shape
    for levels in np.quantile(windows, quantiles, axis=(2, 3)).astype(np.float32):
        yield np.asarray(Image.fromarray(levels).resize((width, height), Image.Resampling.BILINEAR))


def _opened(working: Levels) -> Grey:
    """The picture without what is light and narrower than the widest stroke: wide shadows keep their edges."""
    smooth = np.asarray(Image.fromarray(np.asarray(working, np.uint8)).filter(ImageFilter.BoxBlur(1)))
    window = int(WIDEST_STROKE * max(working.shape)) | 1
    return _extreme(np.maximum, _extreme(np.minimum, smooth, window), window)


def _extreme(combine: np.ufunc, levels: Grey, window: int) -> Grey:
    """The least or the greatest level in a square window around each pixel: of columns, then of rows."""
    for _ in range(2):
        levels = levels[np.arange(-(window // 2), len(levels) + window // 2).clip(0, len(levels) - 1)]  # padded
        reach = 1
        while reach < window:  # each step combines two windows that overlap or touch
            step = min(reach, window - reach)
            levels = combine(levels[:-step], levels[step:])
            reach += step
        levels = levels.T
    return levels


def _stroke_width(mask: Mask) -> float:
    """Mean width of the strokes in a mask, in pixels: twice their area by the length of both their edges."""
    inner = np.pad(mask, 1)
    inner = inner[:-2, 1:-1] & inner[2:, 1:-1] & inner[1:-1, :-2] & inner[1:-1, 2:] & mask
    area, edge = int(mask.sum()), int((mask & ~inner).sum())
    return max(1.0, 2 * area / edge)


def _drawn(levels: Levels, stroke_width: float) -> Grey:
    """Draw ink (0 to 1, cut to its extent) into 28 x 28: scaled, thickened where it is thin, centred by mass."""
    longest = max(levels.shape)
    wanted = STROKE * FINE
    scale = DIGIT_SIDE * FINE / longest
    if (missing := wanted - stroke_width * scale) > 0:
        scale = max(DIGIT_SIDE * FINE - missing, 1) / longest
    height, width = (max(1, round(side * scale)) for side in levels.shape)
    resampling = Image.Resampling.BOX if scale < 1 else Image.Resampling.BICUBIC
    scaled = np.clip(np.asarray(Image.fromarray(levels).resize((width, height), resampling)), 0, 1)
    canvas = np.zeros([side * FINE for side in IMAGE_SHAPE], np.float32)
    top, left = (_start(scaled.sum(axis=1 - axis), canvas.shape[axis]) for axis in (0, 1))
    canvas[top : top + height, left : left + width] = scaled
    # A line drawn with a Gaussian pen of deviation s is 2.35 s wide at half its height.
    deviation = math.sqrt(max(0, wanted**2 - (stroke_width * scale) ** 2)) / 2.35
    picture = Image.fromarray(np.asarray(canvas * 255, np.uint8))
    if deviation > 0.5:
        blurred = np.asarray(picture.filter(ImageFilter.GaussianBlur(deviation)), np.float32)
        full = max(1, np.percentile(blurred[canvas > 0.5 * canvas.max()], 50))
        picture = Image.fromarray(np.asarray(np.minimum(blurred * (255 / full), 255), np.uint8))
    pixels = np.asarray(picture.reduce(FINE), np.float32)
    return np.asarray(pixels * (255 / pixels.max()), np.uint8)


def _start(mass: NDArray[np.floating], room: int) -> int:
    """Where to begin so that the centre of this mass is in the middle of the room, if there is room."""
    centre = float(np.arange(len(mass)) @ mass / mass.sum())
    return int(np.clip(round((room - 1) / 2 - centre), 0, room - len(mass)))
