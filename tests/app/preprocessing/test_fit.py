"""`fit` on images made from MNIST's test digits, as people draw, scan and photograph them."""

from collections.abc import Callable
from contextlib import suppress

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageOps

from app.classifier import Classifier
from app.classifier.pixels import Grey
from app.errors import ImageBlank, ImageSize
from app.preprocessing.decode import read_digit
from app.preprocessing.fit import fit
from app.preprocessing.polarity import BLANK, Ink
from model_training.images.mnist import Digits
from model_training.images.renderings import KINDS
from tests.conftest import encode

COUNT = 40
"""Number of digits for each kind of picture."""

ROTATED_RIGHT = Image.Exif()
ROTATED_RIGHT[0x0112] = 6
"""EXIF data of a photo that must be rotated clockwise by 90 degrees to be upright."""


@pytest.fixture(scope="module")
def some(digits: Digits) -> Digits:
    chosen = np.random.default_rng(1).choice(len(digits.labels), COUNT, replace=False)
    return Digits(digits.images[chosen], digits.labels[chosen])


def large(ink: Grey, side: int = 400) -> NDArray[np.float64]:
    """Return ink from 0 to 1, enlarged with smooth edges."""
    picture = Image.fromarray(ink).resize((side, side), Image.Resampling.BICUBIC).filter(ImageFilter.GaussianBlur(4))
    return np.clip((np.asarray(picture) / 255.0 - 0.35) * 6, 0, 1)


def on_paper(ink: Grey, rng: np.random.Generator) -> Image.Image:
    """Draw dark ink on white paper, off-centre."""
    paper = np.full((600, 800), 250.0)
    paper[150:550, 380:780] -= 220 * large(ink)
    return Image.fromarray(paper.astype(np.uint8))


def in_uneven_light(ink: Grey, rng: np.random.Generator) -> Image.Image:
    """Add light from one side, the edge of a shadow and camera noise."""
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
    """Draw in two colours of nearly the same luminance."""
    paper = np.full((600, 600, 3), 255.0)
    paper[..., 2] -= 250 * np.pad(large(ink), 100)
    return Image.fromarray(paper.astype(np.uint8))


def red_on_green(ink: Grey, rng: np.random.Generator) -> Image.Image:
    """Draw in two colours of the same luminance."""
    strength = np.pad(large(ink), 100)[..., None]
    return Image.fromarray((strength * [220, 40, 40] + (1 - strength) * [30, 135, 45]).astype(np.uint8))


def with_noise_dots(ink: Grey, rng: np.random.Generator) -> Image.Image:
    picture = on_paper(ink, rng)
    draw = ImageDraw.Draw(picture)
    for x, y in rng.integers(0, 600, (12, 2)):
        draw.ellipse((x, y, x + 6, y + 6), fill=20)
    return picture


def transparent(ink: Grey, rng: np.random.Generator) -> Image.Image:
    """Draw black ink on a transparent background, like an HTML canvas."""
    alpha = Image.fromarray((np.pad(large(ink, 250), 15) * 255).astype(np.uint8))
    black = Image.new("L", alpha.size, 0)
    return Image.merge("RGBA", (black, black, black, alpha))


def small(ink: Grey, rng: np.random.Generator) -> Image.Image:
    """Draw a digit of about 30 pixels in a corner."""
    picture = Image.new("L", (200, 200), 255)
    picture.paste(Image.fromarray(255 - ink).resize((42, 42), Image.Resampling.BICUBIC), (3, 150))
    return picture


def small_on_mottled_paper(ink: Grey, rng: np.random.Generator) -> Image.Image:
    """Draw a digit of about 40 pixels on paper with light and dark patches that are wider."""
    patches = Image.fromarray(rng.normal(200, 6, (6, 6)).astype(np.uint8)).resize((700, 700), Image.Resampling.BICUBIC)
    paper = np.array(patches, np.float64)
    y, x = rng.integers(20, 620, 2)
    paper[y : y + 56, x : x + 56] *= 1 - 0.7 * np.asarray(Image.fromarray(ink).resize((56, 56))) / 255
    return Image.fromarray(paper.astype(np.uint8))


def in_the_shadow_of_a_hand(ink: Grey, rng: np.random.Generator) -> Image.Image:
    """Add a shadow whose soft edge crosses the digit."""
    shadow = Image.new("L", (800, 600), 0)
    ImageDraw.Draw(shadow).ellipse((333, 267, 1000, 933), fill=255)
    paper = np.asarray(on_paper(ink, rng)) * (1 - 0.5 / 255 * np.asarray(shadow.filter(ImageFilter.GaussianBlur(20))))
    return Image.fromarray(paper.astype(np.uint8))


