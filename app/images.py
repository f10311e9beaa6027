"""From uploaded bytes to the 28 x 28 pixels that the network reads: light ink on a dark ground."""

from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from app.classifier.pixels import IMAGE_SHAPE
from app.errors import ImageBlank, ImageFormat, ImageSize, ImageTooLarge, ImageUnreadable

Grey = NDArray[np.uint8]

LEAST_CONTRAST = 16
"""Of 255: below this, what differs from the ground is the noise of a scan or of JPEG, not ink."""


@dataclass(frozen=True, slots=True)
class DigitImage:
    """An image ready for the network, and what was found in the upload."""

    pixels: Grey
    """(28, 28), light ink on a dark ground"""
    format: str
    width: int
    height: int
    inverted: bool
    """Whether the ink was dark"""


def read_digit(data: bytes, max_pixels: int) -> DigitImage:
    """Decode a 28 x 28 image of any kind and make its ink light on dark.

    Of an animation the first frame counts.
    Raises ImageFormat, ImageUnreadable, ImageTooLarge, ImageSize or ImageBlank.
    """
    image = _open(data)
    width, height = image.size
    if width * height > max_pixels:
        raise ImageTooLarge(f"The image has {width} x {height} pixels. Send at most {max_pixels:,} pixels.")
    if (height, width) != IMAGE_SHAPE:
        raise ImageSize(f"The image has {width} x {height} pixels. Send one of 28 x 28 pixels.")
    try:
        grey = _to_grey(ImageOps.exif_transpose(image))
    except Exception as error:  # Pillow's decoders raise many types for corrupt data, and name no common one
        raise ImageUnreadable(_unreadable(image.format, error)) from error
    pixels, inverted = _light_on_dark(grey)
    return DigitImage(pixels, image.format or "", width, height, inverted)


def _open(data: bytes) -> ImageFile:
    """Read the header alone. Pillow's own `Image.open` would try forty more formats."""
    plugin = _plugin_for(data)
    if plugin is None:
        raise ImageFormat("The file is not a PNG, JPEG, WebP, BMP or GIF image. Send one of these formats.")
    try:
        return plugin(BytesIO(data))
    except Exception as error:  # as above
        raise ImageUnreadable(_unreadable(plugin.format, error)) from error


def _plugin_for(data: bytes) -> type[ImageFile] | None:
    """The format by its signature, whatever the Content-Type or the file's name says."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return PngImageFile
    if data.startswith(b"\xff\xd8\xff"):
        return JpegImageFile
    if data.startswith((b"GIF87a", b"GIF89a")):
        return GifImageFile
    if data.startswith(b"BM"):
        return BmpImageFile
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return WebPImageFile
    return None


def _unreadable(name: str | None, error: Exception) -> str:
    return f"The {name} image is truncated or corrupt ({error}). Save it again and send it whole."


def _to_grey(image: Image.Image) -> Grey:
    """Decode to luminance (height, width), with transparency flattened."""
    if image.mode.startswith("I;16"):
        return (np.asarray(image) >> 8).astype(np.uint8)
    if image.has_transparency_data:
        grey, alpha = np.moveaxis(np.asarray(image.convert("RGBA").convert("LA")), 2, 0)
        return _flatten(grey, alpha)
    return np.asarray(image.convert("L"))


def _flatten(grey: Grey, alpha: Grey) -> Grey:
    """Lay a transparent image on the ground that it was meant for.

    Where little is opaque, that is the ink, and the ground is black or white, whichever is farther from it.
    Where most is opaque, the paper was drawn too, and the holes are filled with its commonest level, the median.
    """
    if not alpha.any():
        return np.zeros_like(grey)
    if alpha.mean() > 127:
        ground = float(np.median(grey[alpha > 127]))
    else:
        ground = 255.0 if np.average(grey, weights=alpha) < 128 else 0.0
    opacity = alpha / np.float32(255)
    return np.rint(grey * opacity + ground * (1 - opacity)).astype(np.uint8)


def _light_on_dark(grey: Grey) -> tuple[Grey, bool]:
    """Invert an image whose ink is darker than its ground; say whether it was."""
    darkest, lightest = int(grey.min()), int(grey.max())
    if lightest - darkest < LEAST_CONTRAST:
        raise ImageBlank("The image is of one colour all over. Send one with a digit in it.")
    ground = np.median(grey)  # ink covers less than half
    inverted = bool(ground - darkest > lightest - ground)
    return (255 - grey if inverted else grey), inverted
