"""Renders letters and signs of fonts in the size and position of MNIST's digits.

Outlines come from Matplotlib's TrueType fonts, strokes from the Hershey fonts (Hershey 1967), which a pen can draw.
"""

import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import matplotlib as mpl
import numpy as np
from HersheyFonts import HersheyFonts
from matplotlib.ft2font import FT2Font

from app.classifier.pixels import IMAGE_SHAPE, Grey
from app.preprocessing.placement import placement
from model_training.images.strokes import Rng, Stroke, draw

FONT_FOLDER = Path(mpl.get_data_path()) / "fonts" / "ttf"
POINT_SIZE, RESOLUTION = 48, 72
"""Size in points, and dots per inch, at which outlines are rendered before they are scaled."""

ASCII = range(0x21, 0x7F)
GREEK = range(0x370, 0x400)
OTHER_CHARACTERS = (
    *range(0xA1, 0x250),  # Latin with accents
    *range(0x400, 0x530),  # Cyrillic
    *range(0x531, 0x588),  # Armenian
    *range(0x620, 0x64B),  # Arabic
    *range(0x10A0, 0x10FD),  # Georgian
    *range(0x13A0, 0x13F5),  # Cherokee
    *range(0x2010, 0x2070),  # punctuation
    *range(0x20A0, 0x20BE),  # currencies
    *range(0x2190, 0x2300),  # arrows, mathematical operators
    *range(0x25A0, 0x2700),  # geometric shapes, pictures
)
"""Code points. Greek is held out of the training."""

LOOK_ALIKES = frozenset("37³¬ƷƸƹƺƖʒǮǯȜȝȤȥɁɂɜɝϾϿ϶ЄЗзЭэєҘҙӞӟӠӡӬӭԄԅԴՂՅՈդղ٦კპჳვუჷ჻ᎢᎫᏃᏋ⁊∃∋∍◝")
"""Characters that can be read as a 3 or a 7."""
CATEGORIES = frozenset({"Lu", "Ll", "Lt", "Lo", "Nd", "Nl", "Sm", "So", "Sc", "Po", "Ps", "Pe", "Pd", "Sk"})
"""Unicode categories of visible characters that stand alone."""


def printed(fonts: Iterable[str], characters: Iterable[int]) -> list[Grey]:
    """Render each character (a code point) of each font that has it, except look-alikes of 3 and 7."""
    images = []
    for font in fonts:
        face = FT2Font(FONT_FOLDER / f"{font}.ttf")
        face.set_size(POINT_SIZE, RESOLUTION)
        present = face.get_charmap()
        for code in characters:
            if code in present and chr(code) not in LOOK_ALIKES and unicodedata.category(chr(code)) in CATEGORIES:
                face.set_text(chr(code))
                face.draw_glyphs_to_bitmap()
                images.append(_placed(np.asarray(face.get_image())))
    return images


def penned(fonts: Iterable[str], rng: Rng, pens: int = 1, without: Iterable[str] = ()) -> list[Grey]:
    """Draw each character of each Hershey font with several pens, except 3 and 7.

    Many Hershey fonts share characters. Those of the fonts `without` are left out.
    """
    known = {_key(lines) for font in without for lines in _hershey(font)}
    drawn = [lines for font in fonts for lines in _hershey(font) if _key(lines) not in known]
    return [draw(lines, rng) for lines in drawn for _ in range(pens)]


def _hershey(font: str) -> Iterator[list[Stroke]]:
    fonts = HersheyFonts()
    fonts.load_default_font(font)
    for code in ASCII:
        lines = [np.array(line, float) for line in fonts.strokes_for_text(chr(code)) if len(line) > 1]
        if lines and chr(code) not in LOOK_ALIKES:
            yield lines


def _key(lines: list[Stroke]) -> bytes:
    """Return a value that equal characters share, wherever they stand."""
    points = np.concatenate(lines)
    return bytes((points - points.min(axis=0)).astype(np.float32))


def _placed(glyph: Grey) -> Grey:
    """Scale a glyph to 20 pixels along its longest side, and centre it by mass."""
    mass = cv2.moments(glyph)
    centre = np.array([mass["m10"], mass["m01"]]) / max(mass["m00"], 1)
    scale, corner = placement(glyph.shape[::-1], centre + 0.5)
    shift = corner + (scale - 1) / 2  # OpenCV's coordinates are those of pixel centres
    soft = cv2.GaussianBlur(glyph, (0, 0), max(0.1, 0.4 / scale))  # against aliasing
    return np.asarray(cv2.warpAffine(soft, np.column_stack([scale * np.eye(2), shift]), IMAGE_SHAPE), np.uint8)
