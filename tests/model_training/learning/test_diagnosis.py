"""The variants of the original training loop, on MNIST's test images."""

import numpy as np

from model_training.images.mnist import Digits
from model_training.learning.diagnosis import VARIANTS

POSTED, DERIVATIVE, STEP, BOTH = VARIANTS


def test_mean_gives_the_gradient_its_length(digits: Digits) -> None:
    for check in BOTH.check(digits):
        assert check.relative_error < 1e-6
    for check in DERIVATIVE.check(digits):
        assert check.angle < 1e-3
        assert abs(check.length - 200) < 1e-3


def test_wrong_derivative_distorts_earlier_layers_more(digits: Digits) -> None:
    checks = {check.tensor: check for check in STEP.check(digits)}
    assert checks["W3"].relative_error < 1e-6
    assert checks["b3"].relative_error < 1e-6
    assert checks["W1"].length > checks["W2"].length > 1.2
    assert checks["b1"].length > checks["b2"].length > 1.2
    assert min(checks["W1"].angle, checks["b1"].angle) > 5 > 1 > max(checks["W2"].angle, checks["b2"].angle)


def test_losses_of_the_variants(digits: Digits) -> None:
    posted, derivative, step, both = (np.array(list(variant.train(digits, passes=400))) for variant in VARIANTS)
    assert posted[-100:].mean() > 0.3
    assert derivative[-100:].mean() > 1
    for turn in (0, 1):  # one digit for all images, then the other, alternately
        assert np.ptp(derivative[-100 + turn :: 2]) < 0.01
    assert abs(derivative[-1] - derivative[-2]) > 0.1
    assert step[-1] < 0.2
    assert both[-1] < step[-1]
