"""Decoding of images that Pillow encodes."""

import zlib
from collections.abc import Callable
from functools import partial
from typing import TypeAlias

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from app.errors import ImageBlank, ImageFormat, ImageMissing, ImageSize, ImageTooLarge, ImageUnreadable, Problem
from app.preprocessing.decode import DigitImage, read_digit
from model_training.images.mnist import Digits
from tests.conftest import encode

MAX_PIXELS = 1_000_000


def read(data: bytes) -> DigitImage:
    return read_digit(data, MAX_PIXELS)


@pytest.fixture
def ink(digits: Digits) -> NDArray[np.uint8]:
    return np.array(digits.only(7).images[0])


def rgba(grey: int, alpha: NDArray[np.uint8]) -> Image.Image:
    return Image.merge("RGBA", [Image.new("L", (28, 28), grey)] * 3 + [Image.fromarray(alpha)])


def converted(mode: str, ink: NDArray[np.uint8]) -> Image.Image:
    return Image.fromarray(ink).convert("RGB" if mode == "CMYK" else "L").convert(mode)


@pytest.mark.parametrize("dark", [False, True])
def test_polarity(digits: Digits, dark: bool) -> None:
    for ink in digits.images[:200]:
        image = read(encode(Image.fromarray(255 - ink if dark else ink)))
        assert (image.pixels == ink).all()
        assert image.info == {
            "format": "PNG",
            "width": 28,
            "height": 28,
            "inverted": dark,
            "fitted": False,
            "crop": None,
        }


@pytest.mark.parametrize("damage", [b"not deflated", zlib.compress(b"\7" * 29 * 28)])
def test_damaged_pixels_with_a_valid_checksum_are_unreadable(ink: NDArray[np.uint8], damage: bytes) -> None:
    plain = encode(Image.fromarray(ink))
    chunk = b"IDAT" + damage
    end = zlib.crc32(chunk).to_bytes(4) + plain[-12:]
    with pytest.raises(ImageUnreadable):
        read(plain[:33] + len(damage).to_bytes(4) + chunk + end)


@pytest.mark.parametrize(
    ("ink_level", "background"), [(0, 200), (0, 128), (90, 160), (255, 60), (180, 255), (40, 0), (20, 0)]
)
def test_levels_are_stretched(ink: NDArray[np.uint8], ink_level: int, background: int) -> None:
    faded = np.rint(background + (ink_level - background) * (ink / 255)).astype(np.uint8)
    image = read(encode(Image.fromarray(faded)))
    assert image.info["inverted"] is (ink_level < background)
    assert np.abs(image.pixels.astype(int) - ink).max() <= 8  # quantised levels


def test_foreground_of_more_than_half_of_the_image() -> None:
    thick = np.zeros((28, 28), np.uint8)
    thick[1:, 4:25] = 255
    thick[1] = thick[14] = 128
    for pixels in (thick, 255 - thick):
        assert (read(encode(Image.fromarray(pixels))).pixels == thick).all()


def test_noise_of_the_background_is_removed(ink: NDArray[np.uint8]) -> None:
    grain = np.random.default_rng(0).normal(0, 10, (28, 28))
    image = read(encode(Image.fromarray((200 - ink * 0.6 + grain).clip(0, 255).astype(np.uint8))))
    assert (image.pixels[ink == 0] == 0).mean() > 0.95
    assert image.pixels[ink > 250].mean() > 200


def with_shuffled_palette(ink: NDArray[np.uint8]) -> Image.Image:
    shuffle = np.random.default_rng(0).permutation(256).astype(np.uint8)
    image = Image.fromarray(shuffle[ink]).convert("P")
    image.putpalette(np.repeat(np.argsort(shuffle).astype(np.uint8), 3).tobytes())
    return image


