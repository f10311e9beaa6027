"""Which pixels spoke for which digit: gradient x input.

The gradient of the difference of the two logits, times the input (Shrikumar, Greenside and Kundaje 2017, who compare it
with their own): the first-order share of each pixel in the answer. Where there is no ink there is no share.
"""

import numpy as np

from app.classifier.network import Array, Parameters, forward


def attribution(parameters: Parameters, inputs: Array) -> Array:
    """Shares (n, inputs) of each input in z_7 - z_3: above 0 it spoke for 7, below 0 for 3.

    inputs: (n, inputs of the first layer). The chain rule goes back layer by layer, as in training:
    delta_l = (delta_{l+1} W_{l+1}^T) a_l (1 - a_l), down to the inputs.
    """
    activations = forward(parameters, inputs)
    delta = np.array([[-1, 1]], inputs.dtype)  # d(z_7 - z_3) / dz
    for layer in reversed(range(len(parameters))):
        delta = delta @ parameters[layer].W.T
        if layer > 0:
            a = activations[layer]
            delta = delta * a * (1 - a)
    return delta * inputs
