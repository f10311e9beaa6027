"""Decodes uploads to 28 x 28 pixels, with a light digit on a dark background."""

import re
from io import BytesIO
from typing import Annotated, NamedTuple
from zlib import crc32

import cv2
import numpy as np
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile
from PIL.WebPImagePlugin import WebPImageFile
from pydantic import Field
from typing_extensions import TypedDict  # Pydantic reads those of `typing` only from Python 3.12 on

from app.classifier.pixels import IMAGE_SHAPE, PIXELS, Grey
from app.errors import ImageFormat, ImageMissing, ImageSize, ImageTooLarge, ImageUnreadable, Problem
from app.formats import FORMATS, detect
from app.preprocessing.fit import WORKING_SIDE
from app.preprocessing.fit import fit as fit_digit
from app.preprocessing.grey import reduced, to_grey, upright
from app.preprocessing.polarity import Ink, light_on_dark

MAX_SCANS = 100
"""Maximum number of scans of a JPEG. Decoding one takes as long as a whole baseline JPEG; encoders write up to 12."""

MAX_SEGMENTS = 10_000
"""Maximum number of segments of a JPEG, all of which Pillow parses. Colour profiles and maker notes take hundreds."""

MIN_FIT_SIDE = 8
"""Minimum width and height, in pixels, of an image that is fitted. Smaller digits are not legible."""

WEBP_MEMORY = 4
"""Memory per pixel of WebP relative to other formats. Its decoder holds copies of the image."""

_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd8\xff]")
"""Pattern of a JPEG marker that begins a segment or ends the image."""

_START_OF_SCAN, _END_OF_IMAGE = b"\xff\xda", b"\xff\xd9"

_PLAIN_PNG = bytes.fromhex("89504e470d0a1a0a 0000000d49484452 0000001c0000001c0800000000 57668048")
"""Signature and header chunk of a PNG of 28 x 28 pixels in 8-bit grey without interlacing."""

_PNG_END = bytes.fromhex("00000000 49454e44 ae426082")
"""Last chunk of a PNG."""


class CropInfo(TypedDict):
    """Bounding box of the digit in the upright image, in pixels."""

    x: Annotated[int, Field(examples=[450])]
    y: Annotated[int, Field(examples=[60])]
    width: Annotated[int, Field(examples=[80])]
    height: Annotated[int, Field(examples=[120])]


_FORMAT_CODES = ", ".join(str(each.decoder.format) for each in FORMATS)


class ImageInfo(TypedDict):
    """Properties of the upload and of its preprocessing."""

    format: Annotated[str, Field(description=f"one of {_FORMAT_CODES}", examples=["PNG"])]
    width: Annotated[int, Field(description="in pixels, as uploaded", examples=[28])]
    height: Annotated[int, Field(description="in pixels, as uploaded", examples=[28])]
    inverted: Annotated[bool, Field(description="whether the digit was darker than its background", examples=[False])]
    fitted: Annotated[bool, Field(description="whether the digit was found, scaled and centred", examples=[False])]
    crop: Annotated[CropInfo | None, Field(description="bounding box of the digit, if it was fitted", examples=[None])]


class DigitImage(NamedTuple):
    """An image for the network, and what the response says about the upload."""

    pixels: Grey  # (28, 28), light digit on a dark background
    info: ImageInfo
    ambiguous: bool = False  # whether `fit` left out another component of the digit's size, such as a second digit


class _Decoded(NamedTuple):
    """A decoded upload. Unless it is to be fitted, its grey levels have the size of the upload."""

    grey: Grey  # upright, with transparency flattened
    format: str
    width: int  # of the upload
    height: int
    sides_swapped: bool = False  # whether the upright image has the width that was uploaded as the height


def read_digit(data: bytes, max_pixels: int, fit: bool = False, ink: Ink = "auto") -> DigitImage:
    """Decode an image and make its digit light on dark.

    The image must have 28 x 28 pixels, unless `fit` is true. The first frame of an animation is read.
    Raises ImageMissing, ImageFormat, ImageUnreadable, ImageTooLarge, ImageSize or ImageBlank.
    """
    if not data:
        raise ImageMissing("The file is empty. Send an image.")
    if fit:
        return _fitted(_decode(data, max_pixels, fit), ink)
    upload = _decode_plain_png(data) or _decode(data, max_pixels, fit)
    pixels, inverted = light_on_dark(upload.grey, ink)
    return DigitImage(pixels, _info(upload, inverted))