def beside_the_dark_edge_of_a_scan(ink: Grey, rng: np.random.Generator) -> Image.Image:
    picture = on_paper(ink, rng)
    ImageDraw.Draw(picture).rectangle((0, 0, int(rng.integers(10, 200)), 600), fill=20)
    return picture


@pytest.mark.parametrize(
    "picture",
    [
        on_paper,
        in_uneven_light,
        faint_pencil,
        light_on_a_blackboard,
        yellow_on_white,
        red_on_green,
        with_noise_dots,
        transparent,
        small,
        small_on_mottled_paper,
        in_the_shadow_of_a_hand,
        beside_the_dark_edge_of_a_scan,
    ],
)
def test_pictures(
    picture: Callable[[Grey, np.random.Generator], Image.Image], classifier: Classifier, some: Digits
) -> None:
    rng = np.random.default_rng(0)
    fitted = [read_digit(encode(picture(ink, rng)), 10**6, fit=True) for ink in some.images]
    digits, _, confident = classifier.predict(np.stack([image.pixels for image in fitted]))
    assert (digits != some.labels).sum() <= 1
    assert confident.mean() > 0.9
    if picture is not red_on_green:  # neither colour is darker
        assert {image.info["inverted"] for image in fitted} == {picture is not light_on_a_blackboard}


STROKES = {
    3: [(25, 20), (50, 10), (72, 25), (60, 42), (42, 48), (70, 58), (72, 80), (50, 92), (22, 82)],
    7: [(20, 15), (80, 15), (42, 90)],
}
"""Points (x, y) of a drawn digit, from 0 to 100."""


def drawn(
    digit: int, size: tuple[int, int], height: int, width: int, ink: int = 0, corner: tuple[int, int] = (0, 0)
) -> Image.Image:
    """Draw a digit of a height and a stroke width in pixels, on white, or on black if the ink is white."""
    picture = Image.new("L", size, 0 if ink == 255 else 255)
    points = [(corner[0] + x * height / 100, corner[1] + y * height / 100) for x, y in STROKES[digit]]
    ImageDraw.Draw(picture).line(points, fill=ink, width=width, joint="curve")
    return picture


@pytest.mark.parametrize("digit", STROKES)
@pytest.mark.parametrize(
    ("side", "width", "ink"),
    [
        *((280, width, 0) for width in (1, 5, 16)),
        *((1000, width, 0) for width in (1, 2, 5, 20, 60)),
        *((2000, 1, 180), (4000, 2, 180), (7000, 1, 0)),
    ],
)
def test_thin_and_thick_pens(digit: int, side: int, width: int, ink: int, classifier: Classifier) -> None:
    image = read_digit(encode(drawn(digit, (side, side), side, width, ink)), 10**8, fit=True)
    [prediction] = classifier.predict(image.pixels[None]).each()
    assert (prediction.digit, prediction.confident) == (digit, True)


