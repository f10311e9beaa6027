"""Finds the digit in an image of any size and renders it as MNIST's makers did: in 20 x 20 pixels, centred by mass."""

from typing import Any, NamedTuple

import cv2
import numpy as np

from app.classifier.pixels import IMAGE_SHAPE
from app.errors import ImageBlank
from app.preprocessing.polarity import SMALL, Grey, Ink, foreground, full_level, resized

WORKING_SIDE = int(__import__("os").environ.get("WS","320"))
"""Longest side, in pixels, of the image in which the digit is looked for."""
INK = 0.3
"""Minimum level of the foreground, of full ink: less is smear and shadow."""
RULE, RULE_RUN, RULE_THICKNESS = 0.8, 1 / 20, 1 / 40
"""Minimum length of a rule, of its straight runs, and maximum thickness, of the image's side."""
PAPER, RECTANGULAR = 0.1, 0.87
"""Minimum area of a sheet of paper, of the image, and of its smallest enclosing rectangle (an ellipse fills 0.79)."""
MAX_COMPONENTS, MIN_DIGIT = 32, 1 / 16
"""Number of components that are compared, the largest; minimum length of a digit, of the image's longest side."""
NEAR, PART, COMPARABLE = 0.1, 0.04, 0.5
"""Maximum gap between a digit's parts, of its length; minimum area of a part; length of a comparable component."""
DIGIT_SIDE, THINNEST, THICKEST, FINE = 20, 2.4, 4.5, 4
"""Pixels of MNIST: its digits' side, its range of stroke widths; fine pixels to one of them, for centring."""
_SQUARE = np.ones((3, 3), np.uint8)


class Fitted(NamedTuple):
    """A digit (28, 28), light on dark; whether its ink was dark; its place; whether another of its size is left out."""

    pixels: Grey
    inverted: bool
    box: tuple[int, int, int, int]
    """x, y, width, height"""
    ambiguous: bool


def fit(grey: Grey, ink: Ink = "auto") -> Fitted:
    """Find the digit in an image uint8 (height, width). Raises ImageBlank if nothing stands out."""
    working = resized(grey, WORKING_SIDE)
    for _ in range(2):
        levels, inverted = foreground(working, ink, small=max(grey.shape) <= SMALL)
        digit, ambiguous = _select(_without_rules(levels, INK * full_level(levels)))
        sheet = _inside_of_sheet(digit)
        if not sheet.any():
            break
        working = np.where(sheet, working, np.uint8(np.median(working[digit > 0])))
    x, y, width, height = cv2.boundingRect(digit)
    found = slice(y, y + height), slice(x, x + width)
    soft = np.where(cv2.dilate(digit, _SQUARE)[found], levels[found], 0) / np.percentile(levels[digit > 0], 75)
    across, down = (side / part for side, part in zip(grey.shape[::-1], working.shape[::-1], strict=True))
    box = int(x * across), int(y * down), max(1, round(width * across)), max(1, round(height * down))
    return Fitted(_rendered(np.minimum(soft, 1).astype(np.float32)), inverted, box, ambiguous)


def _without_rules(levels: Grey, least: float) -> Grey:
    """Threshold the levels, without the lines of ruled and squared paper; strokes that cross a line stay."""
    mask, faint = (cv2.compare(levels, level, cv2.CMP_GT) & 1 for level in (least, least / 2))
    for axis in (1, 0):
        side = mask.shape[axis]
        lines = _opened(faint, RULE_RUN * side, along=axis)
        if cv2.boundingRect(lines)[3 - axis] < RULE * side:
            continue
        count, labels, stats, _ = cv2.connectedComponentsWithStats(lines, connectivity=8)
        length = stats[:, 3 - axis]
        thin = np.bincount(labels[_opened(faint, RULE_THICKNESS * side, along=1 - axis) == 0], minlength=count)
        rules = (length >= RULE * side) & (2 * thin >= length) & (np.arange(count) > 0)
        if rules.any():
            thickness = thin[rules].sum() / length[rules].sum()
            mask[rules[labels] & (_opened(faint, 1.5 * thickness + 1, along=1 - axis) == 0)] = 0
    return mask


def _opened(mask: Grey, length: float, along: int) -> Any:
    size = max(2, round(length))
    return cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((1, size) if along else (size, 1), np.uint8))


