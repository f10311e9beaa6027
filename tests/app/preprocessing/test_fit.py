"""Pictures made of MNIST's test digits, as people would take and draw them, are fitted and read right."""

import io
from collections.abc import Callable
from contextlib import suppress

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageOps

from app.classifier import Classifier
from app.classifier.weights import DEFAULT_PATH, load
from app.errors import ImageBlank, ImageSize
from app.preprocessing.decode import read_digit
from app.preprocessing.fit import fit
from app.preprocessing.polarity import Ink
from model_training.data import Digits
from model_training.renderings import KINDS
from tests.conftest import encode

Grey = NDArray[np.uint8]
COUNT = 40
"""Digits of each kind of picture."""


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    weights = load(DEFAULT_PATH)
    return Classifier(weights.parameters, weights.metadata.threshold)


@pytest.fixture(scope="module")
def some(digits: Digits) -> Digits:
    chosen = np.random.default_rng(1).choice(len(digits.labels), COUNT, replace=False)
    return Digits(digits.images[chosen], digits.labels[chosen])


def large(ink: Grey, side: int = 400) -> NDArray[np.float64]:
    """Ink from 0 to 1, smooth at any size."""
    picture = Image.fromarray(ink).resize((side, side), Image.Resampling.BICUBIC).filter(ImageFilter.GaussianBlur(4))
    return np.clip((np.asarray(picture) / 255.0 - 0.35) * 6, 0, 1)


def on_paper(ink: Grey, rng: np.random.Generator) -> Image.Image:
    """Dark ink on white, off the middle."""
    paper = np.full((600, 800), 250.0)
    paper[150:550, 380:780] -= 220 * large(ink)
    return Image.fromarray(paper.astype(np.uint8))


def in_uneven_light(ink: Grey, rng: np.random.Generator) -> Image.Image:
    """A lamp at one side, the edge of a shadow, the grain of a camera."""
    paper = np.full((600, 800), 220.0)
    paper[100:500, 200:600] *= 1 - 0.6 * large(ink)
    paper *= np.linspace(0.35, 1, 800)
    paper[:, 500:] *= 0.8
    paper += rng.normal(0, 4, paper.shape)
    return Image.fromarray(np.clip(paper, 0, 255).astype(np.uint8))


def faint_pencil(ink: Grey, rng: np.random.Generator) -> Image.Image:
    paper = 225 - 45 * np.pad(large(ink), 100) + rng.normal(0, 2, (600, 600))
    return Image.fromarray(paper.astype(np.uint8))


def light_on_a_blackboard(ink: Grey, rng: np.random.Generator) -> Image.Image:
    return Image.fromarray((50 + 170 * np.pad(large(ink), ((40, 160), (200, 30)))).astype(np.uint8))


def yellow_on_white(ink: Grey, rng: np.random.Generator) -> Image.Image:
    """Hardly a difference of luminance."""
    paper = np.full((600, 600, 3), 255.0)
    paper[..., 2] -= 250 * np.pad(large(ink), 100)
    return Image.fromarray(paper.astype(np.uint8))


def red_on_green(ink: Grey, rng: np.random.Generator) -> Image.Image:
    """The same luminance."""
    strength = np.pad(large(ink), 100)[..., None]
    return Image.fromarray((strength * [220, 40, 40] + (1 - strength) * [30, 135, 45]).astype(np.uint8))


def with_specks(ink: Grey, rng: np.random.Generator) -> Image.Image:
    picture = on_paper(ink, rng)
    draw = ImageDraw.Draw(picture)
    for x, y in rng.integers(0, 600, (12, 2)):
        draw.ellipse((x, y, x + 6, y + 6), fill=20)
    return picture


def transparent(ink: Grey, rng: np.random.Generator) -> Image.Image:
    """Black ink, as a page's canvas gives it."""
    alpha = Image.fromarray((np.pad(large(ink, 250), 15) * 255).astype(np.uint8))
    black = Image.new("L", alpha.size, 0)
    return Image.merge("RGBA", (black, black, black, alpha))


