"""Decodes uploads to 28 x 28 pixels, with a light digit on a dark background."""

import re
from io import BytesIO
from typing import NamedTuple
from zlib import crc32

import cv2
import numpy as np
from PIL import Image, ImageOps
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
from app.preprocessing.polarity import Grey, Ink, light_on_dark

BAND = 16
"""Number of rows of a reduced image that are computed at a time, which bounds the memory."""

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
        reduced = _reduced(image) if fit else image
        upright = _upright(reduced)
        grey = _to_grey(upright)
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
    scales = np.divide((width, height) if upright.size == reduced.size else (height, width), upright.size)
    crop = Crop(*(round(part * scale) for part, scale in zip(found.box, (*scales, *scales), strict=True)))
    return DigitImage(found.pixels, name, width, height, found.inverted, fit, found.ambiguous, crop)


def _read_plain_png(data: bytes) -> Grey | None:
    """Decode a PNG of 28 x 28 grey pixels in one chunk with OpenCV, in a fifth of Pillow's time.

    Return None for any other file, and if OpenCV refuses it; Pillow may read it. The checksum is compared first, since
    OpenCV prints an error for corrupt data; one with the right checksum is printed.
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


def _reduced(image: Image.Image) -> Image.Image:
    """Reduce a large image by a whole factor, to less than twice the size at which `fit_digit` works.

    This is done a band of rows at a time: a converted copy of the whole image would take up to 200 MB of memory.
    """
    if (factor := max(image.size) // WORKING_SIDE) < 2:
        return image
    across, down = (min(factor, side) for side in image.size)
    width, height = image.width // across, image.height // down
    flat = {"1": "L", "P": "RGB"}.get(image.mode, image.mode)  # to modes that can be antialiased
    sixteen_bits = image.mode.startswith("I")  # RGBA would clip them
    mode = "RGBA" if image.has_transparency_data and not sixteen_bits else flat
    reduced = Image.new(mode, (width, height))
    for top in range(0, height, BAND):
        bottom = min(top + BAND, height)
        band = image.crop((0, top * down, width * across, bottom * down)).convert(mode)
        reduced.paste(band.resize((width, bottom - top), Image.Resampling.BOX), (0, top))
    reduced.info = image.info  # contains the EXIF rotation
    return reduced


def _upright(image: Image.Image) -> Image.Image:
    """Apply the EXIF rotation."""
    if not image.info:  # no metadata, as in most images of 28 x 28
        return image
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # noqa: BLE001  # invalid EXIF raises many types, and is ignored
        return image


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


def _to_grey(image: Image.Image) -> Grey:
    """Convert to luminance (height, width), with transparency flattened."""
    if image.mode.startswith("I"):
        levels = np.asarray(image)
        return np.asarray(levels * (255 / max(levels.max(), 1)), np.uint8)  # 12-bit values in 16 bits are common
    if image.has_transparency_data:
        grey, alpha = np.moveaxis(np.asarray(image.convert("RGBA").convert("LA")), 2, 0)
        return _flatten(grey, alpha)
    band = _strongest_band(image)
    return np.frombuffer(band.tobytes(), np.uint8).reshape(band.height, band.width)  # np.asarray takes twice as long


def _strongest_band(image: Image.Image) -> Image.Image:
    """Return the luminance, or a colour channel with more than twice its contrast, as for yellow on white."""
    grey = image if image.mode == "L" else image.convert("L")
    if image.mode in ("1", "L"):
        return grey
    bands = image.convert("RGB").split()
    contrast, *contrasts = (np.ptp(band.getextrema()) for band in (grey, *bands))
    strongest = int(np.argmax(contrasts))
    return bands[strongest] if contrasts[strongest] > 2 * contrast else grey


def _flatten(grey: Grey, alpha: Grey) -> Grey:
    """Flatten transparency onto a background.

    If the opaque part has light and dark pixels, it is a picture, and the background is its median level. If it has one
    level, its outline is the drawing, and the background is black or white, whichever has more contrast.
    """
    opaque = grey[alpha > alpha.max() // 2]
    if not opaque.size:
        return np.zeros_like(grey)
    darkest, typical, lightest = np.percentile(opaque, (5, 50, 95))
    contrasting = 255 if typical < 128 else 0
    background = typical if lightest - darkest > 127 else contrasting
    opacity = alpha / np.float32(255)
    return np.asarray(np.rint(grey * opacity + background * (1 - opacity)), np.uint8)
