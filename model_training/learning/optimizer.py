"""Adam (Kingma and Ba 2015, algorithm 1) with decoupled weight decay (AdamW, Loshchilov and Hutter 2019)."""

import math

import numpy as np

from app.classifier.network import Array


class Adam:
    """Updates each parameter by about the learning rate, whatever the scale of its gradient, in place on one vector.

    The two averages are kept as plain sums, m / (1 - beta1) and v / (1 - beta2), whose factors join the bias
    corrections in two scalars. The formulas as printed need 13 sweeps over the vectors instead of 10, and a step takes
    1.37 times as long (0.66 instead of 0.49 ms for the 533,762 parameters).
    """

    def __init__(
        self,
        parameters: Array,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        self.parameters = parameters
        self._weight_decay = weight_decay
        self._beta1, self._beta2, self._epsilon = beta1, beta2, epsilon
        self._m_sum = np.zeros_like(parameters)
        self._v_sum = np.zeros_like(parameters)
        self._scratch = np.empty_like(parameters)
        self._t = 0

    def step(self, gradient: Array, learning_rate: float) -> None:
        """Update the parameters for one gradient (same shape), which is left unchanged."""
        self._t += 1
        m_sum, v_sum, scratch = self._m_sum, self._v_sum, self._scratch
        m_sum *= self._beta1
        m_sum += gradient
        v_sum *= self._beta2
        v_sum += np.square(gradient, out=scratch)
        # m_hat = m / (1 - beta1^t) = to_m_hat * m_sum, and so v_hat. What is subtracted from the parameters is
        #   learning_rate * m_hat / (sqrt(v_hat) + epsilon)
        to_m_hat = (1 - self._beta1) / (1 - self._beta1**self._t)
        root = math.sqrt((1 - self._beta2) / (1 - self._beta2**self._t))  # sqrt(v_hat) = root * sqrt(v_sum)
        np.sqrt(v_sum, out=scratch)
        scratch += self._epsilon / root
        np.divide(m_sum, scratch, out=scratch)
        if self._weight_decay:
            self.parameters *= 1 - learning_rate * self._weight_decay
        self.parameters -= np.multiply(scratch, learning_rate * to_m_hat / root, out=scratch)
