"""Finds the digit in an image of any size and renders it as MNIST's makers did: in 20 x 20 pixels, centred by mass."""

from typing import Any, NamedTuple

import cv2
import numpy as np

from app.classifier.pixels import IMAGE_SHAPE, Grey
from app.errors import ImageBlank
from app.preprocessing.placement import DIGIT_SIDE, placement
from app.preprocessing.polarity import BLANK, SMALL, Ink, foreground, full_level, resized

WORKING_SIDE = 224  # longest side of the image in which the digit is looked for, in pixels
INK = 0.3  # minimum level of a pixel of ink, relative to full ink
RULE, RULE_RUN = 0.8, 1 / 20  # minimum length of a ruled line, and of its straight parts, relative to the image's side
RULE_THICKNESS = 1 / 40  # maximum thickness of a ruled line, relative to the image's side
COVERED = 0.15  # minimum share of the image's edge that a frame covers
PASSED = 1 / 6  # minimum length of a digit, relative to a frame or table around it
RECTANGULAR = 0.87  # minimum area of a sheet of paper, relative to its smallest enclosing rectangle
NEAR = 0.1  # maximum gap between parts of a digit, relative to its length
PART = 0.04  # minimum area of a part, relative to the largest one
COMPARABLE = 0.5  # minimum length of a second digit, relative to the first
CANVAS_SCALE = 8  # pixels of the canvas per pixel of MNIST
STROKE_WIDTHS = 2.4, 3.6  # range of the stroke widths, in pixels of MNIST


class Fitted(NamedTuple):
    """A digit that was found in an image."""

    pixels: Grey  # (28, 28), light on dark
    inverted: bool  # whether it was dark on light
    box: tuple[int, int, int, int]  # its place in the image: x, y, width, height
    ambiguous: bool  # whether another component of comparable size was left out


def fit(grey: Grey, ink: Ink = "auto") -> Fitted:
    """Find the digit in an image uint8 (height, width). Raises ImageBlank if nothing stands out."""
    working, small = resized(grey, WORKING_SIDE), max(grey.shape) <= SMALL
    for _ in range(3):  # the digit may be in a box on a sheet
        levels, inverted = foreground(working, ink, small)
        full = full_level(levels)
        digit, enclosed, ambiguous = _select(_without_rules(levels, INK * full), small)
        if not enclosed.any():
            break
        working = np.where(enclosed, working, np.uint8(np.median(working[(enclosed | digit) > 0])))
    soft = np.where(cv2.dilate(digit, np.ones((3, 3))), np.minimum(levels / np.float32(full), 1), np.float32(0))
    x, y, width, height = cv2.boundingRect(digit)
    pixels = _rendered(soft[y : y + height, x : x + width])
    across, down = (side / part for side, part in zip(grey.shape[::-1], working.shape[::-1], strict=True))
    left, right = round(x * across), round((x + width) * across)
    top, bottom = round(y * down), round((y + height) * down)
    return Fitted(pixels, inverted, (left, top, right - left or 1, bottom - top or 1), ambiguous)


def _without_rules(levels: Grey, least: float) -> Grey:
    """Threshold the levels, without the lines of ruled and squared paper; strokes that cross a line stay."""
    mask, faint = ((levels > level).astype(np.uint8) for level in (least, least / 2))
    for axis in (1, 0):
        side = mask.shape[axis]
        lines = _opened(faint, RULE_RUN * side, along=axis)
        if cv2.boundingRect(lines)[3 - axis] < RULE * side:
            continue
        count, labels, stats, _ = cv2.connectedComponentsWithStats(lines, connectivity=8)
        length = stats[:, 3 - axis]
        thin = np.bincount(labels[_opened(faint, RULE_THICKNESS * side, along=1 - axis) == 0], minlength=count)
        rules = (length >= RULE * side) & (2 * thin >= length) & (np.arange(count) > 0)
        thickness = thin[rules].sum() / max(1, length[rules].sum())
        mask[rules[labels] & (_opened(faint, 1.5 * thickness + 1, along=1 - axis) == 0)] = 0
    return mask


