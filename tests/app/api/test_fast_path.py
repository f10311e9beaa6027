"""The fast path and FastAPI's routes give the same responses."""

import asyncio
import re

import httpx2
import pytest
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from app.api.fast_path import FastPath
from app.classifier.weights import DEFAULT_PATH, load
from app.main import add_middleware, create_api
from app.service import Service
from app.settings import Settings
from tests.conftest import DATA, SEVEN

OPTIONS = ("--no-access-log", "--api-key", "s3cret")
WEIGHTS = load(DEFAULT_PATH)
TENSOR = b'{"inputs": [{"name": "image", "datatype": "UINT8", "shape": [1, 28, 28], "data": [%s0]}]}' % (b"0," * 783)
REQUESTS = {
    "/predict": {SEVEN: 200, b"junk": 415, b"": 422, bytes(13_000_000): 413},
    "/predict?fit=true": {(DATA / "photo.jpg").read_bytes(): 200, SEVEN[:90]: 422},
    "/predict?fit=false": {SEVEN: 200},
    "/predict/batch": {SEVEN: 422},
    "/v2/models/three-or-seven/infer": {TENSOR: 200, b"junk": 400},
    f"/v2/models/three-or-seven/versions/{WEIGHTS.metadata.version}/infer": {TENSOR: 200},
    "/v2/models/three-or-seven/versions/none/infer": {TENSOR: 404},
}
"""For each path, the bodies that are sent and the status of their responses."""


@pytest.mark.parametrize(
    ("path", "body", "status"), [(path, *sent) for path, bodies in REQUESTS.items() for sent in bodies.items()]
)
@pytest.mark.parametrize("key", ["s3cret", "wrong"])
def test_same_response(server_client: httpx2.Client, path: str, body: bytes, status: int, key: str) -> None:
    headers = {"X-API-Key": key, "X-Request-ID": "mine"}
    fast = server_client.post(path, content=body, headers=headers)
    full = server_client.post(path + ("&" if "?" in path else "?") + "ink=auto", content=body, headers=headers)
    assert fast.status_code == full.status_code == (status if key == "s3cret" else 401)
    assert fast.content == full.content
    assert {**fast.headers, "date": ""} == {**full.headers, "date": ""}


def test_concurrent_requests_share_forward_passes_without_fastapi() -> None:
    async def unused(scope: Scope, receive: Receive, send: Send) -> None:
        raise AssertionError(scope["path"])

    service = Service(Settings(access_log=False), WEIGHTS)
    transport = httpx2.ASGITransport(add_middleware(FastPath(unused, service), service))

    async def ask(count: int) -> list[httpx2.Response]:
        async with httpx2.AsyncClient(transport=transport, base_url="http://x") as client:
            return await asyncio.gather(*(client.post("/predict", content=SEVEN) for _ in range(count)))

    answers = asyncio.run(ask(20))
    assert [answer.json()["digit"] for answer in answers] == [7] * 20
    passes = re.search(rb"^forward_seconds_count (\S+)$", service.metrics.exposition(), re.MULTILINE)
    assert passes is not None
    assert float(passes[1]) < 20


def test_internal_error_has_cors_headers(caplog: pytest.LogCaptureFixture) -> None:
    service = Service(Settings(cors_origins=["https://a.example"], access_log=False), WEIGHTS)
    client = TestClient(add_middleware(FastPath(create_api(service), service), service))
    service.classifier.parameters = ()  # so that the forward pass fails
    headers = {"Origin": "https://a.example", "X-Request-ID": "mine"}
    fast, full = (client.post(f"/predict{query}", content=SEVEN, headers=headers) for query in ("", "?ink=auto"))
    assert fast.status_code == full.status_code == 500
    assert fast.headers == full.headers
    assert fast.headers["access-control-allow-origin"] == "https://a.example"
    assert fast.content == full.content
    assert caplog.text.count("Request mine failed") == 2
