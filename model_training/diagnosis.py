"""Why the loop that this project began with did not learn.

Its author posted on a forum a network with two hidden layers of three sigmoid units, trained on all threes and sevens
at once, whose loss would not fall. Here that loop runs as it was posted, with each of its faults mended, and with both:

1. The derivative of the sigmoid, in terms of the activation a = sigmoid(z), is a (1 - a). The loop has 1 - sigmoid(a).
2. The gradient is summed over the examples, not averaged. With n examples the stated step is n times as long.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from app.classifier.network import Array, Parameters, forward, sigmoid, softmax
from app.classifier.pixels import to_input
from model_training.backprop import cross_entropy, log_softmax
from model_training.data import Digits
from model_training.gradient_check import Check, check_gradient
from model_training.parameters import as_layers, size
from model_training.trainer import targets

HIDDEN = (3, 3)
PASSES = 1000
POSTED_STEP, MENDED_STEP = 0.005, 0.5
CHECKED_EXAMPLES = 200
CHECKED_PARAMETERS = 100
"""Of each tensor"""

INITIAL_SCALE = 0.1
"""Standard deviation of the parameters at the start; the post does not say."""


@dataclass(frozen=True)
class Variant:
    """One version of the loop."""

    title: str
    right_derivative: bool
    mean: bool
    step: float

    def gradient(self, parameters: Parameters, inputs: Array, wanted: Array) -> tuple[float, Array]:
        """The loss, and what this loop takes for its gradient, flat."""
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
        """Descend along all examples at once; yield the loss before each step."""
        inputs, wanted = to_input(digits.images), targets(digits)
        inputs = inputs[:, inputs.any(axis=0)]  # pixels that are always dark teach nothing, and cost time
        flat, architecture = _initial(inputs, wanted)
        parameters = as_layers(flat, architecture)
        for _ in range(passes):
            loss, gradient = self.gradient(parameters, inputs, wanted)
            yield loss
            flat -= self.step * gradient

    def check(self, digits: Digits) -> list[Check]:
        """Compare this loop's gradient with central differences, at parameters like its first, on a few examples."""
        inputs = to_input(digits.images[:CHECKED_EXAMPLES]).astype(np.float64)
        wanted = targets(digits)[:CHECKED_EXAMPLES].astype(np.float64)
        flat, architecture = _initial(inputs, wanted)
        _, gradient = self.gradient(as_layers(flat, architecture), inputs, wanted)
        rng = np.random.default_rng(SEED)
        return check_gradient(gradient, flat, architecture, inputs, wanted, CHECKED_PARAMETERS, rng)


VARIANTS = (
    Variant("as posted", right_derivative=False, mean=False, step=POSTED_STEP),
    Variant("derivative mended", right_derivative=True, mean=False, step=POSTED_STEP),
    Variant("step mended", right_derivative=False, mean=True, step=MENDED_STEP),
    Variant("both mended", right_derivative=True, mean=True, step=MENDED_STEP),
)


def verdict(examples: int) -> str:
    """What was wrong, for a training on so many examples."""
    return f"""\
As posted, the loss wanders and never settles. Two things are wrong.

The step: the loop adds the gradients of all examples up. A step of {POSTED_STEP} along the sum of {examples:,} \
gradients is one of about {POSTED_STEP * examples:.0f} along their mean. Such steps saturate the sigmoids at once. \
With the derivative mended alone, the network calls every image a 7, then every image a 3, and so on, and the loss \
jumps between two values for ever. With a step of {MENDED_STEP} along the mean the loss falls, even with the wrong \
derivative.

The derivative: sigmoid'(z) is a (1 - a), where a = sigmoid(z) is the activation that the loop already has. The loop \
has 1 - sigmoid(a) instead. So the gradients of the output layer are right, but those of both hidden layers are too \
long, and in the first they clearly point elsewhere: see the tables. (Where gradients are added up, all lengths there \
are {CHECKED_EXAMPLES} times too large, since the tables are made on {CHECKED_EXAMPLES} examples.) With it mended as \
well, the loss falls to less than a third of that with the step mended alone."""


SEED = 0
"""Of the parameters at the start. Where the posted loop wanders, and whether it rests for a while, depends on it."""


def _initial(inputs: Array, wanted: Array) -> tuple[Array, tuple[int, ...]]:
    architecture = (inputs.shape[1], *HIDDEN, wanted.shape[1])
    flat = INITIAL_SCALE * np.random.default_rng(SEED).standard_normal(size(architecture))
    return flat.astype(inputs.dtype), architecture
