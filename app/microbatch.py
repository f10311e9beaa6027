"""One forward pass for all images that wait together."""

import asyncio
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.classifier import Prediction, Predictions


class Microbatch:
    """Classifies single images, those that were read in one turn of the event loop by one forward pass.

    Nobody waits for company: the pass begins when every request that has arrived is read. At 16 connections it takes a
    third of the time of 16 single ones, for then the weights come from memory once. A sum may be rounded otherwise than
    alone: probabilities can differ by 1e-6. For one event loop.
    """

    def __init__(self, classify: Callable[[NDArray[Any]], Predictions]) -> None:
        self._classify = classify
        self._waiting: list[tuple[NDArray[np.uint8], asyncio.Future[Prediction]]] = []

    async def classify(self, pixels: NDArray[np.uint8]) -> Prediction:
        """Classify one image, uint8 (28, 28)."""
        loop = asyncio.get_running_loop()
        if not self._waiting:
            loop.call_soon(self._answer)
        answer: asyncio.Future[Prediction] = loop.create_future()
        self._waiting.append((pixels, answer))
        return await answer

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
