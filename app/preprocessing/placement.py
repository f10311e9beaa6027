"""The size and position of MNIST's digits, for everything that is made to look like them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from app.classifier.pixels import IMAGE_SHAPE

DIGIT_SIDE = 20
"""Longest side of MNIST's digits, in pixels of an image of 28 x 28 (LeCun, Bottou, Bengio and Haffner 1998)."""


def placement(size: Sequence[int], centre: ArrayLike, frame: float = IMAGE_SHAPE[0]) -> tuple[float, NDArray[Any]]:
    """Return the scale of a digit, and the position (x, y) of its top left corner in the frame, as in MNIST.

    The longest side becomes 20/28 of the frame. The centre of mass lies in the middle of the frame, or as near to it as
    the digit fits in.

    size: width and height of the digit. centre: its centre of mass, relative to its top left corner, in the same unit.
    frame: width and height of the frame.
    """
    scale = frame * DIGIT_SIDE / IMAGE_SHAPE[0] / max(size)
    corner = np.clip(frame / 2 - scale * np.asarray(centre), 0, frame - scale * np.array(size))
    return scale, corner
