"""The image format that training and serving share."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

IMAGE_SHAPE = (28, 28)
"""Height and width of an image, as in MNIST."""

PIXELS = IMAGE_SHAPE[0] * IMAGE_SHAPE[1]

DIGITS = (3, 7)
"""The two classes, in the order of the network's outputs."""

Grey: TypeAlias = NDArray[np.uint8]
"""Grey levels of an image or of several, from 0 (black) to 255 (white)."""


def to_input(images: Grey) -> NDArray[np.float32]:
    """Convert images to inputs of the network.

    images: uint8 (n, 28, 28), light digits on a dark background, as in MNIST.
    Returns float32 (n, 784) in the range 0 to 1, row by row.
    """
    return np.divide(images.reshape(len(images), PIXELS), 255, dtype=np.float32)
