"""Images are made by Pillow's encoders; what comes out is compared with the array that went in."""

import io
import zlib

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from app.errors import ImageBlank, ImageFormat, ImageMissing, ImageSize, ImageTooLarge, ImageUnreadable, Problem
from app.preprocessing.decode import DigitImage, read_digit
from model_training.data import Digits
from tests.conftest import encode

MAX_PIXELS = 1_000_000


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


@pytest.mark.parametrize("damage", [b"not deflated", zlib.compress(b"\7" * 29 * 28)])
def test_damaged_pixels_with_a_valid_checksum_are_unreadable(ink: NDArray[np.uint8], damage: bytes) -> None:
    plain = encode(Image.fromarray(ink))
    chunk = b"IDAT" + damage
    end = zlib.crc32(chunk).to_bytes(4) + plain[-12:]
    with pytest.raises(ImageUnreadable):
        read(plain[:33] + len(damage).to_bytes(4) + chunk + end)


@pytest.mark.parametrize(
    ("ink_level", "ground"), [(0, 200), (0, 128), (90, 160), (255, 60), (180, 255), (40, 0), (20, 0)]
)
def test_ink_on_any_ground_becomes_white_on_black(ink: NDArray[np.uint8], ink_level: int, ground: int) -> None:
    faded = np.rint(ground + (ink_level - ground) * (ink / 255)).astype(np.uint8)
    image = read(encode(Image.fromarray(faded)))
    assert image.inverted is (ink_level < ground)
    assert np.abs(image.pixels.astype(int) - ink).max() <= 8  # of few levels


def test_a_pen_that_covers_more_than_half_is_still_ink() -> None:
    thick = np.zeros((28, 28), np.uint8)
    thick[1:, 4:25] = 255
    thick[1] = thick[14] = 128
    for pixels in (thick, 255 - thick):
        assert (read(encode(Image.fromarray(pixels))).pixels == thick).all()


def test_the_grain_of_paper_becomes_black(ink: NDArray[np.uint8]) -> None:
    grain = np.random.default_rng(0).normal(0, 10, (28, 28))
    image = read(encode(Image.fromarray((200 - ink * 0.6 + grain).clip(0, 255).astype(np.uint8))))
    assert (image.pixels[ink == 0] == 0).mean() > 0.95
    assert image.pixels[ink > 250].mean() > 200


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


def test_12_bit_grey_in_16_bits_is_stretched(ink: NDArray[np.uint8]) -> None:
    image = read(encode(Image.fromarray(ink.astype(np.uint16) * 16)))
    assert (image.pixels == ink).all()


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
    assert np.abs(image.pixels.astype(int) - ink).max() <= 2


@pytest.mark.parametrize("opacity", [64, 127, 200])
def test_a_drawing_that_is_translucent_all_over_stands_out(ink: NDArray[np.uint8], opacity: int) -> None:
    image = read(encode(Image.merge("LA", [Image.fromarray(255 - ink), Image.new("L", (28, 28), opacity)])))
    assert np.abs(image.pixels.astype(int) - ink).max() <= 4


def test_a_digit_cut_out_of_coloured_paper_stands_out(ink: NDArray[np.uint8]) -> None:
    assert np.abs(read(encode(rgba(200, 255 - ink))).pixels.astype(int) - ink).max() <= 2


def test_paper_that_covers_a_part_of_a_transparent_canvas_is_paper(ink: NDArray[np.uint8]) -> None:
    alpha = np.zeros((28, 28), np.uint8)
    alpha[3:25, 6:22] = 255
    image = read(encode(Image.merge("LA", [Image.fromarray(255 - ink), Image.fromarray(alpha)])))
    assert image.inverted
    assert (image.pixels == np.where(alpha, ink, 0)).all()


def test_ink_on_a_palette_with_a_transparent_colour(ink: NDArray[np.uint8]) -> None:
    indices = (ink > 127).astype(np.uint8)
    image = Image.fromarray(indices).convert("P")
    image.putpalette([200, 200, 200, 0, 0, 0])
    assert (read(encode(image, "GIF", transparency=0)).pixels == indices * 255).all()


