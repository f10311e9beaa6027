"""Separates the foreground from the background: polarity, background level, contrast of each pixel."""

from typing import Any, Literal

import cv2
import numpy as np

from app.classifier.pixels import Grey
from app.errors import ImageBlank

Ink = Literal["auto", "dark", "light"]
MIN_CONTRAST = 16  # minimum contrast of ink in 28 x 28 pixels; with noise, `fit` asks for at most twice as much
MIN_CLEAN_CONTRAST = 5  # minimum contrast of ink without noise: a pen of 1 pixel on a canvas of 7,000 has 7
MIN_NOISE_RATIO = 6  # minimum contrast of ink, relative to the standard deviation of the noise
FULL_PIXELS = 16  # number of pixels that reach the level of full ink: the smallest digit has more, a speck has fewer
COARSE_SIDE = 96  # longest side of the image in which the background is found, in pixels
WINDOW = 33  # side of the closing that removes the ink, in pixels of that image
CLOSENESS = 1.5  # weight of the distance between background and image, relative to the background's roughness
EXPLAINED = 0.96  # even light: minimum share of the variance that two levels explain
MAX_INSIDE = 0.105  # even light: maximum mean distance of ink from its outline, relative to the image's side
SMALL = 48  # maximum side of an image whose light is always taken as even, in pixels
FULL_INK, GRAIN = 240, 3  # level of full ink in 28 x 28 pixels; grain of the paper, in median deviations
BLANK = f"{ImageBlank.template} Crop the image if the digit is smaller than a thirtieth of the longer side."
EDGE = np.pad(np.zeros((20, 20), np.bool_), 4, constant_values=True)  # pixels of 28 x 28 that show the background


def light_on_dark(grey: Grey, ink: Ink = "auto") -> tuple[Grey, bool]:
    """Make the background of 28 x 28 pixels black, the ink white; return whether it was dark. Raises ImageBlank."""
    frame = grey[EDGE]
    if ink != "dark" and 2 * np.count_nonzero(frame) < frame.size and grey.max() >= FULL_INK:
        return grey, False  # the rest would change nothing
    background, low, high = _median(frame), float(grey.min()), float(grey.max())
    inverted = ink == "dark" if ink != "auto" else background - low > high - background
    if inverted:
        grey, background, low, high = 255 - grey, 255 - background, 255 - high, 255 - low
    background = low if 2 * background > low + high else background  # the edge may be ink
    black = background + GRAIN * (background - _median(grey[grey <= background]))  # measured on the side without ink
    if high - black < MIN_CONTRAST:
        raise ImageBlank
    if black > 0 or high < FULL_INK:  # a clean image keeps each level
        grey = (np.clip((grey - black) / (high - black), 0, 1) * 255).round().astype(np.uint8)
    return grey, inverted


def foreground(grey: Any, ink: Ink, small: bool) -> tuple[Any, bool]:  # OpenCV's stubs lack scalars
    """Return the contrast of each pixel, 0 to 255, and whether the ink is dark. Raises ImageBlank."""
    coarse = resized(grey, COARSE_SIDE)
    (paper, dark), (board, light) = (_background(image, small) for image in (coarse, 255 - coarse))
    inverted = ink == "dark" if ink != "auto" else bool(dark <= light)
    grey, paper = (grey, paper) if inverted else (255 - grey, board)
    paper = cv2.resize(paper, grey.shape[::-1])
    white: Any = int(paper.max())
    levels = cv2.divide(cv2.subtract(paper, grey), cv2.max(paper, white / 4), scale=white)  # evens shadows out
    noise = 1.5 * _median(cv2.absdiff(grey, cv2.blur(grey, (3, 3)))[::4])
    if full_level(levels) < max(MIN_CLEAN_CONTRAST, min(MIN_NOISE_RATIO * noise, 2 * MIN_CONTRAST)):
        raise ImageBlank(BLANK)
    return levels, inverted


def _background(grey: Any, small: bool) -> tuple[Any, float]:
    """Return the background of dark ink, and its cost. It should be smooth and near the image, the ink narrow and dark.

    It is one level in even light (Otsu's two classes), else a morphological closing, which removes the strokes.
    """
    _, dark = cv2.threshold(grey, 0, 255, cv2.THRESH_BINARY_INV | cv2.THRESH_OTSU)
    inside = np.minimum(cv2.distanceTransform(dark, cv2.DIST_L2, 3), COARSE_SIDE)  # infinite if all is dark
    padded = cv2.copyMakeBorder(grey, WINDOW, WINDOW, WINDOW, WINDOW, cv2.BORDER_REPLICATE)
    square, larger, smallest = (np.ones((side, side)) for side in (WINDOW, WINDOW + 2, 3))  # larger: hides shadows
    closed = cv2.erode(cv2.dilate(padded, square), larger)[WINDOW:-WINDOW, WINDOW:-WINDOW]
    roughness = cv2.morphologyEx(closed, cv2.MORPH_GRADIENT, smallest).mean()
    distance = np.sqrt(cv2.absdiff(closed, grey), dtype=np.float32).mean()
    share, low, high = dark.mean() / 255, cv2.mean(grey, dark)[0], cv2.mean(grey, cv2.bitwise_not(dark))[0]
    two_levels = share * (1 - share) * (high - low) ** 2 > EXPLAINED * grey.var()
    if small or (two_levels and cv2.mean(inside, dark)[0] < MAX_INSIDE * COARSE_SIDE):
        closed = np.full_like(grey, high)
    contrast = max(1, int(cv2.subtract(closed, grey).max()))
    return closed, float((roughness + CLOSENESS * distance) * (inside.max() / contrast) ** (1 / 3))


def resized(grey: Any, longest: int) -> Any:
    """Scale an image so that its longest side has `longest` pixels."""
    scale = longest / max(grey.shape)
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return cv2.resize(grey, [max(1, round(side * scale)) for side in grey.shape[::-1]], interpolation=way)


def full_level(levels: Any) -> Any:
    """Return the level of full ink, which FULL_PIXELS pixels reach."""
    counts = cv2.calcHist([levels], [0], None, [256], [0, 256]).ravel()
    return 255 - float(np.searchsorted(np.cumsum(counts[::-1]), FULL_PIXELS))


def _median(levels: Grey) -> float:
    return float(np.partition(levels, levels.size // 2, axis=None)[levels.size // 2])
