import numpy as np
import pytest

from app.classifier.network import Array, Parameters
from model_training.backprop import Backpropagation
from model_training.data import Digits
from model_training.optimizer import Adam
from model_training.trainer import Trainer, TrainingSettings, targets

SHORT = TrainingSettings(hidden=(32, 16), epochs=6, batch_size=64, learning_rate=0.01)


def test_targets_are_one_for_the_digit() -> None:
    digits = Digits(np.zeros((3, 28, 28), np.uint8), np.array([7, 3, 7], np.uint8))
    assert targets(digits).tolist() == [[0, 1], [1, 0], [0, 1]]
    assert targets(digits).dtype == np.float32


def test_training_learns(digits: Digits) -> None:
    training, validation = digits.split(0.25, np.random.default_rng(0))
    epochs = list(Trainer(training, validation, SHORT).epochs())
    assert [epoch.number for epoch in epochs] == [1, 2, 3, 4, 5, 6]
    assert epochs[-1].loss < epochs[0].loss / 2
    assert epochs[-1].validation_loss < 0.2
    assert epochs[-1].validation_errors < 0.06 * len(validation.labels)


def test_the_same_seed_gives_the_same_parameters_and_another_does_not(digits: Digits) -> None:
    def train(seed: int) -> list[np.ndarray]:
        trainer = Trainer(digits, digits, TrainingSettings(hidden=(8, 8), epochs=1, seed=seed))
        list(trainer.epochs())
        return [array for layer in trainer.parameters for array in layer]

    first, again, other = train(1), train(1), train(2)
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    assert not any((a == b).all() for a, b in zip(first, other, strict=True))


def test_too_few_images_are_refused(digits: Digits) -> None:
    few = Digits(digits.images[:10], digits.labels[:10])
    with pytest.raises(ValueError, match="10 training images do not fill a batch of 64"):
        Trainer(few, few, SHORT)


def test_the_learning_rate_falls_to_0_along_half_a_cosine(digits: Digits, monkeypatch: pytest.MonkeyPatch) -> None:
    rates: list[float] = []
    step = Adam.step

    def recorded(self: Adam, gradient: Array, learning_rate: float) -> None:
        rates.append(learning_rate)
        step(self, gradient, learning_rate)

    monkeypatch.setattr(Adam, "step", recorded)
    list(Trainer(digits, digits, SHORT).epochs())
    progress = np.arange(len(rates)) / len(rates)
    assert rates == pytest.approx(0.01 * (1 + np.cos(np.pi * progress)) / 2)


def test_every_epoch_sees_other_copies(digits: Digits, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bytes] = []
    call = Backpropagation.__call__

    def recorded(self: Backpropagation, parameters: Parameters, inputs: Array, targets: Array) -> float:
        seen.extend(row.tobytes() for row in inputs)
        return call(self, parameters, inputs, targets)

    monkeypatch.setattr(Backpropagation, "__call__", recorded)
    list(Trainer(digits, digits, SHORT).epochs())
    assert len(set(seen)) == len(seen) == 6 * 31 * 64
