import numpy as np
import pytest

from model_training.images import held_out, outliers
from model_training.images.augmentation import Augmentation, Images
from model_training.images.glyphs import penned
from model_training.images.mnist import Digits
from model_training.images.outliers import Kind, Outliers, copies, mirrored, noise, pairs, pieces

STILL = Augmentation(rotation=0, scale=0, shear=0, shift=0, elastic=0, pens=0, faint=0)
Rng = np.random.Generator


@pytest.fixture
def rng() -> Rng:
    return np.random.default_rng(0)


@pytest.fixture(scope="module")
def source(digits: Digits, others: Digits) -> Outliers:
    return Outliers(digits, others, others.images[:50], STILL)


def is_in(images: Images, digits: Images) -> bool:
    return {image.tobytes() for image in images} <= {image.tobytes() for image in digits}


def test_number_and_shape_of_every_kind(source: Outliers, rng: Rng) -> None:
    for n in (0, 1, 2, 500):
        images = source(n, rng)
        assert images.shape == (n, 28, 28)
        assert images.dtype == np.uint8
    for kind, weight in source.kinds.values():
        images = kind(7, rng)
        assert images.shape == (7, 28, 28)
        assert images.dtype == np.uint8
        assert weight > 0


def test_shares_of_the_kinds(source: Outliers, rng: Rng, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kinds are replaced by one that counts its images."""
    counts = dict.fromkeys(source.kinds, 0)

    def counted(name: str) -> Kind:
        def make(n: int, _: Rng) -> Images:
            counts[name] += n
            return np.zeros((n, 28, 28), np.uint8)

        return make

    kinds = {name: (counted(name), weight) for name, (_, weight) in source.kinds.items()}
    monkeypatch.setattr(source, "kinds", kinds)
    source(20_000, rng)
    total = sum(weight for _, weight in kinds.values())
    assert [n / 20_000 for n in counts.values()] == pytest.approx([w / total for _, w in kinds.values()], abs=0.02)


def test_other_digits_and_inverted_digits(source: Outliers, digits: Digits, others: Digits, rng: Rng) -> None:
    assert is_in(source.kinds["other digits"][0](50, rng), others.images)
    assert is_in(source.kinds["other digits, fitted"][0](50, rng), others.images[:50])
    assert is_in(255 - source.kinds["inverted"][0](50, rng), digits.images)


def test_mirrored_images(digits: Digits, rng: Rng) -> None:
    made = mirrored(copies(digits.images, STILL))(200, rng)
    flipped = np.array([is_in(image[None, :, ::-1], digits.images) for image in made])
    rotated = np.array([is_in(image[None, ::-1, ::-1], digits.images) for image in made])
    assert (flipped ^ rotated).all()
    assert 60 < flipped.sum() < 140


def test_pieces_are_dark_on_one_side_of_a_line(digits: Digits, rng: Rng) -> None:
    made = pieces(copies(digits.images, STILL))(200, rng)
    assert not any(is_in(piece[None], digits.images) for piece in made)
    whole = digits.images.sum(axis=(1, 2)).mean()
    assert 0.3 < made.sum(axis=(1, 2)).mean() / whole < 0.7


def test_pairs_show_two_images(rng: Rng) -> None:
    """An image of one column of light: a pair has it twice, at equal distances from the middle, or once."""
    column = np.zeros((1, 28, 28), np.uint8)
    column[:, :, 14] = 255
    made = pairs(copies(column, STILL))(300, rng)
    lit = [np.flatnonzero(image[5]) for image in made]
    assert all(columns.sum() == 14 * len(columns) for columns in lit)
    assert {len(columns) for columns in lit} == {1, 2}


def test_kinds_of_noise(rng: Rng) -> None:
    levels = np.array([len(np.unique(image)) for image in noise(500, rng)])
    assert (levels == 1).sum() > 10  # flat
    assert (levels == 2).sum() > 50  # black and white
    assert (levels > 20).sum() > 100


@pytest.mark.parametrize(
    "kind", ["letters and signs", "other scripts and symbols", "stroke fonts", "shapes", "scribbles"]
)
def test_drawn_kinds_fill_the_square_of_mnist(kind: str, source: Outliers, rng: Rng) -> None:
    made = source.kinds[kind][0](200, rng)
    lit = made > 60
    rows, columns = lit.any(axis=2).sum(axis=1), lit.any(axis=1).sum(axis=1)
    longest = np.maximum(rows, columns)
    assert np.median(longest) == pytest.approx(21, abs=1.5)
    assert longest.max() <= 24
    assert len({image.tobytes() for image in made}) > 150


def test_held_out_fonts_are_not_in_the_training() -> None:
    assert not set(held_out.FONTS) & set(outliers.FONTS)
    assert not set(held_out.HERSHEY_FONTS) & set(outliers.HERSHEY_FONTS)


def test_held_out_images_are_not_in_the_training() -> None:
    kinds = held_out.held_out()
    again = held_out.held_out()
    assert all((images == again[kind]).all() for kind, images in kinds.items())
    assert all(len(images) > 200 for images in kinds.values())
    trained = outliers.printed_pool().astype(int)
    for kind in ("letters and signs of other fonts", "Greek letters"):
        for image in kinds[kind][::20]:
            assert np.sqrt(((trained - image) ** 2).mean(axis=(1, 2))).min() >= held_out.MIN_DIFFERENCE


def test_characters_that_stroke_fonts_share_are_left_out(rng: Rng) -> None:
    assert not penned(["timesr"], rng, without=["timesr"])
    assert len(penned(["timesr", "timesi"], rng, without=["timesr"])) < len(penned(["timesi"], rng))
