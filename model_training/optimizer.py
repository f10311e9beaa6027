"""Adam (Kingma and Ba 2015, algorithm 1), in place on one flat vector."""

import numpy as np

from app.classifier.network import Array


class Adam:
    """Steps of about the learning rate for each parameter, whatever the scale of its gradient."""

    def __init__(self, parameters: Array, beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-8) -> None:
        self.parameters = parameters
        self._beta1, self._beta2, self._epsilon = beta1, beta2, epsilon
        self._m = np.zeros_like(parameters)
        self._v = np.zeros_like(parameters)
        self._scratch = np.empty_like(parameters)
        self._t = 0

    def step(self, gradient: Array, learning_rate: float) -> None:
        """Update the parameters for one gradient (same shape), which is left unchanged."""
        self._t += 1
        m, v, scratch = self._m, self._v, self._scratch
        m *= self._beta1
        m += np.multiply(gradient, 1 - self._beta1, out=scratch)
        np.square(gradient, out=scratch)
        v *= self._beta2
        v += np.multiply(scratch, 1 - self._beta2, out=scratch)
        # parameters -= learning_rate * m_hat / (sqrt(v_hat) + epsilon), with the bias corrections
        # m_hat = m / (1 - beta1^t) and v_hat = v / (1 - beta2^t)
        np.divide(v, 1 - self._beta2**self._t, out=scratch)
        np.sqrt(scratch, out=scratch)
        scratch += self._epsilon
        np.divide(m, scratch, out=scratch)
        self.parameters -= np.multiply(scratch, learning_rate / (1 - self._beta1**self._t), out=scratch)
