import numpy as np
import pytest

from app.classifier import Classifier
from app.classifier.network import Layer
from model_training.data import Digits
from model_training.evaluation import choose_threshold, evaluate

# p(7) is sigmoid of the first pixel's ink in units of ln 9, less ln 3: 1/4 without ink, 3/4 with it.
W = np.zeros((784, 2), np.float32)
W[0, 1] = np.log(9)
PARAMETERS = (Layer(W, np.array([0, -np.log(3)], np.float32)),)


def drawn(inked: list[bool], labels: list[int]) -> Digits:
    images = np.zeros((len(labels), 28, 28), np.uint8)
    images[:, 0, 0] = np.array(inked) * 255
    return Digits(images, np.array(labels, np.uint8))


def test_figures_worked_by_hand() -> None:
    digits = drawn([False, False, True, True, True], [3, 7, 7, 7, 3])
    evaluation = evaluate(Classifier(PARAMETERS, threshold=0.7), digits)
    assert evaluation.images == 5
    assert evaluation.errors == 2
    assert evaluation.accuracy == pytest.approx(0.6)
    assert evaluation.confusion == [[1, 1], [1, 2]]
    assert evaluation.loss == pytest.approx(-(3 * np.log(3 / 4) + 2 * np.log(1 / 4)) / 5)
    assert evaluation.confident == 1
    assert evaluate(Classifier(PARAMETERS, threshold=0.8), digits).confident == 0


def test_the_threshold_keeps_all_but_one_in_a_hundred() -> None:
    images = np.zeros((1000, 28, 28), np.uint8)
    images[:, 0, 0] = np.linspace(130, 255, 1000)
    threshold = choose_threshold(PARAMETERS, Digits(images, np.full(1000, 7, np.uint8)))
    assert Classifier(PARAMETERS, threshold).predict(images).confident.mean() == pytest.approx(0.99, abs=0.005)
