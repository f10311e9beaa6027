"""Separates the foreground from the background: polarity, background level, contrast of each pixel."""

from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from app.classifier.pixels import IMAGE_SHAPE
from app.errors import ImageBlank

Grey = NDArray[np.uint8]
Ink = Literal["auto", "dark", "light"]

MIN_CONTRAST, MIN_CLEAN_CONTRAST, MIN_NOISE_RATIO = 16, 5, 6
"""Minimum contrast: in any noise, without noise (a pen of 1 pixel on 7,000 has 11), and of the noise's deviation."""
MAX_STROKE = 1 / 3
"""Maximum stroke width, of the longest side: wider regions, such as a shadow or a table, are background."""
FULL_PIXELS = 25
"""Number of pixels that reach the level of full ink: the smallest digit has more, a speck has fewer."""
EXPLAINED, SMALL = 0.75, 48
"""Minimum share of the variance that two levels explain in even light."""
COARSE_SIDE, CLOSENESS = 96, 0.3
"""Longest side, in pixels, at which the background is found; weight of its difference from the image."""
FRAME, FULL_INK, GRAIN = 4, 240, 3
"""Of 28 x 28: pixels at the edge that show the background, level of full ink, median deviations of paper grain."""
_FRAME = np.pad(np.zeros([side - 2 * FRAME for side in IMAGE_SHAPE], np.bool_), FRAME, constant_values=True)


def light_on_dark(grey: Grey, ink: Ink = "auto") -> tuple[Grey, bool]:
    """Make the background of 28 x 28 pixels black and the ink white; tell whether the ink was dark.

    A clean image on black or white keeps each level. Raises ImageBlank if nothing stands out.
    """
    frame = grey[_FRAME]
    if ink != "dark" and 2 * np.count_nonzero(frame) < frame.size and grey.max() >= FULL_INK:
        return grey, False  # the rest would change nothing
    background = _median(frame)
    inverted = ink == "dark" if ink != "auto" else bool(background - grey.min() > grey.max() - background)
    if inverted:
        grey, background = 255 - grey, 255 - background
    if ink != "auto" and 2 * background > float(grey.min()) + float(grey.max()):  # the border is ink
        background = float(grey.min())
    black = background + GRAIN * (background - _median(grey[grey <= background]))  # measured on the side without ink
    white = float(grey.max())
    if white - black < MIN_CONTRAST:
        raise ImageBlank
    if black > 0 or white < FULL_INK:
        grey = (np.clip((grey - black) / (white - black), 0, 1) * 255).round().astype(np.uint8)
    return grey, inverted


def foreground(grey: Any, ink: Ink, small: bool) -> tuple[Any, bool]:  # OpenCV's stubs know no scalars
    """Subtract the background: contrast of each pixel, 0 for background; tell whether the ink is dark."""
    scale = COARSE_SIDE / max(grey.shape)
    coarse = cv2.resize(
        grey, [max(1, round(side * scale)) for side in grey.shape[::-1]], interpolation=cv2.INTER_AREA
    )
    paper, board, inverted = _in_even_light(coarse, small) or _in_uneven_light(coarse)
    inverted = inverted if ink == "auto" else ink == "dark"
    background: Any = cv2.resize(paper if inverted else board, grey.shape[::-1])
    if inverted:  # reflectance, which evens shadows out
        white: Any = int(background.max())
        levels = cv2.divide(cv2.subtract(background, grey), cv2.max(background, white / 4), scale=white)
    else:
        levels = cv2.subtract(grey, background)
    noise = 1.5 * level_reached(cv2.absdiff(grey, cv2.blur(grey, (3, 3))), 0.5)
    if full_level(levels) < max(MIN_CLEAN_CONTRAST, min(MIN_NOISE_RATIO * noise, 2 * MIN_CONTRAST)):
        raise ImageBlank
    return levels, inverted


def _in_even_light(grey: Any, small: bool) -> tuple[Any, Any, bool] | None:
    """Two levels (Otsu) as the backgrounds of dark and of light ink, if there are no more; of a small image, always.

    The background is the class with the widest spot, even where the ink covers more and touches the border.
    """
    _, light = cv2.threshold(grey, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    masks = cv2.bitwise_not(light), light
    low, high = (cv2.mean(grey, mask)[0] for mask in masks)
    dark_width, light_width = (2 * float(cv2.distanceTransform(mask, cv2.DIST_L2, 3).max()) for mask in masks)
    share = cv2.mean(light)[0] / 255
    two_levels = share * (1 - share) * (high - low) ** 2 > float(__import__("os").environ.get("X",".94")) * np.var(grey)
    strokes = min(dark_width, light_width) < float(__import__("os").environ.get("T",".45")) * max(grey.shape)
    if not (small and not __import__("os").environ.get("NSM")) and not (two_levels and strokes):
        return None
    return np.full_like(grey, high), np.full_like(grey, low), dark_width < light_width


def _in_uneven_light(grey: Any) -> tuple[Any, Any, bool]:
    """The backgrounds of dark and of light ink around each pixel.

    A morphological closing removes dark strokes, an opening light ones. The right one is smoother, and closer to the
    image. The larger second kernel moves the edge of a shadow to its light side, so that it does not stand out.
    """
    margin = int(MAX_STROKE * COARSE_SIDE) | 1
    padded = cv2.copyMakeBorder(grey, margin, margin, margin, margin, cv2.BORDER_REPLICATE)
    square, larger = (np.ones((side, side), np.uint8) for side in (margin, margin + 2))
    both: Any = cv2.erode(cv2.dilate(padded, square), larger), cv2.dilate(cv2.erode(padded, square), larger)
    paper, board = (background[margin:-margin, margin:-margin] for background in both)
    dark, light = (
        cv2.morphologyEx(background, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)).mean()
        + float(__import__("os").environ.get("C","2.2")) * np.sqrt(cv2.absdiff(background, grey)).mean()
        for background in (paper, board)
    )
    return paper, board, bool(dark < light)


def full_level(levels: Any) -> Any:
    """Level of full ink."""
    return level_reached(levels, FULL_PIXELS / levels.size)


def level_reached(levels: Any, share: float) -> Any:
    """Level that such a share of the pixels reaches or exceeds."""
    counts = cv2.calcHist([levels], [0], None, [256], [0, 256]).ravel()
    return 255 - float(np.searchsorted(np.cumsum(counts[::-1]), share * levels.size))


def _median(levels: Grey) -> float:
    return float(np.partition(levels, levels.size // 2, axis=None)[levels.size // 2])
