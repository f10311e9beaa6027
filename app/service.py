"""What the routes ask: images from bytes, answers from images. It knows nothing of HTTP."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.classifier import Classifier, Predictions
from app.classifier.weights import Weights
from app.images import DigitImage, read_digit
from app.metrics import Metrics
from app.settings import Settings

INLINE_BYTES = 16 * 1024
"""An image of 28 x 28 in a file of at most this size is decoded in less time than handing it to a thread takes."""

INLINE_IMAGES = 64
"""Batches of at most this size are classified in a few milliseconds."""


class Service:
    """The classifier with its settings, its figures and a thread for what takes long.

    There is one such thread: a second one would keep small requests waiting for the interpreter, and take the
    memory of a second large image.
    """

    def __init__(self, settings: Settings, weights: Weights) -> None:
        self.settings = settings
        self.weights = weights
        self.metadata = weights.metadata
        self.metrics = Metrics(weights)
        self.classifier = Classifier(weights.parameters, weights.metadata.threshold)
        self._slow = ThreadPoolExecutor(max_workers=1, thread_name_prefix="slow")

    async def read(self, data: bytes, fit: bool) -> DigitImage:
        """Decode an image, as `read_digit`, and raise as that does; large ones without holding up others."""
        if fit or len(data) > INLINE_BYTES:
            return await asyncio.get_running_loop().run_in_executor(self._slow, self._read, data, fit)
        return self._read(data, fit)

    async def classify(self, images: NDArray[Any]) -> Predictions:
        """Classify uint8 (n, 28, 28), or float32 (n, 784) from 0 to 1."""
        if len(images) > INLINE_IMAGES:
            predictions = await asyncio.get_running_loop().run_in_executor(self._slow, self._classify, images)
        else:
            predictions = self._classify(images)
        self.metrics.count(predictions)
        return predictions

    def _read(self, data: bytes, fit: bool) -> DigitImage:
        with self.metrics.decode.time():
            return read_digit(data, self.settings.max_image_pixels, fit)

    def _classify(self, images: NDArray[Any]) -> Predictions:
        with self.metrics.forward.time():
            if images.dtype == np.uint8:
                return self.classifier.predict(images)
            return self.classifier.predict_inputs(images)
