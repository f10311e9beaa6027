"""Drawing of an explanation: the network's input, coloured by the evidence for 3 and for 7."""

from io import BytesIO

import numpy as np
from PIL import Image, ImageColor

from app.classifier import to_input
from app.classifier.attribution import DIGIT_COLORS, attribution
from app.classifier.network import Parameters
from app.classifier.pixels import DIGITS, IMAGE_SHAPE, Grey

SCALE = 10
"""Side of each input pixel in the drawing, in pixels."""

_COLORS = np.array([ImageColor.getrgb(DIGIT_COLORS[digit]) for digit in DIGITS], np.float32)


def explain(parameters: Parameters, pixels: Grey, colors: bool = True) -> bytes:
    """Draw the network's input, uint8 (28, 28), as a PNG of 280 x 280 pixels.

    A pixel keeps its brightness. The stronger its evidence for a digit, the stronger that digit's colour. Without
    colours the input is drawn in grey.
    """
    shares = attribution(parameters, to_input(pixels[None])).reshape(IMAGE_SHAPE)
    strength = np.abs(shares) / max(np.abs(shares).max(), np.finfo(np.float32).tiny) * colors
    color = _COLORS[(shares > 0).astype(int)]
    ink = 255 + (color - 255) * np.sqrt(strength)[..., None]  # weak colours are hard to see
    picture = Image.fromarray(np.asarray(ink * (pixels[..., None] / 255), np.uint8))
    buffer = BytesIO()
    picture.resize([side * SCALE for side in picture.size], Image.Resampling.NEAREST).save(buffer, "PNG")
    return buffer.getvalue()
