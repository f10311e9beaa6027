"""The image formats that can be uploaded. To add one, add a row here and to the `accept` of the page's file chooser."""

import re
from typing import NamedTuple

from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile


class Format(NamedTuple):
    """A format, its signature at the beginning of a file, and Pillow's decoder."""

    name: str
    media_type: str
    signature: re.Pattern[bytes]
    decoder: type[ImageFile]


FORMATS = (
    Format("PNG", "image/png", re.compile(rb"\x89PNG\r\n\x1a\n"), PngImageFile),
    Format("JPEG", "image/jpeg", re.compile(rb"\xff\xd8\xff"), JpegImageFile),
    Format("WebP", "image/webp", re.compile(rb"(?s)RIFF.{4}WEBP"), WebPImageFile),
    Format("BMP", "image/bmp", re.compile(rb"BM"), BmpImageFile),
    Format("GIF", "image/gif", re.compile(rb"GIF8[79]a"), GifImageFile),
)

*_FIRST, _LAST = (each.name for each in FORMATS)
NAMES = f"{', '.join(_FIRST)} or {_LAST}"
"""The names of all formats, for a sentence."""


def detect(data: bytes) -> Format | None:
    """Return the format whose signature begins a file, or None.

    Pillow's Image.open does not distinguish unknown from corrupt files.
    """
    return next((each for each in FORMATS if each.signature.match(data)), None)
