"""Converts decoded images to grey levels: reduced, upright, with transparency flattened."""

import numpy as np
from PIL import Image, ImageOps

from app.classifier.pixels import Grey

BAND = 16
"""Number of rows of a reduced image that are computed at a time, which bounds the memory."""


def reduced(image: Image.Image, side: int) -> Image.Image:
    """Reduce a large image by a whole factor, so that its longest side has less than twice `side` pixels.

    This is done a band of rows at a time: a converted copy of the whole image would take up to 200 MB of memory.
    """
    if (factor := max(image.size) // side) < 2:
        return image
    across, down = (min(factor, side) for side in image.size)
    width, height = image.width // across, image.height // down
    flat = {"1": "L", "P": "RGB"}.get(image.mode, image.mode)  # to modes that can be antialiased
    sixteen_bits = image.mode.startswith("I")  # RGBA would clip them
    mode = "RGBA" if image.has_transparency_data and not sixteen_bits else flat
    smaller = Image.new(mode, (width, height))
    for top in range(0, height, BAND):
        bottom = min(top + BAND, height)
        band = image.crop((0, top * down, width * across, bottom * down)).convert(mode)
        smaller.paste(band.resize((width, bottom - top), Image.Resampling.BOX), (0, top))
    smaller.info = image.info  # contains the EXIF rotation
    return smaller


def upright(image: Image.Image) -> Image.Image:
    """Apply the EXIF rotation."""
    if not image.info:  # no metadata, as in most images of 28 x 28
        return image
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # noqa: BLE001  # invalid EXIF raises many types, and is ignored
        return image


def to_grey(image: Image.Image) -> Grey:
    """Convert to luminance (height, width), with transparency flattened."""
    if image.mode.startswith("I"):
        levels = np.asarray(image)
        return np.asarray(levels * (255 / max(levels.max(), 1)), np.uint8)  # 12-bit values in 16 bits are common
    if image.has_transparency_data:
        grey, alpha = np.moveaxis(np.asarray(image.convert("RGBA").convert("LA")), 2, 0)
        return _flatten(grey, alpha)
    band = _strongest_band(image)
    return np.frombuffer(band.tobytes(), np.uint8).reshape(band.height, band.width)  # np.asarray takes longer


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