def _fitted(upload: _Decoded, ink: Ink) -> DigitImage:
    """Find the digit, and report its place in pixels of the upright upload."""
    found = fit_digit(upload.grey, ink)
    size = (upload.height, upload.width) if upload.sides_swapped else (upload.width, upload.height)
    across, down = np.divide(size, upload.grey.shape[::-1])
    x, y, width, height = found.box
    crop: CropInfo = {
        "x": round(x * across),
        "y": round(y * down),
        "width": round(width * across),
        "height": round(height * down),
    }
    return DigitImage(found.pixels, _info(upload, found.inverted, crop), found.ambiguous)


def _info(upload: _Decoded, inverted: bool, crop: CropInfo | None = None) -> ImageInfo:
    return {
        "format": upload.format,
        "width": upload.width,
        "height": upload.height,
        "inverted": inverted,
        "fitted": crop is not None,
        "crop": crop,
    }


def _decode(data: bytes, max_pixels: int, fit: bool) -> _Decoded:
    """Decode a file with Pillow. An image to be fitted is reduced to about the size at which `fit` works."""
    upload_format = detect(data)
    if upload_format is None:
        raise ImageFormat
    decoder = upload_format.decoder
    if decoder is JpegImageFile:
        _check_segments(data)
    if decoder is WebPImageFile:
        max_pixels = max(PIXELS, max_pixels // WEBP_MEMORY)
    try:
        image = decoder(BytesIO(data))  # decodes no pixels yet
        width, height = image.size
        _check_size(width, height, max_pixels, fit)
        if fit and isinstance(image, JpegImageFile):
            image.draft(None, (WORKING_SIDE, WORKING_SIDE))  # decodes at a reduced size
        image.load()
        smaller = reduced(image, WORKING_SIDE) if fit else image
        turned = upright(smaller)
        sides_swapped = turned.size != smaller.size
        return _Decoded(to_grey(turned), image.format or "", width, height, sides_swapped)
    except Problem:
        raise
    except Image.DecompressionBombError:  # Pillow's own check of the canvas of WebP and GIF
        raise ImageTooLarge(f"The image is too large. Send at most {max_pixels:,} pixels.") from None
    except Exception as error:  # Pillow's decoders raise many types for corrupt data, with no common base
        raise ImageUnreadable(name=decoder.format) from error


def _decode_plain_png(data: bytes) -> _Decoded | None:
    """Decode a PNG of 28 x 28 grey pixels in one chunk with OpenCV, in a fifth of Pillow's time.

    Return None for any other file, and if OpenCV refuses it; Pillow may read it. The checksum is compared first, since
    OpenCV prints an error for corrupt data; it still does if the checksum is right.
    """
    if not data.startswith(_PLAIN_PNG):
        return None
    # Type and data of the only chunk between the header and the end, if there is no other.
    chunk = data[len(_PLAIN_PNG) + 4 : -len(_PNG_END) - 4]
    plain = _PLAIN_PNG + max(0, len(chunk) - 4).to_bytes(4) + chunk + crc32(chunk).to_bytes(4) + _PNG_END
    if data != plain or not chunk.startswith(b"IDAT"):
        return None
    grey: Grey | None = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)  # type: ignore[assignment]
    return None if grey is None else _Decoded(grey, "PNG", width=IMAGE_SHAPE[1], height=IMAGE_SHAPE[0])


def _check_size(width: int, height: int, max_pixels: int, fit: bool) -> None:
    if width * height > max_pixels:
        raise ImageTooLarge(width=width, height=height, maximum=max_pixels)
    if fit and min(width, height) < MIN_FIT_SIDE:
        least = f"{MIN_FIT_SIDE} x {MIN_FIT_SIDE}"
        raise ImageSize(f"The image has {width} x {height} pixels. To be fitted it needs at least {least}.")
    if not fit and (height, width) != IMAGE_SHAPE:
        raise ImageSize(width=width, height=height)


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