def small(ink: Grey, rng: np.random.Generator) -> Image.Image:
    """A few pixels in a corner."""
    picture = Image.new("L", (200, 200), 255)
    picture.paste(Image.fromarray(255 - ink).resize((42, 42), Image.Resampling.BICUBIC), (3, 150))
    return picture


def in_the_shadow_of_a_hand(ink: Grey, rng: np.random.Generator) -> Image.Image:
    """Its soft edge crosses the digit."""
    shadow = Image.new("L", (800, 600), 0)
    ImageDraw.Draw(shadow).ellipse((333, 267, 1000, 933), fill=255)
    paper = np.asarray(on_paper(ink, rng)) * (1 - 0.5 / 255 * np.asarray(shadow.filter(ImageFilter.GaussianBlur(20))))
    return Image.fromarray(paper.astype(np.uint8))


def in_a_frame(ink: Grey, rng: np.random.Generator) -> Image.Image:
    return ImageOps.expand(on_paper(ink, rng), int(rng.integers(4, 90)), fill=int(rng.integers(0, 100)))


def beside_the_dark_edge_of_a_scan(ink: Grey, rng: np.random.Generator) -> Image.Image:
    picture = on_paper(ink, rng)
    ImageDraw.Draw(picture).rectangle((0, 0, int(rng.integers(10, 200)), 600), fill=20)
    return picture


def between_dark_rules(ink: Grey, rng: np.random.Generator) -> Image.Image:
    picture = on_paper(ink, rng)
    for y in (int(rng.integers(20, 120)), int(rng.integers(575, 595))):
        ImageDraw.Draw(picture).line((0, y, 800, y), fill=60, width=3)
    return picture


def in_a_box(ink: Grey, rng: np.random.Generator) -> Image.Image:
    """As on a form, which itself touches no border."""
    picture = on_paper(ink, rng)
    ImageDraw.Draw(picture).rectangle((370, 130, 790, 570), outline=60, width=4)
    return picture


def on_paper_on_a_table(ink: Grey, rng: np.random.Generator) -> Image.Image:
    """Whose edge is seen at one side."""
    paper = np.asarray(on_paper(ink, rng)) - 15.0
    paper[:, :250] = 120
    return Image.fromarray(np.clip(paper + rng.normal(0, 6, paper.shape), 0, 255).astype(np.uint8))


@pytest.mark.parametrize(
    "picture",
    [
        on_paper,
        in_uneven_light,
        faint_pencil,
        light_on_a_blackboard,
        yellow_on_white,
        red_on_green,
        with_specks,
        transparent,
        small,
        in_the_shadow_of_a_hand,
        in_a_frame,
        beside_the_dark_edge_of_a_scan,
        between_dark_rules,
        in_a_box,
        on_paper_on_a_table,
    ],
)
def test_pictures_are_read_right(
    picture: Callable[[Grey, np.random.Generator], Image.Image], classifier: Classifier, some: Digits
) -> None:
    rng = np.random.default_rng(0)
    fitted = [read_digit(encode(picture(ink, rng)), 10**6, fit=True) for ink in some.images]
    digits, _, confident = classifier.predict(np.stack([image.pixels for image in fitted]))
    assert (digits != some.labels).sum() <= 1
    assert confident.mean() > 0.9
    if picture is not red_on_green:  # of which neither is the darker
        assert {image.inverted for image in fitted} == {picture is not light_on_a_blackboard}


STROKES = {
    3: [(25, 20), (50, 10), (72, 25), (60, 42), (42, 48), (70, 58), (72, 80), (50, 92), (22, 82)],
    7: [(20, 15), (80, 15), (42, 90)],
}
"""In hundredths of a side."""


