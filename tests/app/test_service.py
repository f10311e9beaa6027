import asyncio
import threading
from typing import Any

import httpx2
import pytest
from PIL import Image

from app.api.openapi import sample
from app.classifier.weights import DEFAULT_PATH, load
from app.main import add_middleware, create_api
from app.service import INLINE_BYTES, Service
from app.settings import Settings
from tests.conftest import SEVEN, encode


@pytest.mark.parametrize(
    ("path", "content", "thread"),
    [
        ("/predict", SEVEN, "MainThread"),
        ("/predict", SEVEN + bytes(INLINE_BYTES), "slow_0"),
        ("/predict?fit=true", encode(Image.new("1", (3000, 3000))), "slow_0"),
        ("/explain", SEVEN, "slow_0"),
    ],
)
def test_long_work_runs_in_the_thread(monkeypatch: pytest.MonkeyPatch, path: str, content: bytes, thread: str) -> None:
    threads = set()

    def record(*_: Any) -> Any:
        threads.add(threading.current_thread().name)
        return sample()

    monkeypatch.setattr("app.service.read_digit", record)
    service = Service(Settings(access_log=False), load(DEFAULT_PATH))
    transport = httpx2.ASGITransport(add_middleware(create_api(service), service))

    async def send() -> httpx2.Response:
        async with httpx2.AsyncClient(transport=transport, base_url="http://x") as client:
            return await client.post(path, content=content)

    assert asyncio.run(send()).status_code == 200
    assert threads == {thread}
