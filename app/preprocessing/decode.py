"""Decodes uploads to 28 x 28 pixels, with a light digit on a dark background."""

import re
from io import BytesIO
from typing import NamedTuple
from zlib import crc32

import cv2
import numpy as np
from PIL import Image
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from app.classifier.pixels import IMAGE_SHAPE, PIXELS
from app.errors import ImageFormat, ImageMissing, ImageSize, ImageTooLarge, ImageUnreadable, Problem
from app.preprocessing.fit import WORKING_SIDE
from app.preprocessing.fit import fit as fit_digit
from app.preprocessing.grey import reduced, to_grey, upright
from app.preprocessing.polarity import Grey, Ink, light_on_dark

MAX_SCANS = 100
"""Maximum number of scans of a JPEG. Decoding one takes as long as a whole baseline JPEG; encoders write up to 12."""

MAX_SEGMENTS = 10_000
"""Maximum number of segments of a JPEG, all of which Pillow parses. Colour profiles and maker notes take hundreds."""

MIN_FIT_SIDE = 8
"""Minimum width and height, in pixels, of an image that is fitted. Smaller digits are not legible."""

WEBP_MEMORY = 4
"""Memory per pixel of WebP relative to other formats. Its decoder holds copies of the image."""

_SIGNATURES: dict[type[ImageFile], re.Pattern[bytes]] = {
    PngImageFile: re.compile(rb"\x89PNG\r\n\x1a\n"),
    JpegImageFile: re.compile(rb"\xff\xd8\xff"),
    GifImageFile: re.compile(rb"GIF8[79]a"),
    BmpImageFile: re.compile(rb"BM"),
    WebPImageFile: re.compile(rb"(?s)RIFF.{4}WEBP"),
}
"""Signatures of the formats. Pillow's Image.open raises the same error for a corrupt PNG and an unknown format."""

_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd8\xff]")
"""Pattern of a JPEG marker that begins a segment or ends the image."""

_START_OF_SCAN, _END_OF_IMAGE = b"\xff\xda", b"\xff\xd9"

_PLAIN_PNG = bytes.fromhex("89504e470d0a1a0a 0000000d49484452 0000001c0000001c0800000000 57668048")
"""Signature and header chunk of a PNG of 28 x 28 pixels in 8-bit grey without interlacing."""

_PNG_END = bytes.fromhex("00000000 49454e44 ae426082")
"""Last chunk of a PNG."""


class Crop(NamedTuple):
    """Bounding box of the digit in the upright image, in pixels."""

    x: int
    y: int
    width: int
    height: int


class DigitImage(NamedTuple):
    """An image for the network, and properties of the upload."""

    pixels: Grey  # (28, 28), light digit on a dark background
    format: str
    width: int
    height: int
    inverted: bool  # whether the digit was dark
    fitted: bool
    ambiguous: bool = False  # whether `fit` left out another component of the digit's size, such as a second digit
    crop: Crop | None = None


def read_digit(data: bytes, max_pixels: int, fit: bool = False, ink: Ink = "auto") -> DigitImage:
    """Decode an image and make its digit light on dark.

    The image must have 28 x 28 pixels, unless `fit` is true. The first frame of an animation is read.
    Raises ImageMissing, ImageFormat, ImageUnreadable, ImageTooLarge, ImageSize or ImageBlank.
    """
    if not data:
        raise ImageMissing("The file is empty. Send an image.")
    if not fit and (grey := _read_plain_png(data)) is not None:
        pixels, inverted = light_on_dark(grey, ink)
        return DigitImage(pixels, "PNG", *IMAGE_SHAPE, inverted, fit)
    plugin = next((plugin for plugin, signature in _SIGNATURES.items() if signature.match(data)), None)
    if plugin is None:
        raise ImageFormat
    if plugin is JpegImageFile:
        _check_segments(data)
    if plugin is WebPImageFile:
        max_pixels = max(PIXELS, max_pixels // WEBP_MEMORY)
    try:
        image = plugin(BytesIO(data))  # reads the header only
        width, height = image.size
        _check_size(width, height, max_pixels, fit)
        if fit and isinstance(image, JpegImageFile):
            image.draft(None, (WORKING_SIDE, WORKING_SIDE))  # decodes at a reduced size
        image.load()
        smaller = reduced(image) if fit else image
        turned = upright(smaller)
        grey = to_grey(turned)
    except Problem:
        raise
    except Image.DecompressionBombError:  # Pillow's own check of the canvas of WebP and GIF
        raise ImageTooLarge(f"The image is too large. Send at most {max_pixels:,} pixels.") from None
    except Exception as error:  # Pillow's decoders raise many types for corrupt data, with no common base
        reason = f"The {plugin.format} image is truncated or corrupt"
        raise ImageUnreadable(f"{reason}. Save it again and send all of it.") from error
    name = image.format or ""
    if not fit:
        pixels, inverted = light_on_dark(grey, ink)
        return DigitImage(pixels, name, width, height, inverted, fit)
    found = fit_digit(grey, ink)
    scales = np.divide((width, height) if turned.size == smaller.size else (height, width), turned.size)
    crop = Crop(*(round(part * scale) for part, scale in zip(found.box, (*scales, *scales), strict=True)))
    return DigitImage(found.pixels, name, width, height, found.inverted, fit, found.ambiguous, crop)


def _read_plain_png(data: bytes) -> Grey | None:
    """Decode a PNG of 28 x 28 grey pixels in one chunk with OpenCV, in a fifth of Pillow's time.

    Return None for any other file, and if OpenCV refuses it; Pillow may read it. The checksum is compared first, since
    OpenCV prints an error for corrupt data; it still does if the checksum is right.
    """
    if not data.startswith(_PLAIN_PNG):
        return None
    chunk = data[len(_PLAIN_PNG) + 4 : -len(_PNG_END) - 4]
    plain = _PLAIN_PNG + max(0, len(chunk) - 4).to_bytes(4) + chunk + crc32(chunk).to_bytes(4) + _PNG_END
    if data != plain or not chunk.startswith(b"IDAT"):
        return None
    grey: Grey | None = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)  # type: ignore[assignment]
    return grey


def _check_size(width: int, height: int, max_pixels: int, fit: bool) -> None:
    if width * height > max_pixels:
        raise ImageTooLarge(f"The image has {width} x {height} pixels. Send at most {max_pixels:,} pixels.")
    if fit and min(width, height) < MIN_FIT_SIDE:
        least = f"{MIN_FIT_SIDE} x {MIN_FIT_SIDE}"
        raise ImageSize(f"The image has {width} x {height} pixels. To be fitted it needs at least {least}.")
    if not fit and (height, width) != IMAGE_SHAPE:
        advice = "Send 28 x 28 pixels, or add ?fit=true to the URL to fit other sizes."
        raise ImageSize(f"The image has {width} x {height} pixels. {advice}")


def _check_segments(data: bytes) -> None:
    """Raise ImageUnreadable if a JPEG has too many segments. A video that follows its end is not searched."""
    scans, position = 0, 0
    for _ in range(MAX_SEGMENTS):
        marker = _MARKER.search(data, position)
        if marker is None or marker[0] == _END_OF_IMAGE:
            return
        scans += marker[0] == _START_OF_SCAN
        if scans > MAX_SCANS:
            break
        position = marker.end() + int.from_bytes(data[marker.end() : marker.end() + 2])
    limits = f"{MAX_SCANS} scans or {MAX_SEGMENTS:,} segments"
    raise ImageUnreadable(f"The JPEG image has more than {limits}. Save it again as a baseline JPEG.")
