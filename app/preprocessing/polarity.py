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
TIE = 0.6
"""Ratio of the contrasts of dark and light above which the polarity is ambiguous."""
FULL_PIXELS = 25
"""Number of pixels that reach the level of full ink: the smallest digit has more, a speck has fewer."""
EVEN_SHARE, EVEN_SPREAD, SMALL = 0.7, 0.2, 48
"""Evenly lit: so many pixels are near one of two levels, within a share of their difference; or no side is longer."""
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
    """Subtract the background: contrast of each pixel, 0 for background; tell whether the ink is dark.

    A morphological closing removes dark strokes and leaves the background of dark ink, an opening that of light ink.
    """
    smooth = cv2.blur(grey, (3, 3))
    noise = 1.5 * level_reached(cv2.absdiff(grey, smooth)[::4], 0.5)
    two, hidden = _two_levels(grey, small), [0.0, 0.0]
    window = int(MAX_STROKE * max(grey.shape)) | 1
    pad = 0 if two else window  # in even light, ink may touch the border; in uneven light, the border is replicated
    padded = cv2.copyMakeBorder(smooth, pad, pad, pad, pad, cv2.BORDER_REPLICATE)
    inner = slice(pad, pad + grey.shape[0]), slice(pad, pad + grey.shape[1])
    square = np.ones((window, window), np.uint8)
    morphed: Any = (cv2.morphologyEx(padded, way, square)[inner] for way in (cv2.MORPH_CLOSE, cv2.MORPH_OPEN))
    paper, board = morphed
    white: Any = int(paper.max())
    reflectance = cv2.divide(cv2.subtract(paper, grey), cv2.max(paper, white / 4), scale=white)  # evens shadows out
    sides = [cv2.subtract(side, level_reached(side[::4], 0.75)) for side in (reflectance, cv2.subtract(grey, board))]
    if two:
        contrasts = cv2.subtract(two[1], grey), cv2.subtract(grey, two[0])
        hidden = [0 if small else _hidden(*both, two[1] - two[0]) for both in zip(sides, contrasts, strict=True)]
        sides = [contrasts[index] if hidden[index] < 0.5 else sides[index] for index in (0, 1)]
    dark, light = full = [full_level(side) for side in sides]
    if max(full) < max(MIN_CLEAN_CONTRAST, min(MIN_NOISE_RATIO * noise, 2 * MIN_CONTRAST)):
        raise ImageBlank
    inverted = dark > light
    if ink != "auto":
        inverted = ink == "dark"
    elif min(full) > TIE * max(full):
        edges = cv2.morphologyEx(grey, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
        scores = [_background_score(side, edges, level) for side, level in zip(sides, full, strict=True)]
        inverted = scores[0] + hidden[0] / 2 <= scores[1] + hidden[1] / 2
    return sides[0 if inverted else 1], inverted


def full_level(levels: Any) -> Any:
    """Level of full ink."""
    return level_reached(levels, FULL_PIXELS / levels.size)


def level_reached(levels: Any, share: float) -> Any:
    """Level that such a share of the pixels reaches or exceeds."""
    counts = cv2.calcHist([levels], [0], None, [256], [0, 256]).ravel()
    return 255 - float(np.searchsorted(np.cumsum(counts[::-1]), share * levels.size))


def _two_levels(grey: Grey, small: bool) -> tuple[Any, Any] | None:
    """Medians of the dark and the light class (Otsu) of an evenly lit image."""
    below = np.append(0, np.cumsum(cv2.calcHist([grey], [0], None, [256], [0, 256])))  # pixels below each level
    dark = below[int(cv2.threshold(grey, 0, 1, cv2.THRESH_BINARY | cv2.THRESH_OTSU)[0]) + 1]
    low, high = (np.searchsorted(below, middle) - 1.0 for middle in (dark / 2, (dark + grey.size) / 2))
    spread = EVEN_SPREAD * (high - low)
    near = sum(below[int(min(level + spread, 255)) + 1] - below[int(max(level - spread, 0))] for level in (low, high))
    return (low, high) if 0 < dark < grey.size and (small or near > EVEN_SHARE * grey.size) else None


def _hidden(levels: Any, contrast: Any, most: Any) -> float:
    """Share of a class that does not stand out: little of ink, even where strokes are wider than the window."""
    standing = cv2.compare(levels, full_level(levels) / 2, cv2.CMP_GT)
    return 1 - cv2.countNonZero(standing) / max(1, cv2.countNonZero(cv2.compare(contrast, most / 2, cv2.CMP_GT)))


def _background_score(levels: Grey, edges: Any, full: float) -> float:
    """Score a side as background: it ends without an edge, lies at the border in several components, covers most."""
    mask = (levels > full / 2).astype(np.uint8)
    outline = cv2.subtract(mask, cv2.erode(mask, np.ones((3, 3), np.uint8))) > 0
    _, labels = cv2.connectedComponents(mask, connectivity=8)
    counts = np.bincount(np.concatenate([labels[0], labels[-1], labels[1:-1, 0], labels[1:-1, -1]]))
    border = 3 * counts[1:].sum() - 2 * counts[1:].max(initial=0)  # what is not in the largest component counts thrice
    return float(np.mean(edges[outline] <= full / 4) + border / counts.sum() + 0.3 * mask.mean())


def _median(levels: Grey) -> float:
    return float(np.partition(levels, levels.size // 2, axis=None)[levels.size // 2])
