"""Where the work is done: what may take long, in the thread."""

import asyncio
import threading
from collections.abc import Sequence

import pytest
from PIL import Image

from app.api.openapi import sample
from app.classifier.weights import DEFAULT_PATH, load
from app.errors import Problem
from app.preprocessing.decode import DigitImage
from app.service import INLINE_BYTES, Service
from app.settings import Settings
from tests.conftest import encode


class Watched(Service):
    """Notes in which threads it decodes."""

    threads: set[int]

    def _read_all(self, images: Sequence[bytes], fit: bool) -> list[DigitImage | Problem]:
        self.threads.add(threading.get_ident())
        return super()._read_all(images, fit)


def test_a_large_image_in_a_small_file_is_fitted_in_the_thread() -> None:
    file = encode(Image.new("1", (3000, 3000)))
    assert len(file) < INLINE_BYTES
    service = Watched(Settings(), load(DEFAULT_PATH))
    service.threads = set()
    [problem] = asyncio.run(service.read_all([file], fit=True))
    assert isinstance(problem, Problem)  # it is blank
    assert service.threads
    assert threading.get_ident() not in service.threads


def test_an_explanation_is_drawn_in_the_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.service.explain", lambda *_: threading.current_thread().name.encode())
    service = Service(Settings(), load(DEFAULT_PATH))
    assert asyncio.run(service.explain(sample(), colors=True)).startswith(b"slow")
