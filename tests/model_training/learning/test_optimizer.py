import numpy as np
import pytest

from model_training.learning.optimizer import Adam


def test_steps_worked_by_hand() -> None:
    """Two steps of 0.1 from (1, 1) for the gradients (2, -4) and (0, -4).

    First: m_hat = g, v_hat = g^2, so every parameter moves by the learning rate against its gradient's sign.
    Second, for g = 0: m = 0.9 * 0.2 = 0.18, m_hat = 0.18 / 0.19; v = 0.999 * 0.004, v_hat = 0.003996 / 0.001999;
    the gradient that stays the same moves its parameter by the learning rate again.
    """
    parameters = np.array([1.0, 1.0])
    adam = Adam(parameters)
    adam.step(np.array([2.0, -4.0]), learning_rate=0.1)
    assert parameters == pytest.approx([0.9, 1.1])
    gradient = np.array([0.0, -4.0])
    adam.step(gradient, learning_rate=0.1)
    assert parameters == pytest.approx([0.9 - 0.1 * (0.18 / 0.19) / np.sqrt(0.003996 / 0.001999), 1.2])
    assert gradient.tolist() == [0, -4]


def test_convergence_on_a_parabola() -> None:
    parameters = np.array([3.0, -2.0], np.float32)
    adam = Adam(parameters)
    for step in range(500):
        adam.step(parameters * np.array([1, 100], np.float32), 0.1 * (1 - step / 500))
    assert np.abs(parameters).max() < 1e-3
    assert parameters.dtype == np.float32


def test_weight_decay_is_decoupled_from_the_gradient() -> None:
    """Without a gradient only the decay is left: a factor of 1 - 0.1 * 0.5 each step."""
    parameters = np.array([2.0, -4.0])
    adam = Adam(parameters, weight_decay=0.5)
    for _ in range(2):
        adam.step(np.zeros(2), learning_rate=0.1)
    assert parameters == pytest.approx([2 * 0.95**2, -4 * 0.95**2])
