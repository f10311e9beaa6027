"""Schemathesis hooks that generate images of 28 x 28, which OpenAPI cannot describe."""

import numpy as np
import schemathesis
from hypothesis import strategies
from PIL import Image

from app.formats import FORMATS
from tests.conftest import DATA, encode

KINDS = [str(each.decoder.format) for each in FORMATS]

with np.load(DATA / "mnist-test.npz") as _arrays:
    _PIXELS = _arrays["digits_images"]


def _encode(index: int, kind: str) -> bytes:
    return encode(Image.fromarray(_PIXELS[index]), kind)


def _images(kinds: list[str]) -> strategies.SearchStrategy[bytes]:
    return strategies.builds(_encode, strategies.integers(0, len(_PIXELS) - 1), strategies.sampled_from(kinds))


schemathesis.openapi.format("binary", _images(KINDS))
for kind in KINDS:
    schemathesis.openapi.media_type(f"image/{kind.lower()}", _images([kind]))
