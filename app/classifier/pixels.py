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