Convert: TypeAlias = Callable[[NDArray[np.uint8]], Image.Image]
CONVERSIONS: dict[str, tuple[str, Convert, float]] = {
    **{kind: (kind, Image.fromarray, 0) for kind in ("BMP", "GIF")},
    **{mode: ("PNG", partial(converted, mode), 0.3) for mode in ("RGB", "RGBA", "LA", "P")},
    "lossless WebP": ("WEBP", Image.fromarray, 0.3),
    "JPEG": ("JPEG", Image.fromarray, 5),
    "dark CMYK": ("JPEG", lambda ink: converted("CMYK", 255 - ink), 8),
    "palette": ("PNG", with_shuffled_palette, 0),
    "16 bits": ("PNG", lambda ink: Image.fromarray(ink.astype(np.uint16) * 257), 0),
    "12 of 16 bits": ("PNG", lambda ink: Image.fromarray(ink.astype(np.uint16) * 16), 0),
}
"""Format, conversion and maximum mean difference."""


@pytest.mark.parametrize("name", CONVERSIONS)
def test_formats_and_modes(ink: NDArray[np.uint8], name: str) -> None:
    kind, convert, tolerance = CONVERSIONS[name]
    image = read(encode(convert(ink), kind, **{"lossless": True} if kind == "WEBP" else {}))
    assert (image.info["format"], image.info["inverted"]) == (kind, name == "dark CMYK")
    assert np.abs(image.pixels.astype(int) - ink).mean() <= tolerance


def test_1_bit(ink: NDArray[np.uint8]) -> None:
    image = Image.fromarray(ink).convert("1", dither=Image.Dither.NONE)
    assert (read(encode(image)).pixels == np.where(ink > 127, 255, 0)).all()


@pytest.mark.parametrize(("grey", "inverted"), [(0, True), (90, True), (160, False), (255, False)])
def test_transparent_background(ink: NDArray[np.uint8], grey: int, inverted: bool) -> None:
    image = read(encode(rgba(grey, ink)))
    assert image.info["inverted"] is inverted
    assert np.abs(image.pixels.astype(int) - ink).max() <= 2


def test_translucent_drawing_and_transparent_digit(ink: NDArray[np.uint8]) -> None:
    bands = [[Image.fromarray(255 - ink), Image.new("L", (28, 28), opacity)] for opacity in (64, 127, 200)]
    for image in (*(Image.merge("LA", pair) for pair in bands), rgba(200, 255 - ink)):
        assert np.abs(read(encode(image)).pixels.astype(int) - ink).max() <= 4


def test_opaque_picture_on_a_transparent_canvas(ink: NDArray[np.uint8]) -> None:
    alpha = np.zeros((28, 28), np.uint8)
    alpha[3:25, 6:22] = 255
    image = read(encode(Image.merge("LA", [Image.fromarray(255 - ink), Image.fromarray(alpha)])))
    assert image.info["inverted"]
    assert (image.pixels == np.where(alpha, ink, 0)).all()


def test_palette_with_a_transparent_colour(ink: NDArray[np.uint8]) -> None:
    indices = (ink > 127).astype(np.uint8)
    image = Image.fromarray(indices).convert("P")
    image.putpalette([200, 200, 200, 0, 0, 0])
    assert (read(encode(image, "GIF", transparency=0)).pixels == indices * 255).all()


def test_transparent_holes_get_the_background(ink: NDArray[np.uint8]) -> None:
    alpha = np.full((28, 28), 255, np.uint8)
    alpha[:3, :3] = 0
    paper = 255 - ink
    paper[:3, :3] = 100  # under full transparency
    image = Image.merge("LA", [Image.fromarray(paper), Image.fromarray(alpha)])
    assert (read(encode(image)).pixels == ink).all()


def test_exif_rotation(ink: NDArray[np.uint8]) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # rotate 90 degrees clockwise
    image = read(encode(Image.fromarray(np.rot90(ink).copy()), exif=exif))
    assert (image.pixels == ink).all()


def test_invalid_exif_and_later_frames_are_ignored(ink: NDArray[np.uint8]) -> None:
    first, second = Image.fromarray(ink), Image.fromarray(255 - ink)
    assert (read(encode(first, exif=b"Exif\0\0 nonsense")).pixels == ink).all()
    assert (read(encode(first, "GIF", save_all=True, append_images=[second])).pixels == ink).all()


