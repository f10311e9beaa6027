"""The self-test with bad and with slightly different weights."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.classifier.network import Layer
from app.classifier.pixels import DIGITS
from app.classifier.weights import DEFAULT_PATH, WeightsError, load, save
from app.self_test import IMAGES, LABELS, load_tested
from model_training.images.mnist import Digits
from tests.serving import serve

Change = Callable[[Layer, np.random.Generator], Layer]


def negated(layer: Layer, _: np.random.Generator) -> Layer:
    return Layer(-layer.W, -layer.b)


def glorot(layer: Layer, rng: np.random.Generator) -> Layer:
    deviation = np.sqrt(2 / sum(layer.W.shape))
    return Layer(rng.normal(0, deviation, layer.W.shape).astype(np.float32), np.zeros_like(layer.b))


def standard_normal(layer: Layer, rng: np.random.Generator) -> Layer:
    return Layer(*(rng.normal(size=array.shape).astype(np.float32) for array in layer))


def with_permuted_units(layer: Layer, rng: np.random.Generator) -> Layer:
    order = rng.permutation(len(layer.b))
    return Layer(layer.W[:, order], layer.b[order])


def noisy(layer: Layer, rng: np.random.Generator) -> Layer:
    return Layer(*((array + rng.normal(0, 0.03 * array.std(), array.shape)).astype(np.float32) for array in layer))


def changed(folder: Path, change: Change, layers: slice, seed: int = 0) -> Path:
    """Save the committed weights with some layers changed."""
    weights = load(DEFAULT_PATH)
    rng = np.random.default_rng(seed)
    parameters = list(weights.parameters)
    parameters[layers] = [change(layer, rng) for layer in parameters[layers]]
    path = folder / "w.safetensors"
    save(path, tuple(parameters), weights.metadata)
    return path


@pytest.mark.parametrize("layers", [slice(None), slice(1), slice(1, 2)], ids=["all layers", "the first", "the second"])
@pytest.mark.parametrize("change", [negated, glorot, standard_normal, with_permuted_units])
def test_bad_weights_fail(tmp_path: Path, change: Change, layers: slice) -> None:
    path = changed(tmp_path, change, layers)
    wrong = r"of 8 threes and sevens \d are misread and \d are not confident"
    reason = rf"in the self-test {wrong}, and of 8 other digits \d are confident\."
    with pytest.raises(WeightsError, match=f"^Cannot use the weights file '{re.escape(str(path))}': {reason}$"):
        load_tested(path)


def test_server_does_not_start_with_bad_weights(tmp_path: Path) -> None:
    path = str(changed(tmp_path, negated, slice(2, 3)))
    with pytest.raises(AssertionError, match="of 8 threes and sevens 8 are misread"), serve("--weights", path):
        pass


@pytest.mark.parametrize("seed", range(5))
def test_slightly_different_weights_pass(tmp_path: Path, seed: int) -> None:
    load_tested(changed(tmp_path, noisy, slice(None), seed))


def test_labels_of_the_images(digits: Digits, others: Digits) -> None:
    images = np.asarray(Image.open(IMAGES)).reshape(-1, 28, 28)
    for image, digit in zip(images, LABELS, strict=True):
        same = (digits if digit in DIGITS else others).only(int(digit)).images
        assert (same == image).all(axis=(1, 2)).any()
