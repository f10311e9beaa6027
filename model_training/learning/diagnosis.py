"""Diagnoses the training loop that this project began with, which did not learn.

Its author posted it on a forum: two hidden layers of three sigmoid units, all threes and sevens in one batch, and a
loss that did not fall. This module runs it as posted, with each of its two errors fixed, and with both fixed:

1. The derivative of the sigmoid, in terms of the activation a = sigmoid(z), is a (1 - a). The loop has 1 - sigmoid(a).
2. The gradient is summed over the examples, not averaged, so the effective step is n times as long for n examples.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from app.classifier import to_input
from app.classifier.network import Array, Parameters, forward, sigmoid, softmax
from model_training.images.mnist import Digits
from model_training.learning.backprop import cross_entropy, log_softmax
from model_training.learning.gradient_check import Check, check_gradient
from model_training.learning.parameters import as_layers, size
from model_training.learning.trainer import targets

HIDDEN = (3, 3)
PASSES = 1000
POSTED_STEP, FIXED_STEP = 0.005, 0.5
CHECKED_EXAMPLES = 200
CHECKED_PARAMETERS = 100
"""Maximum number per tensor"""

INITIAL_SCALE = 0.1
"""Standard deviation of the initial parameters, which the post does not state."""


@dataclass(frozen=True)
class Variant:
    """One version of the loop."""

    title: str
    right_derivative: bool
    mean: bool
    step: float

    def gradient(self, parameters: Parameters, inputs: Array, wanted: Array) -> tuple[float, Array]:
        """Return the loss, and the vector that this loop uses as the gradient."""
        activations = forward(parameters, inputs)
        logits = activations.pop()
        delta = softmax(logits) - wanted
        if self.mean:
            delta /= len(inputs)
        gradients: list[Array] = []
        for layer in reversed(range(len(parameters))):
            a = activations[layer]
            gradients[:0] = [(a.T @ delta).ravel(), delta.sum(axis=0)]
            if layer > 0:
                slope = a * (1 - a) if self.right_derivative else 1 - sigmoid(a)
                delta = delta @ parameters[layer].W.T * slope
        return cross_entropy(log_softmax(logits), wanted), np.concatenate(gradients)

    def train(self, digits: Digits, passes: int = PASSES) -> Iterator[float]:
        """Run gradient descent with all examples in one batch; yield the loss before each step."""
        inputs, wanted = to_input(digits.images), targets(digits)
        inputs = inputs[:, inputs.any(axis=0)]  # pixels that are always 0 have no gradient
        flat, architecture = _initial(inputs, wanted)
        parameters = as_layers(flat, architecture)
        for _ in range(passes):
            loss, gradient = self.gradient(parameters, inputs, wanted)
            yield loss
            flat -= self.step * gradient

    def check(self, digits: Digits) -> list[Check]:
        """Compare `gradient` with central differences of the loss, at the initial parameters, on a few examples."""
        inputs = to_input(digits.images[:CHECKED_EXAMPLES]).astype(np.float64)
        wanted = targets(digits)[:CHECKED_EXAMPLES].astype(np.float64)
        flat, architecture = _initial(inputs, wanted)
        _, gradient = self.gradient(as_layers(flat, architecture), inputs, wanted)
        rng = np.random.default_rng(SEED)
        return check_gradient(gradient, flat, architecture, inputs, wanted, CHECKED_PARAMETERS, rng)


VARIANTS = (
    Variant("as posted", right_derivative=False, mean=False, step=POSTED_STEP),
    Variant("derivative fixed", right_derivative=True, mean=False, step=POSTED_STEP),
    Variant("step fixed", right_derivative=False, mean=True, step=FIXED_STEP),
    Variant("both fixed", right_derivative=True, mean=True, step=FIXED_STEP),
)


def verdict(examples: int) -> str:
    """Explain the two errors, with the figures for a number of training examples."""
    return f"""\
As posted, the loss oscillates and does not converge. There are two errors.

The step: the loop sums the gradients of all examples. A step of {POSTED_STEP} along the sum of {examples:,} \
gradients is a step of about {POSTED_STEP * examples:.0f} along their mean. Such steps saturate the sigmoids at once. \
With only the derivative fixed, the network classifies every image as a 7, then every image as a 3, and so on, and the \
loss alternates between two values. With a step of {FIXED_STEP} along the mean the loss falls, even with the wrong \
derivative.

The derivative: sigmoid'(z) is a (1 - a), where a = sigmoid(z) is the activation. The loop has 1 - sigmoid(a) instead. \
So the gradients of the output layer are right, but those of both hidden layers are too long, and those of the first \
layer point in another direction: see the tables. (Where gradients are summed, all lengths in the tables are \
{CHECKED_EXAMPLES} times too large, because the tables are computed on {CHECKED_EXAMPLES} examples.) With both errors \
fixed, the final loss is less than a third of that with the step fixed alone."""


SEED = 0
"""Seed of the initial parameters. The course of the posted loop's loss depends on it."""


def _initial(inputs: Array, wanted: Array) -> tuple[Array, tuple[int, ...]]:
    architecture = (inputs.shape[1], *HIDDEN, wanted.shape[1])
    flat = INITIAL_SCALE * np.random.default_rng(SEED).standard_normal(size(architecture))
    return flat.astype(inputs.dtype), architecture
