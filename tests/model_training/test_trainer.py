import math

import numpy as np
import pytest

from app.classifier import Classifier
from app.classifier.network import Array, Parameters
from model_training.backprop import Backpropagation
from model_training.data import Digits
from model_training.evaluation import evaluate
from model_training.optimizer import Adam
from model_training.trainer import Split, Trainer, TrainingSettings, targets

SHORT = TrainingSettings(hidden=(48, 24), epochs=30, batch_size=64, outlier_share=0.5, learning_rate=0.02)
DIGITS_A_BATCH = 32


@pytest.fixture(scope="module")
def split(digits: Digits, others: Digits) -> Split:
    together = Digits(*(np.concatenate(pair) for pair in zip(digits, others, strict=True)))
    return Split.of(together, TrainingSettings(validation_fraction=0.25))


def test_targets_are_one_for_the_digit() -> None:
    digits = Digits(np.zeros((3, 28, 28), np.uint8), np.array([7, 3, 7], np.uint8))
    assert targets(digits).tolist() == [[0, 1], [1, 0], [0, 1]]
    assert targets(digits).dtype == np.float32


def test_a_split_keeps_digits_and_others_apart(split: Split) -> None:
    parts = split.digits, split.others, split.validation, split.validation_others
    assert [len(part.labels) for part in parts] == [1529, 304, 509, 96]
    for part in (split.digits, split.validation):
        assert set(part.labels) == {3, 7}
    for part in (split.others, split.validation_others):
        assert set(part.labels) == {0, 1, 2, 4, 5, 6, 8, 9}


def test_training_learns_the_digits_and_that_nothing_is_known_of_others(split: Split) -> None:
    trainer = Trainer(split, SHORT)
    epochs = list(trainer.epochs())
    assert [epoch.number for epoch in epochs] == list(range(1, 31))
    assert epochs[-1].loss < epochs[0].loss
    assert epochs[-1].loss > math.log(2) / 2
    assert epochs[-1].validation_errors < 0.06 * len(split.validation.labels)
    figures = evaluate(Classifier(trainer.parameters, 0.9), split.validation, split.validation_others)
    assert figures.auroc > 0.85
    assert figures.noise_confidence < 0.9


def test_the_same_seed_gives_the_same_parameters_and_another_does_not(split: Split) -> None:
    def train(seed: int) -> list[Array]:
        trainer = Trainer(split, TrainingSettings(hidden=(8, 8), epochs=1, seed=seed))
        list(trainer.epochs())
        return [array for layer in trainer.parameters for array in layer]

    first, again, other = train(1), train(1), train(2)
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    assert not any((a == b).all() for a, b in zip(first, other, strict=True))


def test_the_learning_rate_rises_and_then_falls_along_half_a_cosine(
    split: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates: list[float] = []
    step = Adam.step

    def recorded(self: Adam, gradient: Array, learning_rate: float) -> None:
        rates.append(learning_rate)
        step(self, gradient, learning_rate)

    monkeypatch.setattr(Adam, "step", recorded)
    list(Trainer(split, SHORT).epochs())
    steps = np.arange(len(rates))
    expected = 0.02 * np.minimum(1, (steps + 1) / 200) * (1 + np.cos(np.pi * steps / len(rates))) / 2
    assert len(rates) == 30 * (1529 // DIGITS_A_BATCH)
    assert rates == pytest.approx(expected)


def test_every_batch_has_new_copies_and_its_share_of_outliers(split: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bytes] = []
    call = Backpropagation.__call__

    def recorded(self: Backpropagation, parameters: Parameters, inputs: Array, targets: Array) -> float:
        seen.extend(row.tobytes() for row in inputs[:DIGITS_A_BATCH])
        assert (targets[:DIGITS_A_BATCH].max(axis=1) == 1).all()
        assert (targets[DIGITS_A_BATCH:] == 0.5).all()
        return call(self, parameters, inputs, targets)

    monkeypatch.setattr(Backpropagation, "__call__", recorded)
    list(Trainer(split, SHORT).epochs())
    assert len(set(seen)) == len(seen) == 30 * (1529 // DIGITS_A_BATCH) * DIGITS_A_BATCH


def test_too_few_images_are_refused(split: Split) -> None:
    few = Split(
        Digits(split.digits.images[:10], split.digits.labels[:10]), split.others, split.validation, split.others
    )
    with pytest.raises(ValueError, match="10 digits do not fill the 32 of a batch"):
        Trainer(few, SHORT)
