"""The training loop: mini-batches of digits and outliers, Adam, a cosine schedule."""

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple, TypeVar

import numpy as np

from app.classifier.network import Array, forward
from app.classifier.pixels import DIGITS, IMAGE_SHAPE, to_input
from model_training.augmentation import Augmentation
from model_training.backprop import Backpropagation, cross_entropy, log_softmax
from model_training.data import Digits
from model_training.optimizer import Adam
from model_training.outliers import Mixture, Outliers
from model_training.parameters import as_layers, initialize, size

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """What a run is made of; it is stored with the weights."""

    hidden: tuple[int, int] = (512, 256)
    epochs: int = 300
    """Passes over the threes and sevens"""
    batch_size: int = 240
    """Threes, sevens and outliers"""
    outlier_share: float = 0.6
    """Of each batch. More makes the network less sure of everything, less makes it surer of what is neither"""
    learning_rate: float = 3e-3
    """At its highest; then it falls to 0 along half a cosine"""
    warm_up_steps: int = 200
    """Over which the learning rate rises from 0, until Adam's averages mean something"""
    validation_fraction: float = 0.1
    seed: int = 37
    augmentation: Augmentation = field(default_factory=Augmentation)
    outliers: Mixture = field(default_factory=Mixture)

    @property
    def architecture(self) -> tuple[int, ...]:
        """Units of each layer, from the inputs to the outputs."""
        return (IMAGE_SHAPE[0] * IMAGE_SHAPE[1], *self.hidden, len(DIGITS))

    def document(self) -> dict[str, Any]:
        """The settings as JSON gives them back."""
        return asdict(self) | {"hidden": list(self.hidden)}


@dataclass(frozen=True)
class Split:
    """The training images, those learnt from and those held out."""

    digits: Digits
    """Threes and sevens to learn from"""
    others: Digits
    """Other digits to learn from, as outliers"""
    validation: Digits
    """Threes and sevens to choose by"""
    validation_others: Digits
    """Other digits to choose by"""

    @classmethod
    def of(cls, train: Digits, settings: TrainingSettings) -> "Split":
        """Split MNIST's training images as the settings say."""
        rng = np.random.default_rng(settings.seed)
        digits, validation = train.only(*DIGITS).split(settings.validation_fraction, rng)
        others, validation_others = train.without(*DIGITS).split(settings.validation_fraction, rng)
        return cls(digits, others, validation, validation_others)


class Batch(NamedTuple):
    """What one step learns from."""

    inputs: Array
    """float32 (batch_size, 784)"""
    targets: Array
    """float32 (batch_size, 2), probabilities"""


@dataclass(frozen=True)
class Epoch:
    """What one pass over the digits gave."""

    number: int
    loss: float
    """Mean over the batches, in nats, outliers included, whose part cannot be less than ln 2"""
    validation_loss: float
    """Of threes and sevens alone, as they are"""
    validation_errors: int


class Trainer:
    """Holds the parameters while they are trained."""

    def __init__(self, split: Split, settings: TrainingSettings) -> None:
        """Raises ValueError if the digits do not fill one batch."""
        self._split, self._settings = split, settings
        self._digits_a_batch = settings.batch_size - round(settings.outlier_share * settings.batch_size)
        self._steps = len(split.digits.labels) // self._digits_a_batch
        if not self._steps:
            raise ValueError(f"{len(split.digits.labels)} digits do not fill the {self._digits_a_batch} of a batch")
        initial, self._rng = np.random.default_rng(settings.seed).spawn(2)
        self._flat = np.empty(size(settings.architecture), np.float32)
        initialize(self._flat, settings.architecture, initial)
        self.parameters = as_layers(self._flat, settings.architecture)

    def epochs(self) -> Iterator[Epoch]:
        """Train, one epoch each time the next is asked for."""
        settings = self._settings
        optimizer = Adam(self._flat)
        backpropagation = Backpropagation(settings.architecture, settings.batch_size, np.float32)
        losses: list[float] = []
        for step, batch in enumerate(_ahead(self._batches())):
            losses.append(backpropagation(self.parameters, *batch))
            optimizer.step(backpropagation.gradient, self._learning_rate(step))
            if len(losses) == self._steps:
                yield self._validate((step + 1) // self._steps, float(np.mean(losses)))
                losses.clear()

    def _batches(self) -> Iterator[Batch]:
        digits, augment, rng = self._split.digits, self._settings.augmentation, self._rng
        outliers = Outliers(self._split.others, digits, augment, self._settings.outliers)
        outliers_a_batch = self._settings.batch_size - self._digits_a_batch
        digit_targets = targets(digits)
        even_odds = np.full((outliers_a_batch, len(DIGITS)), 1 / len(DIGITS), np.float32)
        for _ in range(self._settings.epochs):
            order = rng.permutation(len(digits.labels))[: self._steps * self._digits_a_batch]
            for chosen in order.reshape(self._steps, -1):
                images = augment(digits.images[chosen], rng), outliers(outliers_a_batch, rng)
                yield Batch(to_input(np.concatenate(images)), np.concatenate([digit_targets[chosen], even_odds]))

    def _learning_rate(self, step: int) -> float:
        progress = step / (self._steps * self._settings.epochs)
        cosine = (1 + math.cos(math.pi * progress)) / 2
        return self._settings.learning_rate * min(1, (step + 1) / self._settings.warm_up_steps) * cosine

    def _validate(self, number: int, loss: float) -> Epoch:
        validation = self._split.validation
        logits = forward(self.parameters, to_input(validation.images))[-1]
        wanted = targets(validation)
        errors = int((logits.argmax(axis=1) != wanted.argmax(axis=1)).sum())
        return Epoch(number, loss, cross_entropy(log_softmax(logits), wanted), errors)


def targets(digits: Digits) -> Array:
    """Target probabilities float32 (n, 2) of threes and sevens: 1 for the digit, 0 for the other."""
    return np.eye(len(DIGITS), dtype=np.float32)[np.searchsorted(DIGITS, digits.labels)]


def _ahead(items: Iterator[T]) -> Iterator[T]:
    """Make the next item in a second thread while the present one is used."""
    with ThreadPoolExecutor(max_workers=1) as executor:
        coming = executor.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = executor.submit(next, items, None)
            yield item
