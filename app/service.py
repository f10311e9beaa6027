"""The use cases, independent of HTTP: decode images, classify them, explain a prediction."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import Any, TypeVar, TypeVarTuple

import numpy as np
from numpy.typing import NDArray

from app.batching import Microbatch
from app.classifier import Classifier, Prediction, Predictions
from app.classifier.weights import Weights
from app.errors import Problem
from app.metrics import Metrics
from app.preprocessing.decode import DigitImage, read_digit
from app.preprocessing.explanation import explain
from app.preprocessing.polarity import Ink
from app.settings import Settings

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

INLINE_BYTES = 4 * 1024
"""Maximum number of bytes that are processed in the event loop. Files of 28 x 28 pixels are smaller than that."""

IN_THREAD = INLINE_BYTES + 1
"""Size for `Service.run` of work that always runs in the thread."""

PIXELS_PER_BYTE = 16
"""Number of pixels that are classified in the time in which one byte of a file is decoded."""


class Service:
    """The classifier with its settings, its metrics and a thread for long tasks.

    There is only one thread. A second one would delay small requests, which wait for the interpreter's lock, and would
    need memory for a second large image.
    """

    def __init__(self, settings: Settings, weights: Weights) -> None:
        self.settings = settings
        self.weights = weights
        self.metadata = weights.metadata
        self.metrics = Metrics(weights)
        self.classifier = Classifier(weights.parameters, weights.metadata.threshold)
        self._microbatch = Microbatch(self._classify)
        self._slow = ThreadPoolExecutor(max_workers=1, thread_name_prefix="slow")

    async def run(self, size: int, function: Callable[[*Ts], T], *args: *Ts) -> T:
        """Call a function in the event loop, or in the thread if `size` is more than `INLINE_BYTES`."""
        if size <= INLINE_BYTES:
            return function(*args)
        return await asyncio.get_running_loop().run_in_executor(self._slow, function, *args)

    async def read(self, data: bytes, fit: bool, ink: Ink = "auto") -> DigitImage:
        """Decode an image. Raises the same errors as `read_digit`."""
        [image] = await self.read_all([data], fit, ink)
        if isinstance(image, Problem):
            raise image
        return image

    async def read_all(self, images: Sequence[bytes], fit: bool, ink: Ink = "auto") -> list[DigitImage | Problem]:
        """Decode the images of a batch. In place of an invalid image, return the error of `read_digit`."""
        size = IN_THREAD if fit else sum(map(len, images))  # a small file may hold a large image to be fitted
        return await self.run(size, self._read_all, images, fit, ink)

    async def classify_one(self, image: DigitImage) -> Prediction:
        """Classify an image, in a forward pass that concurrent requests share."""
        return await self._microbatch.classify(image.pixels)

    async def classify(self, images: NDArray[Any]) -> Predictions:
        """Classify uint8 (n, 28, 28), or float32 (n, 784) from 0 to 1."""
        return await self.run(images.nbytes // PIXELS_PER_BYTE, self._classify, images)

    async def explain(self, image: DigitImage, colors: bool) -> bytes:
        """Draw which pixels are evidence for 3 and for 7, as a PNG: in the thread, since it takes a millisecond."""
        return await self.run(IN_THREAD, explain, self.classifier.parameters, image.pixels, colors)

    def _read_all(self, images: Sequence[bytes], fit: bool, ink: Ink) -> list[DigitImage | Problem]:
        read: list[DigitImage | Problem] = []
        start = perf_counter()
        for data in images:
            try:
                read.append(read_digit(data, self.settings.max_image_pixels, fit, ink))
            except Problem as problem:
                read.append(problem)
        self.metrics.decode.observe(perf_counter() - start)
        return read

    def _classify(self, images: NDArray[Any]) -> Predictions:
        with self.metrics.forward.time():
            whole = images.dtype == np.uint8
            predictions = self.classifier.predict(images) if whole else self.classifier.predict_inputs(images)
        self.metrics.count(predictions)
        return predictions
