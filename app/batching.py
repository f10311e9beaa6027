"""One forward pass for all images that wait together."""

import asyncio
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.classifier import Prediction, Predictions

ENOUGH = 64
"""Images for a pass: with more of them an image costs hardly less."""


class Microbatch:
    """Classifies single images, those by one forward pass that came in turns of the event loop without a gap.

    A pass begins when a turn brings no further image: one that comes alone waits for a look at the sockets. With 16
    connections a pass has 15 images, whose weights come from memory once. Without that look it had 7, and the service
    answered a sixth fewer requests. A sum may be rounded otherwise than alone: probabilities can differ by 1e-6.
    For one event loop.
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
        """Go on to wait if more images wait than in the turn before."""
        if before < (now := len(self._waiting)) < ENOUGH:
            asyncio.get_running_loop().call_soon(self._gather, now)
        else:
            self._answer()

    def _answer(self) -> None:
        waiting, self._waiting = self._waiting, []
        try:
            predictions = self._classify(np.array([pixels for pixels, _ in waiting]))
        except Exception as error:  # noqa: BLE001  # it belongs to those who wait
            for _, answer in waiting:
                if not answer.done():
                    answer.set_exception(error)
            return
        for (_, answer), prediction in zip(waiting, predictions.each(), strict=True):
            if not answer.done():  # or its request was cancelled
                answer.set_result(prediction)
