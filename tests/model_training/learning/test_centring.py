import numpy as np
import pytest

from app.classifier.network import forward
from model_training.learning.backprop import Backpropagation, cross_entropy, log_softmax
from model_training.learning.centring import centre, centre_gradient, uncentre
from model_training.learning.parameters import as_layers, initialize, size

ARCHITECTURE = (6, 5, 4, 2)


def test_gradient_at_constant_centred_biases() -> None:
    """Central differences: change a weight, with the centred biases as they were."""
    rng = np.random.default_rng(0)
    flat = np.empty(size(ARCHITECTURE))
    initialize(flat, ARCHITECTURE, rng)
    layers = as_layers(flat, ARCHITECTURE)
    inputs, targets = rng.random((8, 6)), rng.dirichlet([1, 1], 8)
    backpropagation = Backpropagation(ARCHITECTURE, 8, np.float64)
    backpropagation(layers, inputs, targets)
    centre_gradient(backpropagation.gradients)
    centre(layers)
    centred = flat.copy()

    def loss(parameter: int, step: float) -> float:
        flat[:] = centred
        flat[parameter] += step
        uncentre(layers)
        return cross_entropy(log_softmax(forward(layers, inputs)[-1]), targets)

    differences = [(loss(index, 1e-5) - loss(index, -1e-5)) / 2e-5 for index in range(len(flat))]
    assert backpropagation.gradient == pytest.approx(np.array(differences), rel=1e-5, abs=1e-9)


def test_uncentre_restores_the_biases() -> None:
    flat = np.random.default_rng(0).normal(size=size(ARCHITECTURE))
    before, layers = flat.copy(), as_layers(flat, ARCHITECTURE)
    centre(layers)
    assert layers[2].b == pytest.approx(as_layers(before, ARCHITECTURE)[2].b + layers[2].W.sum(axis=0) / 2)
    uncentre(layers)
    assert flat == pytest.approx(before)
