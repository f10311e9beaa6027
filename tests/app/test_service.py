import asyncio
import threading
from typing import Any

import pytest
from PIL import Image

from app.api.openapi import sample
from app.classifier.weights import DEFAULT_PATH, load
from app.errors import Problem
from app.preprocessing.decode import read_digit
from app.service import INLINE_BYTES, Service
from app.settings import Settings
from tests.conftest import encode


def test_fit_runs_in_the_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    file = encode(Image.new("1", (3000, 3000)))
    assert len(file) < INLINE_BYTES
    threads = set()

    def watched(*args: Any) -> Any:
        threads.add(threading.get_ident())
        return read_digit(*args)

    monkeypatch.setattr("app.service.read_digit", watched)
    [problem] = asyncio.run(Service(Settings(), load(DEFAULT_PATH)).read_all([file], fit=True))
    assert isinstance(problem, Problem)  # it is blank
    assert threads
    assert threading.get_ident() not in threads


def test_explanation_runs_in_the_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.service.explain", lambda *_: threading.current_thread().name.encode())
    service = Service(Settings(), load(DEFAULT_PATH))
    assert asyncio.run(service.explain(sample(), colors=True)).startswith(b"slow")
