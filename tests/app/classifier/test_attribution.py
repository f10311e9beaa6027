from itertools import pairwise

import numpy as np
import pytest

from app.classifier.attribution import attribution
from app.classifier.network import Layer, forward


def test_gradient_times_input() -> None:
    """Compare with central differences of z_7 - z_3."""
    rng = np.random.default_rng(0)
    units = (6, 5, 4, 2)
    parameters = tuple(Layer(rng.normal(size=pair), rng.normal(size=pair[1])) for pair in pairwise(units))
    inputs = rng.random((3, 6))
    inputs[0, 0] = 0
    measured = np.empty_like(inputs)
    for pixel in range(6):
        step = np.zeros(6)
        step[pixel] = 1e-5
        above, below = (forward(parameters, inputs + sign * step)[-1] for sign in (1, -1))
        measured[:, pixel] = ((above - below) @ [-1, 1]) / 2e-5 * inputs[:, pixel]
    shares = attribution(parameters, inputs)
    assert shares == pytest.approx(measured, rel=1e-6, abs=1e-9)
    assert shares[0, 0] == 0
