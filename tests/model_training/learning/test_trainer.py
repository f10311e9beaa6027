import math
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest

from app.classifier import Classifier
from app.classifier.network import Array, Parameters
from model_training.evaluation.classifier import evaluate
from model_training.images.mnist import Digits
from model_training.images.uploads import uploaded
from model_training.learning.backprop import Backpropagation
from model_training.learning.optimizer import Adam
from model_training.learning.trainer import Epoch, Split, Trainer, TrainingSettings, targets

SHORT = TrainingSettings(hidden=(48, 24), epochs=30, batch_size=64, outlier_share=0.5, learning_rate=0.02)
OUTLIERS_A_BATCH, UPLOADS_A_BATCH, DIGITS_A_BATCH = 32, 10, 22
STEPS = 1529 // DIGITS_A_BATCH


@pytest.fixture(scope="module")
def split(digits: Digits, others: Digits) -> Split:
    together = Digits(*(np.concatenate(pair) for pair in zip(digits, others, strict=True)))
    return Split.of(together, TrainingSettings(validation_fraction=0.25))


@pytest.fixture(scope="module")
def uploads(split: Split) -> Digits:
    rng = np.random.default_rng(0)
    images, labels = zip(*uploaded(split.digits, 30, rng), *uploaded(split.others, 15, rng), strict=True)
    return Digits(np.array(images), np.array(labels))


def test_targets() -> None:
    digits = Digits(np.zeros((3, 28, 28), np.uint8), np.array([7, 3, 7], np.uint8))
    assert targets(digits).tolist() == [[0, 1], [1, 0], [0, 1]]
    assert targets(digits).dtype == np.float32


def test_split(split: Split) -> None:
    parts = split.digits, split.others, split.validation, split.validation_others
    assert [len(part.labels) for part in parts] == [1529, 304, 509, 96]
    for part in (split.digits, split.validation):
        assert set(part.labels) == {3, 7}
    for part in (split.others, split.validation_others):
        assert set(part.labels) == {0, 1, 2, 4, 5, 6, 8, 9}


class Run(NamedTuple):
    """A short training run, and the arguments of its steps."""

    epochs: list[Epoch]
    parameters: Parameters
    rates: list[float]
    seen: list[int]
    """Hashes of the inputs that show threes and sevens."""
    targets: list[Array]


@pytest.fixture(scope="module")
def run(split: Split, uploads: Digits) -> Run:
    rates: list[float] = []
    seen: list[int] = []
    seen_targets: list[Array] = []
    step, propagate = Adam.step, Backpropagation.__call__

    def recorded_step(self: Adam, gradient: Array, learning_rate: float) -> None:
        rates.append(learning_rate)
        step(self, gradient, learning_rate)

    def recorded_batch(self: Backpropagation, parameters: Parameters, inputs: Array, targets: Array) -> float:
        seen.extend(hash(row.tobytes()) for row in inputs[:-OUTLIERS_A_BATCH])
        seen_targets.append(targets.copy())
        return propagate(self, parameters, inputs, targets)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Adam, "step", recorded_step)
        patch.setattr(Backpropagation, "__call__", recorded_batch)
        trainer = Trainer(split, uploads, SHORT)
        return Run(list(trainer.epochs()), trainer.parameters, rates, seen, seen_targets)


def test_training_learns(split: Split, run: Run) -> None:
    assert [epoch.number for epoch in run.epochs] == list(range(1, 31))
    assert run.epochs[-1].loss < run.epochs[0].loss
    assert run.epochs[-1].loss > math.log(2) / 2
    assert run.epochs[-1].validation_errors < 0.06 * len(split.validation.labels)
    figures = evaluate(Classifier(run.parameters, 0.9), split.validation, split.validation_others)
    assert figures.auroc > 0.85
    assert figures.noise_confidence < 0.9


def test_learning_rate_rises_and_then_falls_along_half_a_cosine(run: Run) -> None:
    steps = np.arange(len(run.rates))
    expected = 0.02 * np.minimum(1, (steps + 1) / 200) * (1 + np.cos(np.pi * steps / len(run.rates))) / 2
    assert len(run.rates) == 30 * STEPS
    assert run.rates == pytest.approx(expected)


def test_batches_have_new_copies_and_their_share_of_outliers(run: Run) -> None:
    assert len(set(run.seen)) == len(run.seen) == 30 * STEPS * (DIGITS_A_BATCH + UPLOADS_A_BATCH)
    for batch in run.targets:
        assert (batch[:-OUTLIERS_A_BATCH].max(axis=1) == 1).all()
        assert (batch[-OUTLIERS_A_BATCH:] == 0.5).all()


def test_seed_determines_the_parameters(split: Split, uploads: Digits) -> None:
    def train(seed: int) -> list[Array]:
        trainer = Trainer(split, uploads, TrainingSettings(hidden=(8, 8), epochs=1, seed=seed))
        list(trainer.epochs())
        return [array for layer in trainer.parameters for array in layer]

    first, again, other = train(1), train(1), train(2)
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    assert not any((a == b).all() for a, b in zip(first, other, strict=True))


def test_too_few_images_are_refused(split: Split, uploads: Digits) -> None:
    few = replace(split, digits=Digits(*(array[:10] for array in split.digits)))
    with pytest.raises(ValueError, match="10 digits do not fill the 22 of a batch"):
        Trainer(few, uploads, SHORT)
