"""Trains as if hidden activations were centred at 0 (LeCun et al. 1998, "Efficient BackProp", section 4.3).

Sigmoid activations are all positive, so the gradients of a unit's incoming weights tend to have the same sign, and
learning is slow. A layer is the same function of centred activations, with another bias:

    a W + b = (a - 1/2) W + c        c = b + 1/2 sum of W over the inputs

Adam updates W and c. The gradient with respect to W at constant c is that of centred activations, (a - 1/2)^T delta.
The result is an ordinary network. The first layer's inputs are pixels, not activations, and stay as they are.
"""

from app.classifier.network import Parameters


def centre(parameters: Parameters) -> None:
    """Replace the biases b by c, in place."""
    for W, b in parameters[1:]:
        b += W.sum(axis=0) / 2


def uncentre(parameters: Parameters) -> None:
    """Replace the biases c by b, in place."""
    for W, b in parameters[1:]:
        b -= W.sum(axis=0) / 2


def centre_gradient(gradients: Parameters) -> None:
    """Replace dL/dW at constant b by dL/dW at constant c, in place. dL/dc is equal to dL/db."""
    for dW, db in gradients[1:]:
        dW -= db / 2