def refused(data: bytes, kind: type[Problem]) -> str:
    with pytest.raises(kind) as caught:
        read(data)
    return caught.value.detail


@pytest.mark.parametrize("data", [b"hello", b"%PDF-1.7", encode(Image.new("L", (28, 28)), "TIFF"), b"RIFF\0\0\0\0WAVE"])
def test_unknown_formats_and_empty_files(data: bytes) -> None:
    assert refused(data, ImageFormat) == ImageFormat.template
    assert refused(b"", ImageMissing) == "The file is empty. Send an image."


def test_jpeg_with_many_scans() -> None:
    """Each scan takes as long to decode as the whole image, but few bytes."""
    data = encode(Image.new("L", (28, 28), 9), "JPEG")
    scan = data[data.index(b"\xff\xda") : -2]
    detail = "The JPEG image has more than 100 scans or 10,000 segments. Save it again as a baseline JPEG."
    assert refused(data[:-2] + 100 * scan + data[-2:], ImageUnreadable) == detail
    assert refused(data[:2] + 10_000 * b"\xff\xe0\0\2" + data[2:], ImageUnreadable) == detail


def test_jpeg_followed_by_a_video(ink: NDArray[np.uint8]) -> None:
    """Phones append a video to live photos. By chance, one in 65,536 pairs of its bytes begins a scan."""
    exif = b"Exif\0\0 nonsense" + 200 * b"\xff\xda\xff\xd9"
    photo = encode(Image.fromarray(ink), "JPEG", exif=exif)
    video = np.random.default_rng(0).bytes(11_000_000)
    assert (read(photo + video).pixels == read(photo).pixels).all()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "WEBP"])
def test_truncated_image(ink: NDArray[np.uint8], kind: str) -> None:
    data = encode(Image.fromarray(ink), kind)
    for length in range(12, len(data) // 2):
        assert refused(data[:length], ImageUnreadable) == ImageUnreadable.template.format(name=kind)


@pytest.mark.parametrize("size", [(28, 29), (29, 28), (1, 1), (784, 1), (280, 280)])
def test_other_sizes(size: tuple[int, int]) -> None:
    detail = f"The image has {size[0]} x {size[1]} pixels. Send 28 x 28 pixels."
    assert refused(encode(Image.new("L", size)), ImageSize) == detail


def test_max_pixels() -> None:
    data = bytearray(encode(Image.new("1", (8, 8))))
    data[16:24] = (50_000).to_bytes(4, "big") * 2  # width and height in the PNG's header
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    assert refused(bytes(data), ImageTooLarge) == "The image has 50000 x 50000 pixels. Send at most 1,000,000 pixels."


def test_webp_with_the_lowest_limit(ink: NDArray[np.uint8]) -> None:
    """A WebP may have a quarter of the pixels of other formats, but always 28 x 28."""
    assert read_digit(encode(Image.fromarray(ink), "WEBP"), 28 * 28).info["format"] == "WEBP"


def test_decompression_bomb() -> None:
    data = bytearray(encode(Image.new("L", (28, 28)), "GIF"))
    descriptor = data.index(b"\x2c\0\0\0\0\x1c\0\x1c\0")
    data[descriptor + 5 : descriptor + 9] = b"\xff\xff\xff\xff"  # width and height
    assert refused(bytes(data), ImageTooLarge) == "The image is too large. Send at most 1,000,000 pixels."


@pytest.mark.parametrize(
    "image",
    [
        Image.new("L", (28, 28), 0),
        Image.new("L", (28, 28), 255),
        Image.new("RGBA", (28, 28)),
        Image.new("RGBA", (28, 28), (255, 255, 255, 0)),
        Image.fromarray(np.random.default_rng(0).integers(200, 215, (28, 28), np.uint8)),
    ],
)
def test_blank_images(image: Image.Image) -> None:
    assert refused(encode(image), ImageBlank) == ImageBlank.template
