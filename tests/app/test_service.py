import asyncio
import threading
from typing import Any

import pytest
from PIL import Image

from app.api.openapi import sample
from app.classifier.weights import DEFAULT_PATH, load
from app.service import INLINE_BYTES, Service
from app.settings import Settings
from tests.conftest import encode


def test_fit_and_explanation_run_in_the_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    file = encode(Image.new("1", (3000, 3000)))
    assert len(file) < INLINE_BYTES
    threads = set()

    def record(*_: Any) -> Any:
        threads.add(threading.current_thread().name)
        return sample()

    monkeypatch.setattr("app.service.read_digit", record)
    monkeypatch.setattr("app.service.explain", record)
    service = Service(Settings(), load(DEFAULT_PATH))
    asyncio.run(service.read_all([file], fit=True))
    asyncio.run(service.explain(sample(), colors=True))
    assert threads == {"slow_0"}
