"""Dynamic batching."""

import asyncio

import numpy as np
import pytest
from numpy.typing import NDArray

from app.batching import ENOUGH, Microbatch
from app.classifier import Classifier, Predictions
from model_training.images.mnist import Digits


def test_concurrent_requests_share_one_pass(classifier: Classifier, digits: Digits) -> None:
    images = digits.images[:40]
    sizes = []

    def classify(batch: NDArray[np.uint8]) -> Predictions:
        sizes.append(len(batch))
        return classifier.predict(batch)

    async def ask() -> None:
        microbatch = Microbatch(classify)
        answers = await asyncio.gather(*map(microbatch.classify, images))
        for image, answer in zip(images, answers, strict=True):
            [alone] = classifier.predict(image[None]).each()
            assert (answer.digit, answer.confident) == (alone.digit, alone.confident)
            assert answer.probabilities == pytest.approx(alone.probabilities, abs=1e-6)
        assert await microbatch.classify(images[0]) == next(classifier.predict(images[:1]).each())

    asyncio.run(ask())
    assert sizes == [40, 1]


def test_steady_stream_does_not_delay_the_first_request(classifier: Classifier, digits: Digits) -> None:
    async def ask() -> None:
        microbatch = Microbatch(classifier.predict)
        requests = [asyncio.ensure_future(microbatch.classify(digits.images[0]))]
        while not requests[0].done():
            await asyncio.sleep(0)
            requests.append(asyncio.ensure_future(microbatch.classify(digits.images[0])))
        assert len(requests) < 2 * ENOUGH
        await asyncio.gather(*requests)

    asyncio.run(ask())


def test_cancelled_request_does_not_affect_the_others(classifier: Classifier, digits: Digits) -> None:
    async def ask() -> None:
        microbatch = Microbatch(classifier.predict)
        tasks = [asyncio.ensure_future(microbatch.classify(image)) for image in digits.images[:3]]
        await asyncio.sleep(0)
        tasks[1].cancel()
        first, second, third = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(second, asyncio.CancelledError)
        expected = [prediction.digit for prediction in classifier.predict(digits.images[:3]).each()]
        assert [first.digit, third.digit] == [expected[0], expected[2]]  # type: ignore[union-attr]

    asyncio.run(ask())


def test_error_is_raised_in_every_request(digits: Digits) -> None:
    def fail(_: NDArray[np.uint8]) -> Predictions:
        raise MemoryError

    async def ask() -> None:
        microbatch = Microbatch(fail)
        answers = await asyncio.gather(*map(microbatch.classify, digits.images[:3]), return_exceptions=True)
        assert [type(answer) for answer in answers] == [MemoryError] * 3

    asyncio.run(ask())