def _select(mask: Grey) -> tuple[Grey, bool]:
    """Mask of the digit, and whether another component of comparable size is left."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    if count == 1:
        raise ImageBlank
    starts, ends, area = stats[:, :2], stats[:, :2] + stats[:, 2:4], stats[:, 4]
    length, box = (ends - starts).max(axis=1), (ends - starts).prod(axis=1)
    borders = (starts == 0).sum(axis=1) + (ends == mask.shape[::-1]).sum(axis=1)
    found = 1 + np.argsort(-area[1:], kind="stable")[:MAX_COMPONENTS]

    def is_behind(one: int, digit: int) -> bool:
        """Whether it runs from border to border past the digit, or surrounds it on all four sides."""
        if borders[digit] or not length[one] / 10 <= length[digit] < length[one]:
            return False
        (x, y), own = (starts[digit] + ends[digit]) // 2, labels == one
        past = borders[one] >= 2 and length[digit] >= length[one] / 6
        return past or all(side.any() for side in (own[y, :x], own[y, x:], own[:y, x], own[y:, x]))

    candidates = np.zeros(count, np.bool_)
    candidates[[one for one in found if not any(is_behind(one, other) for other in found)]] = True
    digit = np.argmax(box * candidates)
    start, end = starts[digit], ends[digit]
    for _ in range(3):
        gap = NEAR * (end - start).max()
        near = candidates & ((starts < end + gap) & (ends > start - gap)).all(axis=1) 
        parts = near & (area >= PART * area[digit])
        start, end = starts[parts].min(axis=0), ends[parts].max(axis=0)
    left = candidates & ~parts & (area >= 0.2 * area[digit]) & (length >= COMPARABLE * (end - start).max())
    return parts.astype(np.uint8)[labels], bool(left.any())


def _inside_of_sheet(mask: Grey) -> Any:
    """Mask of what a sheet of paper encloses: a component with holes whose outline is a rectangle; else empty."""
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    outline: Any = max(outlines, key=cv2.contourArea)
    sheet = cv2.drawContours(np.zeros_like(mask), [outline], 0, 1, cv2.FILLED)
    area, holes = np.count_nonzero(sheet), np.count_nonzero(cv2.subtract(sheet, mask))
    is_sheet = cv2.contourArea(outline) > RECTANGULAR * np.prod(cv2.minAreaRect(outline)[1]) and holes > 0.001 * area
    return cv2.erode(sheet, np.ones((5, 5), np.uint8)) * is_sheet


def _rendered(levels: Any) -> Grey:
    """Scale ink, 0 to 1, into 20 x 20 pixels with strokes of MNIST's width, and centre it by mass in 28 x 28."""
    side, room = FINE * DIGIT_SIDE, [FINE * pixels for pixels in IMAGE_SHAPE]
    if (scale := side / max(levels.shape)) > 1:
        levels = cv2.resize(levels, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC).clip(0, 1)
    levels = _with_strokes_of_mnist(levels)
    x, y, *size = cv2.boundingRect((levels > INK).astype(np.uint8))
    width, height = (max(1, round(part * side / max(size))) for part in size)
    levels = cv2.resize(levels[y : y + size[1], x : x + size[0]], (width, height), interpolation=cv2.INTER_AREA)
    mass = cv2.moments(levels)
    top = round(min(max(room[0] / 2 - 0.5 - mass["m01"] / mass["m00"], 0), room[0] - height))
    left = round(min(max(room[1] / 2 - 0.5 - mass["m10"] / mass["m00"], 0), room[1] - width))
    canvas = np.zeros(room, np.float32)
    canvas[top : top + height, left : left + width] = levels
    pixels = cv2.resize(canvas, IMAGE_SHAPE, interpolation=cv2.INTER_AREA)
    return np.asarray((pixels * (255 / pixels.max())).round(), np.uint8)


def _with_strokes_of_mnist(levels: Any) -> Any:
    """Move the outline along its distance transform, so that the strokes have MNIST's width when they are scaled."""
    mask = (levels > 0.5).astype(np.uint8)
    inside = cv2.distanceTransform(np.pad(mask, 1), cv2.DIST_L2, 5)[1:-1, 1:-1]
    width = max(1, 4 * cv2.mean(inside, mask)[0] - 2)  # the mean distance is a quarter of the width
    thinner, most = (
        (width - t * max(mask.shape)) / (2 - 2 * t) for t in (THINNEST / DIGIT_SIDE, THICKEST / DIGIT_SIDE)
    )
    if most > 0.5 and 2 * width < min(mask.shape):  # wider ones have no bays
        ridge = (inside >= cv2.dilate(inside, _SQUARE) - 0.3) & (inside > 1)
        return cv2.max(np.clip(inside - most, 0, 1), cv2.dilate(ridge.astype(np.float32), _SQUARE))
    if thinner < -0.5:
        outside = cv2.distanceTransform(1 - np.pad(mask, int(-thinner) + 2), cv2.DIST_L2, 5)
        return np.clip(1 - thinner - outside, 0, 1)
    return levels
