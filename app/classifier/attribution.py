"""Attribution of a prediction to pixels: gradient x input.

The gradient of the difference of the two logits, times the input (Shrikumar, Greenside and Kundaje 2017): the
first-order contribution of each pixel. The contribution of the background is 0.
"""

import numpy as np

from app.classifier.network import Array, Parameters, forward

DIGIT_COLORS = {3: "#d55e00", 7: "#0072b2"}
"""Colours of the evidence for each digit, distinct to colour-blind people too (Okabe and Ito 2008)."""


def attribution(parameters: Parameters, inputs: Array) -> Array:
    """Compute the contribution of each input to z_7 - z_3. Positive ones are evidence for 7, negative ones for 3.

    inputs: (n, inputs of the first layer). Returns an array of the same shape.
    The chain rule is applied layer by layer, as in training: delta_l = (delta_{l+1} W_{l+1}^T) a_l (1 - a_l).
    """
    activations = forward(parameters, inputs)
    delta = np.array([[-1, 1]], inputs.dtype)  # d(z_7 - z_3) / dz
    for layer in reversed(range(len(parameters))):
        delta = delta @ parameters[layer].W.T
        if layer > 0:
            a = activations[layer]
            delta = delta * a * (1 - a)
    return delta * inputs