@pytest.mark.parametrize("digit", STROKES)
@pytest.mark.parametrize("ink", [0, 255])
@pytest.mark.parametrize(("side", "width"), [(1000, 8), (1000, 3), (2480, 8)])
def test_small_digit_on_a_large_page(digit: int, ink: int, side: int, width: int, classifier: Classifier) -> None:
    """The last is a digit of an inch on a page scanned at 300 dots per inch."""
    page = drawn(digit, (side, side * 7 // 5), 300, width, ink, (side // 2, side // 3))
    image = read_digit(encode(page), 10**7, fit=True)
    [prediction] = classifier.predict(image.pixels[None]).each()
    assert (prediction.digit, prediction.confident, image.info["inverted"]) == (digit, True, ink == 0)


@pytest.mark.parametrize("digit", STROKES)
@pytest.mark.parametrize("size", [(2000, 2000), (2000, 200)])
@pytest.mark.parametrize("width", [3, 10])
def test_smallest_digit(digit: int, size: tuple[int, int], width: int, classifier: Classifier) -> None:
    """It is a thirtieth of the longer side. The error for a smaller one names this limit."""
    image = read_digit(encode(drawn(digit, size, 2000 // 30 * 4 // 3, width, 0, (300, 50))), 10**7, fit=True)
    assert classifier.predict(image.pixels[None]).digits == digit
    with pytest.raises(ImageBlank, match="smaller than a thirtieth of the longer side"):
        read_digit(encode(drawn(digit, size, 30, 2, 0, (300, 50))), 10**7, fit=True)


@pytest.mark.parametrize("noise", [1, 5])
def test_blank_paper_with_grain(noise: int) -> None:
    paper = 230 + np.random.default_rng(0).normal(0, noise, (700, 900))
    with pytest.raises(ImageBlank):
        fit(np.clip(paper, 0, 255).astype(np.uint8))


def test_large_16_bit_image_with_a_transparent_level(digits: Digits) -> None:
    image = Image.fromarray((4000 - 3900 * np.pad(large(digits.only(7).images[3], 600), 100)).astype(np.uint16))
    plain, marked = (
        read_digit(upload, 10**6, fit=True).pixels for upload in (encode(image), encode(image, transparency=65535))
    )
    assert np.array_equal(plain, marked)


def test_aspect_ratio_and_centring() -> None:
    """A bar three times as high as wide becomes 20 pixels high, centred."""
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


def test_off_centre_mass_is_not_cropped() -> None:
    """A thick bar with a thin one beside it: the centre of mass is near one side."""
    picture = np.zeros((200, 200), np.uint8)
    picture[20:180, 20:60] = 255
    picture[95:105, 60:180] = 255
    pixels, *_ = fit(picture)
    columns = np.flatnonzero(pixels.max(axis=0) > 100)
    assert columns[-1] - columns[0] >= 17


@pytest.mark.parametrize("level", [0, 128, 255])
@pytest.mark.parametrize("shape", [(28, 28), (300, 400), (1, 1), (1, 900)])
def test_blank_images(level: int, shape: tuple[int, int]) -> None:
    with pytest.raises(ImageBlank) as caught:
        fit(np.full(shape, level, np.uint8))
    assert caught.value.detail == BLANK


@pytest.mark.parametrize("shape", [(1, 40), (40, 1), (2, 2), (3000, 2), (7, 900)])
def test_noise_of_unusual_shapes(shape: tuple[int, int]) -> None:
    picture = np.random.default_rng(0).integers(0, 255, shape, np.uint8)
    picture.flat[0] = 255
    assert fit(picture)[0].shape == (28, 28)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_exif_rotation(digits: Digits, kind: str) -> None:
    upright = on_paper(digits.only(7).images[3], np.random.default_rng(0))
    upload = encode(upright.transpose(Image.Transpose.ROTATE_90), kind, exif=ROTATED_RIGHT)
    rotated, plain = (read_digit(data, 10**7, fit=True) for data in (upload, encode(upright)))
    assert np.abs(rotated.pixels.astype(int) - plain.pixels).mean() < 4
    assert (rotated.info["width"], rotated.info["height"]) == (600, 800)


@pytest.mark.parametrize("kind", KINDS)
def test_rendered_kinds(kind: str, classifier: Classifier, digits: Digits) -> None:
    rng = np.random.default_rng(0)
    chosen = rng.choice(len(digits.labels), 12, replace=False)
    uploads = [encode(Image.fromarray(KINDS[kind](digits.images[index], rng))) for index in chosen]
    fitted = [read_digit(upload, 10**7, fit=True) for upload in uploads]
    answers, _, confident = classifier.predict(np.stack([image.pixels for image in fitted]))
    assert (answers != digits.labels[chosen]).sum() <= 1
    assert sum(sure and not image.ambiguous for sure, image in zip(confident, fitted, strict=True)) >= 10


@pytest.mark.parametrize(("ink", "inverted"), [("auto", True), ("dark", True), ("light", False)])
@pytest.mark.parametrize("side", [28, 280])
def test_ink_overrides_the_polarity(ink: Ink, inverted: bool, side: int, digits: Digits) -> None:
    picture = Image.fromarray(255 - digits.images[0]).resize((side, side))
    assert read_digit(encode(picture), 10**6, side != 28, ink).info["inverted"] is inverted


def test_second_digit_is_ambiguous(digits: Digits) -> None:
    """A dot beside the digit is not."""
    seven, three = (Image.fromarray(255 - digits.only(digit).images[0]).resize((200, 200)) for digit in (7, 3))
    page = Image.new("L", (700, 300), 255)
    page.paste(seven, (50, 50))
    assert not read_digit(encode(page), 10**6, fit=True).ambiguous
    ImageDraw.Draw(page).ellipse((500, 100, 520, 120), fill=0)
    assert not read_digit(encode(page), 10**6, fit=True).ambiguous
    page.paste(three, (400, 50))
    assert read_digit(encode(page), 10**6, fit=True).ambiguous


@pytest.mark.parametrize("factor", [1, 5])
def test_crop(factor: int) -> None:
    picture = drawn(7, (600 * factor, 400 * factor), 100 * factor, 4 * factor, corner=(200 * factor, 100 * factor))
    rotated = picture.transpose(Image.Transpose.ROTATE_90)
    for data in (encode(picture), encode(rotated, "JPEG", exif=ROTATED_RIGHT)):
        crop = read_digit(data, 10**8, fit=True).info["crop"]
        assert crop is not None
        assert np.array(list(crop.values())) / factor == pytest.approx([220, 113, 62, 78], abs=4)
    assert read_digit(encode(Image.fromarray(np.eye(28, dtype=np.uint8) * 255)), 10**6).info["crop"] is None


@pytest.mark.parametrize("factor", [1, 5, 40])
def test_crop_is_the_bounding_box_of_the_ink(factor: int, some: Digits) -> None:
    exact = 0
    for ink in some.images > 127:
        picture = np.kron(ink, np.full((factor, factor), 255, np.uint8))
        crop = read_digit(encode(Image.fromarray(picture)), 10**7, fit=True).info["crop"]
        (y, x), (bottom, end) = (each * factor for each in (np.argwhere(ink).min(0), np.argwhere(ink).max(0) + 1))
        exact += crop == {"x": x, "y": y, "width": end - x, "height": bottom - y}
    assert exact >= COUNT - 1  # a part of a digit may be left out


@pytest.mark.parametrize("size", [(7, 40), (40, 7), (1, 1), (1, 50_000_000)])
def test_minimum_size(size: tuple[int, int]) -> None:
    with pytest.raises(ImageSize) as caught:
        read_digit(encode(Image.new("1", size)), 10**8, fit=True)
    expected = f"The image has {size[0]} x {size[1]} pixels. To be fitted it needs at least 8 x 8."
    assert caught.value.detail == expected


@pytest.mark.parametrize("size", [(8, 8), (8, 6_000_000), (1_000_000, 8)])
def test_extreme_shapes(size: tuple[int, int]) -> None:
    picture = Image.new("1", size)
    picture.paste(1, (0, 0, 4, size[1] // 2))
    with suppress(ImageBlank):
        assert read_digit(encode(picture), 10**8, fit=True).pixels.shape == (28, 28)


def test_narrow_stripes_are_blank() -> None:
    with pytest.raises(ImageBlank):
        fit(np.tile(np.array([0, 0, 0, 0, 1], np.uint8), (120, 4)))


def noise(deviation: float) -> Grey:
    return np.clip(np.random.default_rng(0).normal(128, deviation, (300, 400)), 0, 255).astype(np.uint8)


def gradient(degrees: float) -> Grey:
    """Return a gradient from black to white in this direction."""
    y, x = np.mgrid[:300, :400]
    levels = x * np.cos(np.radians(degrees)) + y * np.sin(np.radians(degrees))
    return np.asarray((levels - levels.min()) * (255 / np.ptp(levels)), np.uint8)


def vignette(strength: float) -> Grey:
    y, x = np.mgrid[-1:1:300j, -1:1:400j]
    return np.asarray(240 * (1 - strength * (x**2 + y**2) / 2), np.uint8)


@pytest.mark.parametrize("mark", [False, True])
@pytest.mark.parametrize("light", [True, False])
@pytest.mark.parametrize("width", [12, 20, 28])
def test_tight_crop_of_a_thick_seven(width: int, light: bool, mark: bool, classifier: Classifier) -> None:
    """A thick pen covers most of the picture and one of its corners; a mark that touches no border is not the digit."""
    picture = Image.new("L", (300, 300), 0)
    draw = ImageDraw.Draw(picture)
    draw.line([(60, 70), (240, 45), (126, 270)], fill=255, width=3 * width, joint="curve")
    if mark:
        draw.ellipse((234, 180, 246, 240), fill=255)
    cropped = picture.crop(picture.getbbox())
    image = read_digit(encode(cropped if light else ImageOps.invert(cropped)), 10**6, fit=True)
    digits, _, confident = classifier.predict(image.pixels[None])
    assert image.info["inverted"] is not light
    assert digits[0] == 7
    assert confident[0]


@pytest.mark.parametrize(
    "picture",
    [
        *(noise(deviation) for deviation in (5, 10, 20, 40)),
        *(gradient(degrees) for degrees in range(0, 360, 45)),
        *(vignette(strength) for strength in (0.2, 0.5, 0.9)),
    ],
)
def test_images_without_a_digit(picture: Grey, classifier: Classifier) -> None:
    with suppress(ImageBlank):
        fitted = fit(picture)
        assert fitted.ambiguous or not classifier.predict(fitted.pixels[None]).confident[0]


@pytest.mark.parametrize(("thickness", "least", "most"), [(4, 2.2, 2.8), (40, 2.2, 3.8), (80, 3.2, 4.0)])
def test_stroke_width(thickness: int, least: float, most: float) -> None:
    """The upright of an L is measured in its middle."""
    picture = np.zeros((400, 400), np.uint8)
    picture[50:350, 80 : 80 + thickness] = picture[350 - thickness : 350, 80:300] = 255
    assert least <= fit(picture).pixels[12].sum() / 255 <= most
