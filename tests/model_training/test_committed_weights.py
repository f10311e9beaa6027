"""The committed weights reach the figures in the README and the model card on every machine."""

import pytest

from app.classifier import Classifier
from app.classifier.weights import DEFAULT_PATH, load
from model_training.evaluation.classifier import Evaluation, evaluate
from model_training.images.mnist import Digits
from model_training.learning.trainer import TrainingSettings


@pytest.fixture(scope="module")
def figures(classifier: Classifier, digits: Digits, others: Digits) -> Evaluation:
    return evaluate(classifier, digits, others)


def test_quality(figures: Evaluation) -> None:
    assert figures.errors <= 2
    assert figures.coverage >= 0.985
    assert figures.calibration_error < 0.01
    assert figures.auroc >= 0.999
    assert figures.others_sure <= 0.01  # a single one of these 400 images is 0.25 %
    assert figures.noise_confidence < 0.6


def test_stored_figures(figures: Evaluation) -> None:
    stored = load(DEFAULT_PATH).metadata.metrics["test"]
    for name in ("images", "errors", "confusion"):
        assert getattr(figures, name) == stored[name]
    for name in ("accuracy", "loss", "calibration_error", "coverage", "noise_confidence"):
        assert getattr(figures, name) == pytest.approx(stored[name], abs=1e-4)
    # of all of MNIST's test images
    assert stored["others"] == 7962
    assert stored["auroc"] >= 0.999
    assert stored["others_sure"] <= 0.003


def test_stored_settings_equal_the_defaults() -> None:
    weights = load(DEFAULT_PATH)
    assert weights.metadata.training["settings"] == TrainingSettings().document()
