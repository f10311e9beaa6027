"""Images are made by Pillow's encoders; what comes out is compared with the array that went in."""

import io
import zlib
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from app.errors import ImageBlank, ImageFormat, ImageSize, ImageTooLarge, ImageUnreadable, Problem
from app.images import DigitImage, read_digit
from model_training.data import Digits

MAX_PIXELS = 1_000_000


def encode(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def read(data: bytes) -> DigitImage:
    return read_digit(data, MAX_PIXELS)


@pytest.fixture
def ink(digits: Digits) -> NDArray[np.uint8]:
    return np.array(digits.only(7).images[0])


def rgba(grey: int, alpha: NDArray[np.uint8]) -> Image.Image:
    return Image.merge("RGBA", [Image.new("L", (28, 28), grey)] * 3 + [Image.fromarray(alpha)])


def grey16(ink: NDArray[np.uint8]) -> Image.Image:
    return Image.fromarray(ink.astype(np.uint16) * 257)


def test_light_on_dark_comes_through_unchanged(digits: Digits) -> None:
    for ink in digits.images[:200]:
        image = read(encode(Image.fromarray(ink)))
        assert (image.pixels == ink).all()
        assert (image.format, image.width, image.height, image.inverted) == ("PNG", 28, 28, False)


def test_dark_on_light_is_inverted(digits: Digits) -> None:
    for ink in digits.images[:200]:
        image = read(encode(Image.fromarray(255 - ink)))
        assert (image.pixels == ink).all()
        assert image.inverted


@pytest.mark.parametrize("kind", ["BMP", "GIF", "WEBP"])
def test_lossless_formats_come_through_unchanged(ink: NDArray[np.uint8], kind: str) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    image = read(encode(Image.fromarray(ink), kind, **options))
    assert image.format == kind
    assert np.abs(image.pixels.astype(int) - ink).max() <= 1  # WebP goes through RGB


def test_jpeg_comes_through_nearly_unchanged(ink: NDArray[np.uint8]) -> None:
    image = read(encode(Image.fromarray(ink), "JPEG", quality=90))
    assert image.format == "JPEG"
    assert np.abs(image.pixels.astype(int) - ink).mean() < 5


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P"])
def test_modes_that_hold_grey_come_through_unchanged(ink: NDArray[np.uint8], mode: str) -> None:
    image = read(encode(Image.fromarray(ink).convert(mode)))
    assert np.abs(image.pixels.astype(int) - ink).max() <= 1


def test_a_shuffled_palette_is_looked_up(ink: NDArray[np.uint8]) -> None:
    shuffle = np.random.default_rng(0).permutation(256).astype(np.uint8)
    image = Image.fromarray(shuffle[ink]).convert("P")
    image.putpalette(np.repeat(np.argsort(shuffle).astype(np.uint8), 3).tobytes())
    assert (read(encode(image)).pixels == ink).all()


def test_16_bit_grey_keeps_its_high_byte(ink: NDArray[np.uint8]) -> None:
    assert Image.open(io.BytesIO(encode(grey16(ink)))).mode == "I;16"
    assert (read(encode(grey16(ink))).pixels == ink).all()


def test_1_bit_becomes_black_and_white(ink: NDArray[np.uint8]) -> None:
    image = Image.fromarray(ink).convert("1", dither=Image.Dither.NONE)
    assert (read(encode(image)).pixels == np.where(ink > 127, 255, 0)).all()


def test_cmyk_is_understood(ink: NDArray[np.uint8]) -> None:
    image = read(encode(Image.fromarray(255 - ink).convert("RGB").convert("CMYK"), "JPEG", quality=95))
    assert image.inverted
    assert np.abs(image.pixels.astype(int) - ink).mean() < 8


@pytest.mark.parametrize(("grey", "inverted"), [(0, True), (90, True), (160, False), (255, False)])
def test_ink_of_any_grey_on_transparency_stands_out(ink: NDArray[np.uint8], grey: int, inverted: bool) -> None:
    image = read(encode(rgba(grey, ink)))
    assert image.inverted is inverted
    contrast = max(grey, 255 - grey) / 255
    assert np.abs(image.pixels - (ink * contrast + (grey and 0))).max() <= 1


def test_ink_on_a_palette_with_a_transparent_colour(ink: NDArray[np.uint8]) -> None:
    indices = (ink > 127).astype(np.uint8)
    image = Image.fromarray(indices).convert("P")
    image.putpalette([200, 200, 200, 0, 0, 0])
    assert (read(encode(image, "GIF", transparency=0)).pixels == indices * 255).all()


def test_holes_in_drawn_paper_are_filled_with_paper(ink: NDArray[np.uint8]) -> None:
    alpha = np.full((28, 28), 255, np.uint8)
    alpha[:3, :3] = 0
    image = Image.merge("LA", [Image.fromarray(255 - ink), Image.fromarray(alpha)])
    assert (read(encode(image)).pixels[:3, :3] == 0).all()


def test_exif_rotation_is_undone(ink: NDArray[np.uint8]) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # stored rotated: turn 90 degrees clockwise to see it upright
    image = read(encode(Image.fromarray(np.rot90(ink).copy()), exif=exif))
    assert (image.pixels == ink).all()


def test_of_an_animation_the_first_frame_counts(ink: NDArray[np.uint8]) -> None:
    frames = [Image.fromarray(ink), Image.fromarray(255 - ink)]
    assert (read(encode(frames[0], "GIF", save_all=True, append_images=frames[1:])).pixels == ink).all()


def refused(data: bytes, kind: type[Problem]) -> str:
    with pytest.raises(kind) as caught:
        read(data)
    return caught.value.detail


@pytest.mark.parametrize(
    "data", [b"hello", b"", b"%PDF-1.7", encode(Image.new("L", (28, 28)), "TIFF"), b"RIFF\0\0\0\0WAVE"]
)
def test_other_formats_are_refused(data: bytes) -> None:
    assert refused(data, ImageFormat) == (
        "The file is not a PNG, JPEG, WebP, BMP or GIF image. Send one of these formats."
    )


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "WEBP"])
def test_an_image_cut_anywhere_is_unreadable_or_of_no_format(ink: NDArray[np.uint8], kind: str) -> None:
    data = encode(Image.fromarray(ink), kind)
    for length in range(12, len(data) // 2):
        detail = refused(data[:length], ImageUnreadable)
        assert detail.startswith(f"The {kind} image is truncated or corrupt (")
        assert detail.endswith("). Save it again and send it whole.")


@pytest.mark.parametrize("size", [(28, 29), (29, 28), (1, 1), (784, 1), (280, 280)])
def test_other_sizes_are_refused_with_their_size(size: tuple[int, int]) -> None:
    width, height = size
    assert refused(encode(Image.new("L", size)), ImageSize) == (
        f"The image has {width} x {height} pixels. Send one of 28 x 28 pixels."
    )


def test_a_huge_image_is_refused_before_it_is_decoded() -> None:
    data = bytearray(encode(Image.new("1", (8, 8))))
    data[16:24] = (50_000).to_bytes(4, "big") * 2  # width and height in the PNG's header
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    assert refused(bytes(data), ImageTooLarge) == ("The image has 50000 x 50000 pixels. Send at most 1,000,000 pixels.")


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
def test_blank_images_are_refused(image: Image.Image) -> None:
    assert refused(encode(image), ImageBlank) == "The image is of one colour all over. Send one with a digit in it."
