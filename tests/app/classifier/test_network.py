import numpy as np
import pytest

from app.classifier.network import Layer, forward, sigmoid, softmax


def test_sigmoid() -> None:
    z = np.array([-np.inf, -1000, -np.log(3), 0, np.log(3), 1000, np.inf])
    assert sigmoid(z).tolist() == pytest.approx([0, 0, 0.25, 0.5, 0.75, 1, 1])
    assert sigmoid(z.astype(np.float32)).tolist() == pytest.approx([0, 0, 0.25, 0.5, 0.75, 1, 1])
    assert sigmoid(z, out=z) is z
    assert z.tolist() == pytest.approx([0, 0, 0.25, 0.5, 0.75, 1, 1])


def test_softmax() -> None:
    logits = np.array([[0, np.log(3)], [1000, 1000 + np.log(3)], [-5000, 5000]])
    assert softmax(logits) == pytest.approx(np.array([[0.25, 0.75], [0.25, 0.75], [0, 1]]))


def test_forward_by_hand() -> None:
    # hidden z = (ln 3, 0) . [[1, -1]] + [0, 2 ln 3] = (ln 3, ln 3), so a = (3/4, 3/4)
    # logits = 4 * 3/4 - 8 * 3/4 + 1 = -2 and 0 + 0 + 5 = 5
    parameters = (
        Layer(np.array([[1.0, -1.0]]), np.array([0.0, 2 * np.log(3)])),
        Layer(np.array([[4.0, 0.0], [-8.0, 0.0]]), np.array([1.0, 5.0])),
    )
    inputs, hidden, logits = forward(parameters, np.array([[np.log(3)]]))
    assert inputs == pytest.approx(np.array([[np.log(3)]]))
    assert hidden == pytest.approx(np.array([[0.75, 0.75]]))
    assert logits == pytest.approx(np.array([[-2.0, 5.0]]))


def test_forward_into_given_arrays() -> None:
    rng = np.random.default_rng(0)
    parameters = (Layer(rng.random((4, 3)), rng.random(3)), Layer(rng.random((3, 2)), rng.random(2)))
    inputs = rng.random((5, 4))
    kept = inputs.copy()
    out = [np.empty((5, 3)), np.empty((5, 2))]
    activations = forward(parameters, inputs, out=out)
    assert activations[1] is out[0]
    assert activations[2] is out[1]
    assert (inputs == kept).all()
    for written, fresh in zip(activations, forward(parameters, inputs), strict=True):
        assert (written == fresh).all()
