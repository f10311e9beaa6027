import numpy as np
import pytest

from app.classifier import Classifier, to_input
from app.classifier.network import Layer
from model_training.evaluation.classifier import (
    auroc,
    calibration_error,
    choose_threshold,
    evaluate,
    noise,
    reliability,
)
from model_training.images.augmentation import Images
from model_training.images.mnist import Digits

# p(7) = sigmoid(ln 9 * ink of the first pixel - ln 3), ink from 0 to 1: 1/4 without ink, 3/4 with full ink.
W = np.zeros((784, 2), np.float32)
W[0, 1] = np.log(9)
PARAMETERS = (Layer(W, np.array([0, -np.log(3)], np.float32)),)


def drawn(ink: list[float], labels: list[int]) -> Digits:
    images = np.zeros((len(labels), 28, 28), np.uint8)
    images[:, 0, 0] = np.array(ink) * 255
    return Digits(images, np.array(labels, np.uint8))


def test_figures_worked_by_hand() -> None:
    digits = drawn([0, 0, 1, 1, 1], [3, 7, 7, 7, 3])
    others = drawn([0, 0.5, 0.5, 1], [5, 5, 8, 8])  # with a confidence of 3/4, about 1/2, about 1/2, 3/4
    figures = evaluate(Classifier(PARAMETERS, threshold=0.7), digits, others)
    assert (figures.images, figures.errors, figures.others) == (5, 2, 4)
    assert figures.accuracy == pytest.approx(0.6)
    assert figures.confusion == [[1, 1], [1, 2]]
    assert figures.loss == pytest.approx(-(3 * np.log(3 / 4) + 2 * np.log(1 / 4)) / 5)
    assert figures.calibration_error == pytest.approx(0.15)
    assert figures.coverage == 1
    assert figures.auroc == pytest.approx(0.75)  # two below, two equal
    assert figures.others_sure == 0
    assert figures.others_confident == 0.5
    assert evaluate(Classifier(PARAMETERS, threshold=0.8), digits, others).coverage == 0


def test_noise() -> None:
    images = noise()
    assert images.shape == (302, 28, 28)
    assert not images[0].any()
    assert (images[1] == 255).all()
    assert len(np.unique(images[300])) == 2
    assert (images == noise()).all()
    p = 1 / (1 + np.exp(np.log(3) - np.log(9) * to_input(images)[:, 0]))
    figures = evaluate(Classifier(PARAMETERS, 0.7), drawn([0], [3]), drawn([0], [5]))
    assert figures.noise_confidence == pytest.approx(np.maximum(p, 1 - p).max())


def test_calibration_and_auroc_worked_by_hand() -> None:
    confidence = np.array([0.51, 0.51, 0.99, 0.99, 0.99, 1.0])
    right = np.array([True, False, True, True, True, False])
    assert reliability(confidence, right) == pytest.approx(np.array([[1 / 3, 0.51, 0.5], [2 / 3, 0.9925, 0.75]]))
    assert calibration_error(confidence, right) == pytest.approx(0.01 / 3 + 0.2425 * 2 / 3)
    assert auroc(np.array([0.9, 0.8]), np.array([0.1, 0.85])) == pytest.approx(3 / 4)
    assert auroc(np.array([0.5]), np.array([0.5])) == 0.5
    assert auroc(np.array([0.9]), np.array([0.1, 0.2])) == 1


@pytest.mark.parametrize(
    ("others", "unseen", "confident"), [(5, (1, 1), True), (5, (0, 2), True), (6, (1, 1), False), (5, (2, 1), False)]
)
def test_threshold(others: int, unseen: tuple[int, int], confident: bool) -> None:
    """So many of 1,000 other digits and of 100 held-out images of two kinds have a confidence of 3/4, the rest 1/2."""

    def images(bright: int, n: int) -> Images:
        return drawn([1] * bright + [0.5] * (n - bright), [5] * n).images

    kinds = {str(kind): images(bright, 100) for kind, bright in enumerate(unseen)}
    threshold = choose_threshold(PARAMETERS, images(others, 1000), kinds)
    assert threshold == round(threshold, 3)
    assert Classifier(PARAMETERS, threshold).predict(images(1, 2)).confident.tolist() == [confident, False]


def test_threshold_of_an_overconfident_network_is_1() -> None:
    certain = (Layer(1000 * W, PARAMETERS[0].b),)
    images = drawn([1] * 10, [5] * 10).images
    assert choose_threshold(certain, images, {"ones": images}) == 1