def _opened(mask: Grey, length: float, along: int) -> Any:
    size = max(2, round(length))
    return cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((1, size) if along else (size, 1), np.uint8))


def _select(mask: Grey, small: bool) -> tuple[Grey, Grey, bool]:
    """Return masks of the digit and of what it encloses, and whether another component of comparable size is left."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    if count == 1:
        raise ImageBlank(BLANK)
    starts, sizes, area = stats[:, :2], stats[:, 2:4], stats[:, 4]
    ends, length = starts + sizes, sizes.max(axis=1)
    edge = np.concatenate((labels[0], labels[-1], labels[:, 0], labels[:, -1]))
    covered = np.bincount(edge, minlength=count) / edge.size
    longest = length[1:][covered[1:] == 0].max(initial=0)
    behind = (covered >= (1 if small else COVERED)) & (longest < length) & (longest >= PASSED * length)
    behind[0] = True
    digit = np.argmax(sizes.prod(axis=1) * ~behind)
    start, end = starts[digit], ends[digit]
    for _ in range(3):
        gap = NEAR * (end - start).max()
        parts = ((starts < end + gap) & (ends > start - gap)).all(axis=1) & ~behind & (area >= PART * area[digit])
        start, end = starts[parts].min(axis=0), ends[parts].max(axis=0)
    left = ~parts & ~behind & (area >= 0.2 * area[digit]) & (length >= COMPARABLE * (end - start).max())
    return parts.astype(np.uint8)[labels], _enclosed((labels == digit).astype(np.uint8)), bool(left.any())


def _enclosed(component: Grey) -> Any:
    """Return a mask of what a sheet, box or frame encloses: the holes of a component with a rectangular outline."""
    [outline], _ = cv2.findContours(component, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    rectangular = cv2.contourArea(outline) > RECTANGULAR * np.prod(cv2.minAreaRect(outline)[1])
    return (cv2.drawContours(np.zeros_like(component), [outline], 0, 1, cv2.FILLED) - component) * rectangular


def _rendered(levels: Any) -> Grey:
    """Scale ink, 0 to 1, into 20 x 20 pixels with strokes of MNIST's width, and centre it by mass in 28 x 28."""
    side, frame = CANVAS_SCALE * DIGIT_SIDE, CANVAS_SCALE * IMAGE_SHAPE[0]
    levels = np.pad(resized(levels, side), side // 8)
    levels = _with_strokes_of_mnist(np.clip(levels / levels.max(), 0, 1))
    x, y, *size = cv2.boundingRect((levels > INK).astype(np.uint8))
    mass = cv2.moments(levels)
    centre = np.divide((mass["m10"], mass["m01"]), mass["m00"]) - (x, y)
    scale, corner = placement(size, centre, frame)
    shift = corner - scale * np.array((x, y))
    canvas = cv2.warpAffine(levels, np.column_stack([scale * np.eye(2), shift]), (frame, frame))
    pixels = cv2.resize(canvas, IMAGE_SHAPE, interpolation=cv2.INTER_AREA)
    return np.asarray((pixels * (255 / pixels.max())).round(), np.uint8)


def _with_strokes_of_mnist(levels: Any) -> Any:
    """Move the outline along its distance transform, so that the strokes have MNIST's width when they are scaled."""
    mask = (levels > 0.5).astype(np.uint8)
    inside = cv2.distanceTransform(mask, cv2.DIST_L2, 5)
    width = max(1, 4 * cv2.mean(inside, mask)[0] - 2)  # the mean distance is a quarter of the width
    narrow, wide = ((width - CANVAS_SCALE * pixels) / (2 - 2 * pixels / DIGIT_SIDE) for pixels in STROKE_WIDTHS)
    if wide > 0.5 and 2 * width < min(cv2.boundingRect(mask)[2:]):  # a wider shape would vanish
        return np.clip(inside - min(wide, inside.max() - 1), 0, 1)
    return levels if narrow > -0.5 else np.clip(1 - narrow - cv2.distanceTransform(1 - mask, cv2.DIST_L2, 5), 0, 1)
