"""The image format that training and serving share."""

import numpy as np
from numpy.typing import NDArray

IMAGE_SHAPE = (28, 28)
"""Height and width of an image, as in MNIST."""

PIXELS = IMAGE_SHAPE[0] * IMAGE_SHAPE[1]

DIGITS = (3, 7)
"""The two classes, in the order of the network's outputs."""

DIGIT_COLORS = {3: "#d55e00", 7: "#0072b2"}
"""Colours of the digits in figures and explanations, distinct to colour-blind people too (Okabe and Ito 2008)."""


def to_input(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Convert images to inputs of the network.

    images: uint8 (n, 28, 28), light digits on a dark background, as in MNIST.
    Returns float32 (n, 784) in the range 0 to 1, row by row.
    """
    return np.divide(images.reshape(len(images), PIXELS), 255, dtype=np.float32)
