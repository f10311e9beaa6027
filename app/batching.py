"""Dynamic batching: concurrent requests share a forward pass."""

import asyncio
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.classifier import Prediction, Predictions

ENOUGH = 64
"""Number of images at which a pass starts at once. Larger batches are hardly faster."""


class Microbatch:
    """Classifies single images in shared forward passes, for one event loop.

    Each turn of the loop polls the sockets. A pass starts when a turn brings no further image: with 16 connections it
    has 15 images, and without the extra turn 7, which serves a sixth fewer requests. Sums may be rounded differently
    than for a single image: probabilities can differ by 1e-6.
    """

    def __init__(self, classify: Callable[[NDArray[Any]], Predictions]) -> None:
        self._classify = classify
        self._waiting: list[tuple[NDArray[np.uint8], asyncio.Future[Prediction]]] = []

    async def classify(self, pixels: NDArray[np.uint8]) -> Prediction:
        """Classify one image, uint8 (28, 28)."""
        loop = asyncio.get_running_loop()
        if not self._waiting:
            loop.call_soon(self._gather, 0)
        answer: asyncio.Future[Prediction] = loop.create_future()
        self._waiting.append((pixels, answer))
        return await answer

    def _gather(self, before: int) -> None:
        """Run the forward pass, or wait another turn if images arrived in this one."""
        if before < (now := len(self._waiting)) < ENOUGH:
            asyncio.get_running_loop().call_soon(self._gather, now)
            return
        waiting, self._waiting = self._waiting, []
        try:
            predictions = self._classify(np.array([pixels for pixels, _ in waiting]))
        except Exception as error:  # noqa: BLE001  # each request raises it
            for _, answer in waiting:
                if not answer.done():
                    answer.set_exception(error)
            return
        for (_, answer), prediction in zip(waiting, predictions.each(), strict=True):
            if not answer.done():  # done if its request was cancelled
                answer.set_result(prediction)
