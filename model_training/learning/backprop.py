"""Computes the gradient of the cross-entropy with respect to every weight and bias, by backpropagation.

With z_l = a_{l-1} W_l + b_l, a_l = sigmoid(z_l) in the hidden layers, p = softmax(z_L), n examples, and targets t that
are probabilities and sum to 1 for each example:

    loss     L       = -1/n sum t log p
    output   delta_L = dL/dz_L = (p - t) / n
    hidden   delta_l = dL/dz_l = (delta_{l+1} W_{l+1}^T) a_l (1 - a_l)      elementwise
    weights  dL/dW_l = a_{l-1}^T delta_l
    biases   dL/db_l = sum of delta_l over the examples

The derivative of the sigmoid is a (1 - a) in terms of the activation a, and the gradient is the *mean* over
the examples, so that a learning rate means the same for every batch size.
"""

import numpy as np

from app.classifier.network import Array, Parameters, forward
from model_training.learning.parameters import as_layers, size


def log_softmax(logits: Array) -> Array:
    """Return the logarithms of the probabilities, (n, classes), of logits (n, classes). No logit overflows."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p: Array = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return log_p


def cross_entropy(log_p: Array, targets: Array) -> float:
    """Return the mean of -sum t log p in nats; log p and targets t are (n, classes)."""
    return -float(np.vdot(targets, log_p)) / len(targets)


class Backpropagation:
    """Computes gradients in arrays that are allocated once for a batch size."""

    def __init__(self, architecture: tuple[int, ...], batch_size: int, dtype: type[np.floating]) -> None:
        self.gradient = np.zeros(size(architecture), dtype)
        """dL/dparameters, flat, in the order of `model_training.learning.parameters`."""
        self.gradients = as_layers(self.gradient, architecture)
        """The same, as layers"""
        self._activations = [np.empty((batch_size, units), dtype) for units in architecture[1:]]
        self._deltas = [np.empty_like(a) for a in self._activations[:-1]]

    def __call__(self, parameters: Parameters, inputs: Array, targets: Array) -> float:
        """Fill `gradient` for one batch and return its loss.

        inputs: (batch_size, inputs); targets: (batch_size, classes), probabilities.
        """
        activations = forward(parameters, inputs, out=self._activations)
        log_p = log_softmax(activations.pop())
        delta = (np.exp(log_p) - targets) / len(inputs)
        for layer in reversed(range(len(parameters))):
            a = activations[layer]
            np.matmul(a.T, delta, out=self.gradients[layer].W)
            np.sum(delta, axis=0, out=self.gradients[layer].b)
            if layer > 0:
                delta = np.matmul(delta, parameters[layer].W.T, out=self._deltas[layer - 1])
                delta *= a
                delta *= np.subtract(1, a, out=a)  # overwrites a, which is not used again
        return cross_entropy(log_p, targets)
