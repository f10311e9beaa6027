import re
import sys
from pathlib import Path

import numpy as np
import pytest

import app.classifier
from app.classifier import Classifier, to_input
from app.classifier.network import Layer
from model_training.images.mnist import Digits


def test_to_input() -> None:
    images = np.zeros((2, 28, 28), np.uint8)
    images[1, 0, 1], images[1, 27, 27] = 255, 51
    inputs = to_input(images)
    assert inputs.dtype == np.float32
    assert inputs.shape == (2, 784)
    assert np.flatnonzero(inputs[1]).tolist() == [1, 783]
    assert inputs[1, [1, 783]].tolist() == pytest.approx([1, 0.2])


def test_predictions() -> None:
    # A net of one layer whose logits are 0 and ln(9) * (the first pixel's ink): p(7) is 1/2 or 9/10.
    W = np.zeros((784, 2), np.float32)
    W[0, 1] = np.log(9)
    images = np.zeros((2, 28, 28), np.uint8)
    images[1, 0, 0] = 255
    digits, probabilities, confident = Classifier((Layer(W, np.zeros(2, np.float32)),), threshold=0.89).predict(images)
    assert digits.tolist() == [3, 7]
    assert probabilities == pytest.approx(np.array([[0.5, 0.5], [0.1, 0.9]]))
    assert confident.tolist() == [False, True]


def test_number_of_images(classifier: Classifier, digits: Digits) -> None:
    single = np.concatenate([classifier.predict(image[None]).probabilities for image in digits.images[:9]])
    for count in range(10):
        predictions = classifier.predict(digits.images[:count])
        assert predictions.probabilities == pytest.approx(single[:count], abs=1e-6)
        assert len(predictions.digits) == len(predictions.confident) == len(list(predictions.each())) == count


def test_imports() -> None:
    """Only these packages are imported. The import-linter contract names packages that are forbidden instead."""
    for path in Path(app.classifier.__file__).parent.glob("*.py"):
        for name in re.findall(r"^ *(?:from|import) (\S+)", path.read_text(), re.MULTILINE):
            allowed = {"numpy", "safetensors"} | sys.stdlib_module_names
            assert name.split(".")[0] in allowed or name.startswith("app.classifier")
