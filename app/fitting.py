"""Fits a picture of any size to what the network learnt from, as MNIST's makers did with their scans.

The ink is found, whatever the light; it is scaled with its aspect into 20 x 20 pixels, drawn at least as thick as a pen
draws there, and its centre of mass is put in the middle of 28 x 28.
"""

import math
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from app.classifier.pixels import IMAGE_SHAPE
from app.errors import ImageBlank

Grey = NDArray[np.uint8]
Levels = NDArray[np.float32]
Mask = NDArray[np.bool_]

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

PEAK_PIXELS, PEAK_SHARE = 25, 0.002
"""The strongest ink is what so many pixels reach, or such a share of a small picture: the smallest digit has more."""

INK = 0.35
"""Of the strongest ink: less is smear and shadow."""

SPECK = 0.06
"""Of the ink in the largest connected piece: less is dust."""

PIECES_SIDE = 80
"""Longest side at which pieces are told apart."""

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
    working = _reduced(grey, WORKING_SIDE)
    difference = working - _ground(working, 0.5)
    if inverted := _peak(-difference) >= _peak(difference):
        working = 255 - working
    ink: Levels = np.maximum(working - _ground(working, GROUND_SHARE), 0)
    strongest = _peak(ink)
    if strongest < LEAST_CONTRAST:
        raise ImageBlank("Nothing stands out from the ground. Send an image with a digit in it.")
    mask = _without_specks(ink > INK * strongest)
    rows, columns = (_extent(mask, axis) for axis in (1, 0))
    levels: Levels = np.minimum(ink / strongest, 1) * _grown(mask)
    return _drawn(levels[rows, columns], _stroke_width(mask)), inverted


def _peak(levels: Levels) -> float:
    """The highest level that so many pixels reach that it is no accident."""
    rank = min(PEAK_PIXELS, math.ceil(PEAK_SHARE * levels.size))
    return float(np.partition(levels, -rank, axis=None)[-rank])


def _reduced(grey: Grey, side: int) -> Levels:
    """The picture with its longest side cut to `side` pixels, if it is longer."""
    height, width = grey.shape
    factor = side / max(height, width)
    if factor < 1:
        size = max(1, round(width * factor)), max(1, round(height * factor))
        grey = np.asarray(Image.fromarray(grey).resize(size, Image.Resampling.BOX))
    return grey.astype(np.float32)


def _ground(working: Levels, quantile: float) -> Levels:
    """What the paper's level would be under the ink: a quantile of the levels around each point."""
    coarse = _reduced(np.asarray(working, np.uint8), GROUND_SIDE)
    padded = np.pad(coarse, GROUND_WINDOW // 2, mode="reflect" if min(coarse.shape) > GROUND_WINDOW // 2 else "edge")
    windows = sliding_window_view(padded, (GROUND_WINDOW, GROUND_WINDOW))[::4, ::4]
    levels = np.quantile(windows, quantile, axis=(2, 3)).astype(np.float32)
    height, width = working.shape
    return np.asarray(Image.fromarray(levels).resize((width, height), Image.Resampling.BILINEAR))


def _without_specks(mask: Mask) -> Mask:
    """The larger connected pieces of a mask; those that nearly touch count as one."""
    block = -(-max(mask.shape) // PIECES_SIDE)
    height, width = mask.shape
    padded = np.pad(mask, ((0, -height % block), (0, -width % block)))
    ink = padded.reshape(padded.shape[0] // block, block, -1, block).sum(axis=(1, 3))
    labels = _label(ink > 0)
    amounts = np.bincount(labels.ravel(), weights=ink.ravel())
    kept: Mask = (amounts >= SPECK * amounts.max())[labels].repeat(block, axis=0).repeat(block, axis=1)
    return np.logical_and(mask, kept[:height, :width])


def _label(mask: Mask) -> NDArray[np.intp]:
    """Give every connected piece of a mask a number of its own. Pieces touch along sides or corners.

    Each pixel takes the least number in its neighbourhood, then that of the pixel which this number names, until
    nothing changes.
    """
    padded = np.pad(mask, 1)
    nobody = padded.size
    labels = np.where(padded, np.arange(nobody).reshape(padded.shape), nobody)
    while True:
        least = np.where(padded, _over_neighbours(np.minimum, labels, nobody), nobody)
        least[padded] = least.ravel()[least[padded]]
        if (least == labels).all():
            return np.where(mask, labels[1:-1, 1:-1], 0)
        labels = least


def _grown(mask: Mask) -> Mask:
    """A mask and all that touches it: the soft edges of the ink."""
    grown: Mask = _over_neighbours(np.logical_or, mask, False)
    return grown


def _over_neighbours(combine: np.ufunc, values: NDArray[Any], outside: Any) -> NDArray[Any]:
    """Combine each value with its eight neighbours."""
    padded = np.pad(values, 1, constant_values=outside)
    across = combine(combine(padded[:, :-2], padded[:, 1:-1]), padded[:, 2:])
    combined: NDArray[Any] = combine(combine(across[:-2], across[1:-1]), across[2:])
    return combined


def _stroke_width(mask: Mask) -> float:
    """Mean width of the strokes in a mask, in pixels: twice their area by the length of both their edges."""
    inner = np.pad(mask, 1)
    inner = inner[:-2, 1:-1] & inner[2:, 1:-1] & inner[1:-1, :-2] & inner[1:-1, 2:] & mask
    area, edge = int(mask.sum()), int((mask & ~inner).sum())
    return max(1.0, 2 * area / edge)


def _extent(mask: Mask, across: int) -> slice:
    """From the first to the last line of a mask that is not empty; `across` is the axis along a line."""
    places = np.flatnonzero(mask.any(axis=across))
    return slice(int(places[0]), int(places[-1]) + 1)


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
