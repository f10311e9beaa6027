"""Make the compact copy of MNIST's test images that the tests carry: `python -m tests.data.make FOLDER_WITH_MNIST`."""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

from app.classifier.pixels import DIGITS
from model_training.data import Digits, load_mnist

HERE = Path(__file__).parent
OTHERS_OF_EACH = 50


def compact(test: Digits) -> dict[str, Digits]:
    """All threes and sevens, and the first of each other digit, in MNIST's order."""
    others = [test.only(digit) for digit in range(10) if digit not in DIGITS]
    images, labels = (np.concatenate([part[:OTHERS_OF_EACH] for part in parts]) for parts in zip(*others, strict=True))
    return {"digits": test.only(*DIGITS), "others": Digits(images, labels)}


if __name__ == "__main__":
    parts = compact(load_mnist(Path(sys.argv[1])).test)
    arrays = {f"{name}_{field}": array for name, part in parts.items() for field, array in part._asdict().items()}
    np.savez_compressed(HERE / "mnist-test.npz", **arrays)
    for digit, name in zip(DIGITS, ("three", "seven"), strict=True):
        Image.fromarray(parts["digits"].only(digit).images[0]).save(HERE / f"{name}.png", optimize=True)
