"""Make the compact copy of MNIST's test images for the tests: `python -m tests.data.make FOLDER_WITH_MNIST`."""

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from app.classifier.pixels import DIGITS
from app.self_test import IMAGES, LABELS
from model_training.images.mnist import Digits, load_mnist

HERE = Path(__file__).parent
OTHERS_OF_EACH = 50

SAMPLES = HERE.parents[1] / "app" / "static" / "samples"
SAMPLE_DIGITS = {"3": 1, "7": 0, "3-curled": 0, "7-barred": 4, "5": 1, "2": 0}
"""Samples of the page: name, which begins with the digit, and index among the images of that digit."""

SELF_TEST_PLACES = [*(1, 4, 10, 19), *(0, 3, 4, 8), *(13, 18, 11, 4, 0, 17, 8, 12)]
"""Images of the self-test: index among those of the digit. Weights of `train --quick` pass it too."""


def compact(test: Digits) -> dict[str, Digits]:
    """Select all threes and sevens, and the first of each other digit, in MNIST's order."""
    others = [test.only(digit) for digit in range(10) if digit not in DIGITS]
    images, labels = (np.concatenate([part[:OTHERS_OF_EACH] for part in parts]) for parts in zip(*others, strict=True))
    return {"digits": test.only(*DIGITS), "others": Digits(images, labels)}


def photo(ink: NDArray[np.uint8]) -> Image.Image:
    """Draw blue ink on paper, off-centre, with light from one side."""
    large = Image.fromarray(ink).resize((360, 360), Image.Resampling.BICUBIC).filter(ImageFilter.GaussianBlur(4))
    strength = np.clip((np.asarray(large) / 255.0 - 0.35) * 6, 0, 1)[..., None]
    paper = np.full((600, 800, 3), (240.0, 235.0, 220.0))
    paper[180:540, 380:740] *= 1 - strength * (0.8, 0.7, 0.3)
    paper *= np.linspace(1, 0.5, 800)[:, None]
    paper += np.random.default_rng(0).normal(0, 2, paper.shape)
    return Image.fromarray(np.clip(paper, 0, 255).astype(np.uint8))


if __name__ == "__main__":
    parts = compact(load_mnist(Path(sys.argv[1])).test)
    arrays = {f"{name}_{field}": array for name, part in parts.items() for field, array in part._asdict().items()}
    np.savez_compressed(HERE / "mnist-test.npz", **arrays)
    for digit, name in zip(DIGITS, ("three", "seven"), strict=True):
        Image.fromarray(parts["digits"].only(digit).images[0]).save(HERE / f"{name}.png", optimize=True)
    every = Digits(*(np.concatenate(arrays) for arrays in zip(*parts.values(), strict=True)))
    for name, place in SAMPLE_DIGITS.items():
        Image.fromarray(every.only(int(name[0])).images[place]).save(SAMPLES / f"{name}.png", optimize=True)
    places = zip(LABELS, SELF_TEST_PLACES, strict=True)
    self_test = np.concatenate([every.only(digit).images[place] for digit, place in places])
    Image.fromarray(self_test).save(IMAGES, optimize=True)
    photo(parts["digits"].only(7).images[3]).save(HERE / "photo.jpg", quality=80)
