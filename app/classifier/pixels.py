"""The one image convention that training and serving share."""

import numpy as np
from numpy.typing import NDArray

IMAGE_SHAPE = (28, 28)
"""Height and width of an image, as in MNIST."""

PIXELS = IMAGE_SHAPE[0] * IMAGE_SHAPE[1]

DIGITS = (3, 7)
"""The two classes, in the order of the network's outputs."""

DIGIT_COLORS = {3: "#d55e00", 7: "#0072b2"}
"""Orange and blue, which the colour-blind can tell apart (Okabe and Ito 2008), wherever the digits are drawn."""


def to_input(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Turn images into what the network reads.

    images: uint8 (n, 28, 28), light ink on a dark ground, as in MNIST.
    Returns float32 (n, 784) in the range 0 to 1, row by row.
    """
    return np.divide(images.reshape(len(images), PIXELS), 255, dtype=np.float32)
