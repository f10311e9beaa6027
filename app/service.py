"""The use cases, independent of HTTP: read an image, classify, explain a prediction."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import TypeVar, TypeVarTuple

import numpy as np
from numpy.typing import NDArray

from app.batching import ENOUGH, Microbatch
from app.classifier import Classifier, Prediction, Predictions, to_input
from app.classifier.pixels import IMAGE_SHAPE, PIXELS
from app.classifier.weights import Weights
from app.errors import Problem
from app.explanation import explain
from app.metrics import Metrics
from app.preprocessing.decode import DigitImage, read_digit
from app.preprocessing.polarity import Ink
from app.settings import Settings

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

INLINE_BYTES = 4 * 1024
"""Maximum number of bytes that are processed in the event loop, which takes less than a millisecond.

All other work runs in the thread: larger uploads, every image to be fitted, since a small file may hold a large image,
and explanations. Usual files of 28 x 28 pixels are smaller than this, and the JSON of one image as UINT8."""

INLINE_TENSOR_BYTES = ENOUGH * PIXELS
"""Maximum size of a binary tensor that is processed in the event loop: as many images as share a forward pass."""


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
        self._microbatch = Microbatch(lambda images: self.classify(to_input(images)))
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="slow")

    async def in_thread(self, function: Callable[[*Ts], T], *args: *Ts) -> T:
        """Call a function in the thread for long tasks, after those that wait already."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *args)

    def read(self, data: bytes, fit: bool, ink: Ink) -> DigitImage:
        """Decode an image. Raises the same errors as `read_digit`."""
        start = perf_counter()
        try:
            return read_digit(data, self.settings.max_image_pixels, fit, ink)
        finally:  # `decode.time()` takes twice as long as `observe`
            self.metrics.decode.observe(perf_counter() - start)

    def classify(self, inputs: NDArray[np.float32]) -> Predictions:
        """Classify inputs of the network, float32 (n, 784) from 0 to 1."""
        with self.metrics.forward.time():
            predictions = self.classifier.predict_inputs(inputs)
        self.metrics.count(predictions)
        return predictions

    async def classify_one(self, image: DigitImage) -> Prediction:
        """Classify an image, in a forward pass that concurrent requests share."""
        return await self._microbatch.classify(image.pixels)

    def read_and_classify(
        self, files: Sequence[bytes], fit: bool, ink: Ink
    ) -> list[tuple[DigitImage, Prediction] | Problem]:
        """Decode and classify the images of a batch. In place of an invalid image, return the error of `read_digit`."""
        with self.metrics.decode.time():
            images = [self._read_or_problem(data, fit, ink) for data in files]
        pixels = [image.pixels for image in images if isinstance(image, DigitImage)]
        predictions = self.classify(to_input(np.array(pixels, np.uint8).reshape(-1, *IMAGE_SHAPE))).each()
        return [image if isinstance(image, Problem) else (image, next(predictions)) for image in images]

    def explain(self, data: bytes, fit: bool, ink: Ink, colors: bool) -> bytes:
        """Draw which pixels of an image are evidence for 3 and for 7, as a PNG. Raises the same errors as `read`."""
        return explain(self.classifier.parameters, self.read(data, fit, ink).pixels, colors)

    def _read_or_problem(self, data: bytes, fit: bool, ink: Ink) -> DigitImage | Problem:
        try:
            return read_digit(data, self.settings.max_image_pixels, fit, ink)
        except Problem as problem:
            return problem