@pytest.mark.parametrize("digit", [3, 7])
@pytest.mark.parametrize("width", [1, 2, 5, 20, 60])
@pytest.mark.parametrize("side", [280, 1000])
def test_thin_and_thick_pens_are_read_right(digit: int, width: int, side: int, classifier: Classifier) -> None:
    picture = Image.new("L", (side, side), 255)
    points = [(x * side / 100, y * side / 100) for x, y in STROKES[digit]]
    ImageDraw.Draw(picture).line(points, fill=0, width=max(1, width * side // 1000), joint="curve")
    image = read_digit(encode(picture), 10**6, fit=True)
    digits, _, confident = classifier.predict(image.pixels[None])
    assert digits[0] == digit
    assert confident[0]


@pytest.mark.parametrize("mark", [False, True])
@pytest.mark.parametrize("light", [True, False])
@pytest.mark.parametrize("width", [12, 20, 28])
def test_a_seven_cropped_to_its_ink_is_read_right(width: int, light: bool, mark: bool, classifier: Classifier) -> None:
    """A thick pen covers most of the picture and one of its corners; a mark that touches no border is not the digit."""
    picture = Image.new("L", (300, 300), 0)
    draw = ImageDraw.Draw(picture)
    draw.line([(60, 70), (240, 45), (126, 270)], fill=255, width=3 * width, joint="curve")
    if mark:
        draw.ellipse((234, 180, 246, 240), fill=255)
    cropped = picture.crop(picture.getbbox())
    image = read_digit(encode(cropped if light else ImageOps.invert(cropped)), 10**6, fit=True)
    digits, _, confident = classifier.predict(image.pixels[None])
    assert image.inverted is not light
    assert digits[0] == 7
    assert confident[0]


@pytest.mark.parametrize("digit", [3, 7])
@pytest.mark.parametrize(("side", "width", "grey"), [(2000, 1, 180), (4000, 2, 180), (7000, 1, 0)])
def test_a_thin_pen_on_a_large_canvas_is_read_right(
    digit: int, side: int, width: int, grey: int, classifier: Classifier
) -> None:
    picture = Image.new("L", (side, side), 255)
    points = [(x * side / 100, y * side / 100) for x, y in STROKES[digit]]
    ImageDraw.Draw(picture).line(points, fill=grey, width=width)
    digits, _, confident = classifier.predict(read_digit(encode(picture), 10**8, fit=True).pixels[None])
    assert digits[0] == digit
    assert confident[0]


@pytest.mark.parametrize("noise", [1, 5])
def test_paper_with_grain_is_blank(noise: int) -> None:
    paper = 230 + np.random.default_rng(0).normal(0, noise, (700, 900))
    with pytest.raises(ImageBlank):
        fit(np.clip(paper, 0, 255).astype(np.uint8))


def test_a_large_picture_of_16_bits_with_a_transparent_level_is_read(digits: Digits) -> None:
    levels = (4000 - 3900 * np.pad(large(digits.only(7).images[3], 600), 100)).astype(np.uint16)
    plain, marked = io.BytesIO(), io.BytesIO()
    Image.fromarray(levels).save(plain, "PNG")
    Image.fromarray(levels).save(marked, "PNG", transparency=65535)
    pixels = [read_digit(buffer.getvalue(), 10**6, fit=True).pixels for buffer in (plain, marked)]
    assert np.array_equal(pixels[0], pixels[1])


@pytest.mark.parametrize("digit", [3, 7])
@pytest.mark.parametrize("light", [True, False])
@pytest.mark.parametrize(("side", "height", "width"), [(1000, 300, 8), (1000, 300, 3), (2480, 300, 8)])
def test_a_small_digit_on_a_large_page_is_found(
    digit: int, light: bool, side: int, height: int, width: int, classifier: Classifier
) -> None:
    """The last is a digit of an inch on a page scanned at 300 dots per inch."""
    ground, ink = (0, 255) if light else (255, 0)
    picture = Image.new("L", (side, side * 7 // 5), ground)
    points = [(side / 2 + x * height / 100, side / 3 + y * height / 100) for x, y in STROKES[digit]]
    ImageDraw.Draw(picture).line(points, fill=ink, width=width, joint="curve")
    image = read_digit(encode(picture), 10**7, fit=True)
    digits, _, confident = classifier.predict(image.pixels[None])
    assert image.inverted is not light
    assert digits[0] == digit
    assert confident[0]


def test_the_digit_is_scaled_with_its_aspect_and_centred_by_mass() -> None:
    """A bar three times as high as wide becomes 20 pixels high, in the middle."""
    picture = np.zeros((300, 500), np.uint8)
    picture[30:180, 60:110] = 255
    pixels, inverted, *_ = fit(picture)
    rows, columns = (np.flatnonzero(pixels.max(axis=axis) > 127) for axis in (1, 0))
    assert (rows[0], rows[-1]) == (4, 23)
    assert len(columns) in (6, 7, 8)
    y, x = np.mgrid[:28, :28]
    assert (y * pixels.astype(float)).sum() / pixels.sum() == pytest.approx(13.5, abs=0.3)
    assert (x * pixels.astype(float)).sum() / pixels.sum() == pytest.approx(13.5, abs=0.3)
    assert pixels.max() == 255
    assert not inverted


@pytest.mark.parametrize(("thickness", "least", "most"), [(4, 2.2, 2.8), (40, 2.2, 3.8), (80, 3.2, 4.0)])
def test_strokes_get_the_width_of_mnist(thickness: int, least: float, most: float) -> None:
    """The upright of an L is measured in its middle."""
    picture = np.zeros((400, 400), np.uint8)
    picture[50:350, 80 : 80 + thickness] = picture[350 - thickness : 350, 80:300] = 255
    assert least <= fit(picture).pixels[12].sum() / 255 <= most


def test_what_is_off_the_middle_of_its_own_box_stays_whole() -> None:
    """The mass of a comb is at one side; its teeth must not be cut off."""
    picture = np.zeros((200, 200), np.uint8)
    picture[20:180, 20:60] = 255
    picture[95:105, 60:180] = 255
    pixels, *_ = fit(picture)
    columns = np.flatnonzero(pixels.max(axis=0) > 100)
    assert columns[-1] - columns[0] >= 17


@pytest.mark.parametrize("level", [0, 128, 255])
@pytest.mark.parametrize("shape", [(28, 28), (300, 400), (1, 1), (1, 900)])
def test_a_blank_picture_is_refused(level: int, shape: tuple[int, int]) -> None:
    with pytest.raises(ImageBlank) as caught:
        fit(np.full(shape, level, np.uint8))
    assert caught.value.detail == "Nothing stands out from the background. Send an image with a digit in it."


@pytest.mark.parametrize("shape", [(1, 40), (40, 1), (2, 2), (3000, 2), (7, 900)])
def test_strange_shapes_do_no_harm(shape: tuple[int, int]) -> None:
    picture = np.random.default_rng(0).integers(0, 255, shape, np.uint8)
    picture.flat[0] = 255
    assert fit(picture)[0].shape == (28, 28)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_rotation_that_a_camera_noted_is_undone(digits: Digits, kind: str) -> None:
    upright = on_paper(digits.only(7).images[3], np.random.default_rng(0))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned right
    buffer = io.BytesIO()
    upright.transpose(Image.Transpose.ROTATE_90).save(buffer, kind, exif=exif)
    turned = read_digit(buffer.getvalue(), 10**7, fit=True)
    plain = read_digit(encode(upright), 10**6, fit=True)
    assert np.abs(turned.pixels.astype(int) - plain.pixels).mean() < 4
    assert (turned.width, turned.height) == (600, 800)


@pytest.mark.parametrize("kind", KINDS)
def test_rendered_kinds_are_read_right(kind: str, classifier: Classifier, digits: Digits) -> None:
    rng = np.random.default_rng(0)
    chosen = rng.choice(len(digits.labels), 6, replace=False)
    uploads = [encode(Image.fromarray(KINDS[kind](digits.images[index], rng))) for index in chosen]
    fitted = [read_digit(upload, 10**7, fit=True) for upload in uploads]
    answers, _, confident = classifier.predict(np.stack([image.pixels for image in fitted]))
    assert (answers == digits.labels[chosen]).all()
    assert sum(sure and not image.ambiguous for sure, image in zip(confident, fitted, strict=True)) >= 5


@pytest.mark.parametrize(("ink", "inverted"), [("auto", True), ("dark", True), ("light", False)])
@pytest.mark.parametrize("side", [28, 280])
def test_ink_overrides_the_polarity(ink: Ink, inverted: bool, side: int, digits: Digits) -> None:
    picture = Image.fromarray(255 - digits.images[0]).resize((side, side))
    assert read_digit(encode(picture), 10**6, side != 28, ink).inverted is inverted


def test_a_second_digit_is_ambiguous(digits: Digits) -> None:
    """A small mark beside the digit is not."""
    seven, three = (Image.fromarray(255 - digits.only(digit).images[0]).resize((200, 200)) for digit in (7, 3))
    page = Image.new("L", (700, 300), 255)
    page.paste(seven, (50, 50))
    assert not read_digit(encode(page), 10**6, fit=True).ambiguous
    ImageDraw.Draw(page).ellipse((500, 100, 520, 120), fill=0)
    assert not read_digit(encode(page), 10**6, fit=True).ambiguous
    page.paste(three, (400, 50))
    assert read_digit(encode(page), 10**6, fit=True).ambiguous


@pytest.mark.parametrize("factor", [1, 5])
def test_the_crop_is_where_the_digit_is(factor: int) -> None:
    picture = Image.new("L", (600 * factor, 400 * factor), 255)
    points = [((200 + x) * factor, (100 + y) * factor) for x, y in STROKES[7]]
    ImageDraw.Draw(picture).line(points, fill=0, width=4 * factor)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned right
    turned = picture.transpose(Image.Transpose.ROTATE_90)
    for data in (encode(picture), encode(turned, "JPEG", exif=exif)):
        crop = read_digit(data, 10**8, fit=True).crop
        assert crop is not None
        assert np.array(crop) / factor == pytest.approx([220, 113, 60, 77], abs=4)
    assert read_digit(encode(Image.fromarray(np.eye(28, dtype=np.uint8) * 255)), 10**6).crop is None


@pytest.mark.parametrize("size", [(7, 40), (40, 7), (1, 1), (1, 50_000_000)])
def test_fewer_than_8_pixels_are_refused(size: tuple[int, int]) -> None:
    with pytest.raises(ImageSize) as caught:
        read_digit(encode(Image.new("1", size)), 10**8, fit=True)
    expected = f"The image has {size[0]} x {size[1]} pixels. To be fitted it needs at least 8 x 8."
    assert caught.value.detail == expected


@pytest.mark.parametrize("size", [(8, 8), (8, 6_000_000), (1_000_000, 8)])
def test_extreme_shapes_are_read(size: tuple[int, int]) -> None:
    picture = Image.new("1", size)
    picture.paste(1, (0, 0, 4, size[1] // 2))
    with suppress(ImageBlank):
        assert read_digit(encode(picture), 10**8, fit=True).pixels.shape == (28, 28)


def test_stripes_narrower_than_a_sheet_of_paper_are_blank() -> None:
    with pytest.raises(ImageBlank):
        fit(np.tile(np.array([0, 0, 0, 0, 1], np.uint8), (120, 4)))


def noise(deviation: float) -> Grey:
    return np.clip(np.random.default_rng(0).normal(128, deviation, (300, 400)), 0, 255).astype(np.uint8)


def gradient(degrees: float) -> Grey:
    """From black to white in this direction."""
    y, x = np.mgrid[:300, :400]
    levels = x * np.cos(np.radians(degrees)) + y * np.sin(np.radians(degrees))
    return np.asarray((levels - levels.min()) * (255 / np.ptp(levels)), np.uint8)


def vignette(strength: float) -> Grey:
    y, x = np.mgrid[-1:1:300j, -1:1:400j]
    return np.asarray(240 * (1 - strength * (x**2 + y**2) / 2), np.uint8)


@pytest.mark.parametrize(
    "picture",
    [
        *(noise(deviation) for deviation in (5, 10, 20, 40)),
        *(gradient(degrees) for degrees in range(0, 360, 45)),
        *(vignette(strength) for strength in (0.2, 0.5, 0.9)),
    ],
)
def test_a_picture_without_a_digit_is_blank_or_not_confident(picture: Grey, classifier: Classifier) -> None:
    with suppress(ImageBlank):
        fitted = fit(picture)
        assert fitted.ambiguous or not classifier.predict(fitted.pixels[None]).confident[0]