def test_holes_in_drawn_paper_are_filled_with_paper(ink: NDArray[np.uint8]) -> None:
    alpha = np.full((28, 28), 255, np.uint8)
    alpha[:3, :3] = 0
    paper = 255 - ink
    paper[:3, :3] = 100  # what an editor left under the transparency
    image = Image.merge("LA", [Image.fromarray(paper), Image.fromarray(alpha)])
    assert (read(encode(image)).pixels == ink).all()


def test_exif_rotation_is_undone(ink: NDArray[np.uint8]) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # stored rotated: turn 90 degrees clockwise to see it upright
    image = read(encode(Image.fromarray(np.rot90(ink).copy()), exif=exif))
    assert (image.pixels == ink).all()


def test_exif_that_cannot_be_read_is_ignored(ink: NDArray[np.uint8]) -> None:
    assert (read(encode(Image.fromarray(ink), exif=b"Exif\0\0 nonsense")).pixels == ink).all()


def test_of_an_animation_the_first_frame_counts(ink: NDArray[np.uint8]) -> None:
    frames = [Image.fromarray(ink), Image.fromarray(255 - ink)]
    assert (read(encode(frames[0], "GIF", save_all=True, append_images=frames[1:])).pixels == ink).all()


def refused(data: bytes, kind: type[Problem]) -> str:
    with pytest.raises(kind) as caught:
        read(data)
    return caught.value.detail


@pytest.mark.parametrize("data", [b"hello", b"%PDF-1.7", encode(Image.new("L", (28, 28)), "TIFF"), b"RIFF\0\0\0\0WAVE"])
def test_other_formats_are_refused(data: bytes) -> None:
    assert refused(data, ImageFormat) == (
        "The file is not a PNG, JPEG, WebP, BMP or GIF image. Send one of these formats."
    )


def test_nothing_is_no_image() -> None:
    assert refused(b"", ImageMissing) == "The file is empty. Send an image."


def test_a_jpeg_of_very_many_scans_is_refused_unread() -> None:
    """Each takes as long as the whole image, and hardly any bytes."""
    data = encode(Image.new("L", (28, 28), 9), "JPEG")
    scan = data[data.index(b"\xff\xda") : -2]
    detail = "The JPEG image has more than 100 scans or 10,000 segments. Save it again as a plain one."
    assert refused(data[:-2] + 100 * scan + data[-2:], ImageUnreadable) == detail
    assert refused(data[:2] + 10_000 * b"\xff\xe0\0\2" + data[2:], ImageUnreadable) == detail


def test_a_film_behind_a_jpeg_is_no_part_of_it(ink: NDArray[np.uint8]) -> None:
    """As phones append one to a live photo; in it, every 65,536th pair of bytes looks like the start of a scan."""
    exif = b"Exif\0\0 nonsense" + 200 * b"\xff\xda\xff\xd9"
    photo = encode(Image.fromarray(ink), "JPEG", exif=exif)
    film = np.random.default_rng(0).bytes(11_000_000)
    assert (read(photo + film).pixels == read(photo).pixels).all()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "WEBP"])
def test_an_image_cut_in_its_first_half_is_unreadable(ink: NDArray[np.uint8], kind: str) -> None:
    data = encode(Image.fromarray(ink), kind)
    for length in range(12, len(data) // 2):
        assert refused(data[:length], ImageUnreadable) == (
            f"The {kind} image is truncated or corrupt. Save it again and send it whole."
        )


@pytest.mark.parametrize("size", [(28, 29), (29, 28), (1, 1), (784, 1), (280, 280)])
def test_other_sizes_are_refused_with_their_size(size: tuple[int, int]) -> None:
    width, height = size
    assert refused(encode(Image.new("L", size)), ImageSize) == (
        f"The image has {width} x {height} pixels. Send one of 28 x 28 pixels, or ask for it to be fitted, with"
        " ?fit=true in the URL."
    )


def test_a_huge_image_is_refused_before_it_is_decoded() -> None:
    data = bytearray(encode(Image.new("1", (8, 8))))
    data[16:24] = (50_000).to_bytes(4, "big") * 2  # width and height in the PNG's header
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    assert refused(bytes(data), ImageTooLarge) == ("The image has 50000 x 50000 pixels. Send at most 1,000,000 pixels.")


def test_a_huge_frame_that_pillow_itself_refuses_is_too_large() -> None:
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
def test_blank_images_are_refused(image: Image.Image) -> None:
    assert (
        refused(encode(image), ImageBlank)
        == "Nothing stands out from the background. Send an image with a digit in it."
    )
