"""The gradient is compared with central differences, an independent method, and with a network worked by hand."""

from itertools import chain

import numpy as np
import pytest

from app.classifier.network import Layer, forward
from model_training.learning.backprop import Backpropagation, cross_entropy, log_softmax
from model_training.learning.gradient_check import numerical_gradient
from model_training.learning.parameters import as_layers, initialize, size


@pytest.mark.parametrize("architecture", [(7, 5, 4, 2), (3, 2, 6, 2), (4, 2), (4, 3, 3, 3, 5)])
@pytest.mark.parametrize("batch_size", [1, 2, 17])
@pytest.mark.parametrize("seed", range(3))
def test_gradients_equal_central_differences(architecture: tuple[int, ...], batch_size: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    flat = rng.normal(size=size(architecture))
    inputs = rng.random((batch_size, architecture[0]))
    targets = rng.dirichlet(np.ones(architecture[-1]), batch_size)
    backpropagation = Backpropagation(architecture, batch_size, np.float64)
    loss = backpropagation(as_layers(flat, architecture), inputs, targets)
    assert loss == cross_entropy(log_softmax(forward(as_layers(flat, architecture), inputs)[-1]), targets)
    expected = numerical_gradient(flat, architecture, inputs, targets, np.arange(len(flat)))
    layers = (as_layers(vector, architecture) for vector in (backpropagation.gradient, expected))
    for computed, oracle in zip(*(chain(*layer) for layer in layers), strict=True):
        assert np.linalg.norm(computed - oracle) / np.linalg.norm(oracle) < 1e-6


def test_gradient_by_hand() -> None:
    """One input, one unit in each of two hidden layers, two outputs; input 1, target (1, 0).

    z1 = ln 3 * 1 + 0      a1 = sigmoid(ln 3) = 3/4
    z2 = 4 * 3/4 - 3       a2 = sigmoid(0) = 1/2
    z3 = (2 ln 3 * 1/2, 0) = (ln 3, 0), p = (3/4, 1/4), loss = -ln 3/4

    delta3 = p - t = (-1/4, 1/4)
    dW3 = a2 * delta3 = (-1/8, 1/8)                            db3 = (-1/4, 1/4)
    delta2 = (-1/4 * 2 ln 3 + 1/4 * 0) * 1/2 * 1/2 = -ln 3 / 8
    dW2 = a1 * delta2 = -3 ln 3 / 32                           db2 = -ln 3 / 8
    delta1 = (-ln 3 / 8 * 4) * 3/4 * 1/4 = -3 ln 3 / 32
    dW1 = 1 * delta1 = -3 ln 3 / 32                            db1 = -3 ln 3 / 32
    """
    ln3 = np.log(3)
    parameters = (
        Layer(np.array([[ln3]]), np.zeros(1)),
        Layer(np.array([[4.0]]), np.array([-3.0])),
        Layer(np.array([[2 * ln3, 0.0]]), np.zeros(2)),
    )
    backpropagation = Backpropagation((1, 1, 1, 2), batch_size=1, dtype=np.float64)
    loss = backpropagation(parameters, np.array([[1.0]]), np.array([[1.0, 0.0]]))
    assert loss == pytest.approx(-np.log(0.75))
    first, second, third = as_layers(backpropagation.gradient, (1, 1, 1, 2))
    assert pytest.approx(np.array([[-1 / 8, 1 / 8]])) == third.W
    assert third.b == pytest.approx(np.array([-1 / 4, 1 / 4]))
    assert pytest.approx(np.array([[-3 * ln3 / 32]])) == second.W
    assert second.b == pytest.approx(np.array([-ln3 / 8]))
    assert pytest.approx(np.array([[-3 * ln3 / 32]])) == first.W
    assert first.b == pytest.approx(np.array([-3 * ln3 / 32]))


def test_cross_entropy_of_small_and_large_logits() -> None:
    logits = np.array([[0.0, np.log(3)], [-2000.0, 0.0], [0.0, 0.0]])
    targets = np.array([[1.0, 0.0], [1.0, 0.0], [0.5, 0.5]])
    losses = [np.log(4), 2000, np.log(2)]
    for row, loss in enumerate(losses):
        assert cross_entropy(log_softmax(logits[[row]]), targets[[row]]) == pytest.approx(loss)
    assert cross_entropy(log_softmax(logits), targets) == pytest.approx(np.mean(losses))


def test_layers_are_views_of_the_flat_vector() -> None:
    architecture = (3, 4, 2)
    flat = np.zeros(size(architecture))
    for number, (W, b) in enumerate(as_layers(flat, architecture), 1):
        W += number
        b += 10 * number
    assert flat.tolist() == [1] * 12 + [10] * 4 + [2] * 8 + [20] * 2


def test_glorot_initialization() -> None:
    architecture = (600, 400, 2)
    flat = np.empty(size(architecture))
    initialize(flat, architecture, np.random.default_rng(0))
    first, second = as_layers(flat, architecture)
    for W, b in (first, second):
        bound = 4 * np.sqrt(6 / (W.shape[0] + W.shape[1]))
        assert np.abs(W).max() <= bound
        assert W.std() == pytest.approx(bound / np.sqrt(3), rel=0.05)
        assert not b.any()
    assert not np.array_equal(first.W[:, 0], first.W[:, 1])
