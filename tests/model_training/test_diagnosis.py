"""The three behaviours of the loop that the project began with, on MNIST's test images, which are fewer."""

import numpy as np

from model_training.data import Digits
from model_training.diagnosis import VARIANTS

POSTED, DERIVATIVE, STEP, BOTH = VARIANTS


def test_only_the_mended_loop_has_the_right_gradient(digits: Digits) -> None:
    for check in BOTH.check(digits):
        assert check.relative_error < 1e-6


def test_without_the_mean_the_gradient_is_as_many_times_too_long_as_there_are_examples(digits: Digits) -> None:
    for check in DERIVATIVE.check(digits):
        assert check.angle < 1e-3
        assert abs(check.length - 200) < 1e-3


def test_as_posted_the_gradients_of_both_hidden_layers_have_another_direction(digits: Digits) -> None:
    angles = {check.tensor: check.angle for check in POSTED.check(digits)}
    assert max(angles["W3"], angles["b3"]) < 1e-3
    assert min(angles["W1"], angles["b1"], angles["W2"], angles["b2"]) > 0.1


def test_the_loop_learns_when_the_step_is_mended_and_better_when_both_are(digits: Digits) -> None:
    posted, derivative, step, both = (np.array(list(variant.train(digits, passes=400))) for variant in VARIANTS)
    assert posted[-100:].mean() > 0.3
    assert derivative[-100:].mean() > 1
    assert step[-1] < 0.2
    assert both[-1] < step[-1]
