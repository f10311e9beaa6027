"""The training loop: mini-batches, augmentation, Adam, a cosine schedule."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from app.classifier.network import Array, forward
from app.classifier.pixels import DIGITS, IMAGE_SHAPE, to_input
from model_training.augmentation import Augmentation
from model_training.backprop import Backpropagation, cross_entropy
from model_training.data import Digits
from model_training.optimizer import Adam
from model_training.parameters import as_layers, initialize, size


@dataclass(frozen=True)
class TrainingSettings:
    """What a run is made of; it is stored with the weights."""

    hidden: tuple[int, int] = (512, 256)
    epochs: int = 60
    batch_size: int = 128
    learning_rate: float = 1e-3
    """At the start; it falls to 0 along half a cosine."""
    validation_fraction: float = 0.1
    seed: int = 37

    @property
    def architecture(self) -> tuple[int, ...]:
        """Units of each layer, from the inputs to the outputs."""
        return (IMAGE_SHAPE[0] * IMAGE_SHAPE[1], *self.hidden, len(DIGITS))


@dataclass(frozen=True)
class Epoch:
    """What one pass over the training images gave."""

    number: int
    loss: float
    """Mean over the batches, in nats, on augmented images"""
    validation_loss: float
    validation_errors: int


class Trainer:
    """Holds the parameters while they are trained."""

    def __init__(self, training: Digits, validation: Digits, settings: TrainingSettings) -> None:
        """Take threes and sevens alone. Raises ValueError if they do not fill one batch."""
        if len(training.labels) < settings.batch_size:
            raise ValueError(f"{len(training.labels)} training images do not fill a batch of {settings.batch_size}")
        self._training, self._settings = training, settings
        self._validation = to_input(validation.images), targets(validation)
        self._rng = np.random.default_rng(settings.seed)
        flat = np.empty(size(settings.architecture), np.float32)
        initialize(flat, settings.architecture, self._rng)
        self.parameters = as_layers(flat, settings.architecture)
        self._optimizer = Adam(flat)

    def epochs(self) -> Iterator[Epoch]:
        """Train, one epoch each time the next is asked for."""
        settings, rng = self._settings, self._rng
        backpropagation = Backpropagation(settings.architecture, settings.batch_size, np.float32)
        augment = Augmentation()
        all_targets = targets(self._training)
        batches = len(all_targets) // settings.batch_size
        for number in range(settings.epochs):
            order = rng.permutation(len(all_targets))[: batches * settings.batch_size]
            losses = []
            for step, batch in enumerate(order.reshape(batches, -1)):
                inputs = to_input(augment(self._training.images[batch], rng))
                losses.append(backpropagation(self.parameters, inputs, all_targets[batch]))
                progress = (number + step / batches) / settings.epochs
                rate = settings.learning_rate * (1 + np.cos(np.pi * progress)) / 2
                self._optimizer.step(backpropagation.gradient, rate)
            yield self._validate(number + 1, float(np.mean(losses)))

    def _validate(self, number: int, loss: float) -> Epoch:
        inputs, wanted = self._validation
        logits = forward(self.parameters, inputs)[-1]
        errors = int((logits.argmax(axis=1) != wanted.argmax(axis=1)).sum())
        return Epoch(number, loss, cross_entropy(logits, wanted), errors)


def targets(digits: Digits) -> Array:
    """Target probabilities float32 (n, 2) of threes and sevens: 1 for the digit, 0 for the other."""
    return np.eye(len(DIGITS), dtype=np.float32)[np.searchsorted(DIGITS, digits.labels)]
