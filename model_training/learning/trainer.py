"""Trains the network: mini-batches of digits and outliers, Adam, a cosine schedule."""

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple, TypeVar

import numpy as np

from app.classifier import to_input
from app.classifier.network import Array, Parameters, forward
from app.classifier.pixels import DIGITS, PIXELS
from model_training.images.augmentation import Augmentation
from model_training.images.mnist import Digits, concatenated
from model_training.images.outliers import Outliers
from model_training.learning.backprop import Backpropagation, cross_entropy, log_softmax
from model_training.learning.centring import centre, centre_gradient, uncentre
from model_training.learning.optimizer import Adam
from model_training.learning.parameters import as_layers, initialize, size

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """Settings of a run. They are stored with the weights."""

    hidden: tuple[int, int] = (512, 256)
    """Number of units of each hidden layer"""
    epochs: int = 700
    """Number of passes over MNIST's threes and sevens"""
    batch_size: int = 240
    """Number of images per step: threes, sevens and outliers"""
    outlier_share: float = 0.6
    """Share of outliers in each batch. A larger one makes the network less confident about everything"""
    upload_share: float = 0.3
    """Share of uploads among the threes and sevens of each batch: rendered as pictures, and fitted"""
    uploads: int = 12_000
    """Number of threes and sevens, and half as many other digits, that are rendered and fitted once"""
    learning_rate: float = 1e-2
    """Maximum learning rate. It falls to 0 along half a cosine"""
    beta2: float = 0.99
    """Decay rate of Adam's average of squared gradients. With the default, 0.999, the training learns more slowly"""
    weight_decay: float = 0.03
    """Decay of the parameters per step, relative to the learning rate, which keeps the network from overfitting"""
    warm_up_steps: int = 200
    """Number of steps over which the learning rate rises from 0, until Adam's averages mean something"""
    validation_fraction: float = 0.1
    """Share of the training images that are held out for validation"""
    seed: int = 37
    augmentation: Augmentation = field(default_factory=Augmentation)

    @property
    def architecture(self) -> tuple[int, ...]:
        """Units of each layer, from the inputs to the outputs."""
        return (PIXELS, *self.hidden, 2)

    def document(self) -> dict[str, Any]:
        """Return the settings as they are read back from JSON."""
        return asdict(self) | {"hidden": list(self.hidden)}


@dataclass(frozen=True)
class Split:
    """MNIST's training images, divided into those for training and those for validation."""

    digits: Digits
    """Threes and sevens for training"""
    others: Digits
    """Other digits for training, as outliers"""
    validation: Digits
    """Threes and sevens for validation"""
    validation_others: Digits
    """Other digits for validation"""

    @classmethod
    def of(cls, train: Digits, settings: TrainingSettings) -> "Split":
        """Split MNIST's training images as the settings say."""
        rng = np.random.default_rng(settings.seed)
        digits, validation = train.only(*DIGITS).split(settings.validation_fraction, rng)
        others, validation_others = train.without(*DIGITS).split(settings.validation_fraction, rng)
        return cls(digits, others, validation, validation_others)


class Batch(NamedTuple):
    """The images and targets of one training step."""

    inputs: Array
    """float32 (batch_size, 784)"""
    targets: Array
    """float32 (batch_size, 2), probabilities"""


@dataclass(frozen=True)
class Epoch:
    """Figures of one epoch."""

    number: int
    loss: float
    """Mean cross-entropy of the batches, in nats. Each outlier contributes at least ln 2"""
    validation_loss: float
    """Mean cross-entropy of the threes and sevens for validation, without distortion"""
    validation_errors: int


class Trainer:
    """Trains the parameters."""

    def __init__(self, split: Split, uploads: Digits, settings: TrainingSettings) -> None:
        """Initialize the parameters.

        uploads: training images of all digits, as `model_training.images.uploads` makes them.
        Raises ValueError if the threes and sevens do not fill one batch.
        """
        self._split, self._uploads, self._settings = split, uploads, settings
        self._outliers_a_batch = round(settings.outlier_share * settings.batch_size)
        self._uploads_a_batch = round(settings.upload_share * (settings.batch_size - self._outliers_a_batch))
        self._digits_a_batch = settings.batch_size - self._outliers_a_batch - self._uploads_a_batch
        self._steps = len(split.digits.labels) // self._digits_a_batch
        if not self._steps:
            raise ValueError(f"{len(split.digits.labels)} digits do not fill the {self._digits_a_batch} of a batch")
        initial, self._rng = np.random.default_rng(settings.seed).spawn(2)
        self._flat = np.empty(size(settings.architecture), np.float32)
        initialize(self._flat, settings.architecture, initial)
        self.parameters = as_layers(self._flat, settings.architecture)

    def epochs(self) -> Iterator[Epoch]:
        """Train, one epoch each time the next is requested."""
        settings = self._settings
        optimizer = Adam(self._flat, beta2=settings.beta2, weight_decay=settings.weight_decay)
        backpropagation = Backpropagation(settings.architecture, settings.batch_size, np.float32)
        losses: list[float] = []
        for step, batch in enumerate(_prefetched(self._batches())):
            losses.append(learn(self.parameters, batch, backpropagation, optimizer, self._learning_rate(step)))
            if len(losses) == self._steps:
                yield self._validate((step + 1) // self._steps, float(np.mean(losses)))
                losses.clear()

    def _batches(self) -> Iterator[Batch]:
        digits, augment, rng = self._split.digits, self._settings.augmentation, self._rng
        uploads = self._uploads.only(*DIGITS)
        outliers = Outliers(digits, self._split.others, self._uploads.without(*DIGITS).images, augment)
        even_odds = np.full((self._outliers_a_batch, 2), 0.5, np.float32)
        for _ in range(self._settings.epochs):
            order = rng.permutation(len(digits.labels))[: self._steps * self._digits_a_batch]
            for chosen in order.reshape(self._steps, -1):
                seen = rng.integers(len(uploads.labels), size=self._uploads_a_batch)
                known = concatenated(digits.take(chosen), uploads.take(seen))
                images = augment(known.images, rng), outliers(self._outliers_a_batch, rng)
                yield Batch(to_input(np.concatenate(images)), np.concatenate([targets(known), even_odds]))

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


def learn(
    parameters: Parameters, batch: Batch, backpropagation: Backpropagation, optimizer: Adam, learning_rate: float
) -> float:
    """Take one step with centred activations, and return the loss of the batch before it."""
    loss = backpropagation(parameters, *batch)
    centre_gradient(backpropagation.gradients)
    centre(parameters)
    optimizer.step(backpropagation.gradient, learning_rate)
    uncentre(parameters)
    return loss


def targets(digits: Digits) -> Array:
    """Return the target probabilities of threes and sevens, float32 (n, 2): 1 for the digit, 0 for the other."""
    return np.stack([digits.labels == 3, digits.labels == 7], axis=1).astype(np.float32)


def _prefetched(items: Iterator[T]) -> Iterator[T]:
    """Make the next item in a second thread while the current one is used."""
    with ThreadPoolExecutor(max_workers=1) as executor:
        coming = executor.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = executor.submit(next, items, None)
            yield item
