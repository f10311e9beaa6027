"""The way of requests through FastAPI and the image routes."""

import asyncio
import re

import httpx2
import pytest
from fastapi.routing import APIRoute
from starlette.testclient import TestClient

from app.api.routing import ImageRoute
from app.api.uploads import ExplainOptions, Options, parse_options
from app.classifier.weights import DEFAULT_PATH, load
from app.main import add_middleware, create_api
from app.service import Service
from app.settings import Settings
from tests.conftest import SEVEN

WEIGHTS = load(DEFAULT_PATH)


def test_concurrent_requests_share_forward_passes() -> None:
    service = Service(Settings(access_log=False), WEIGHTS)
    transport = httpx2.ASGITransport(add_middleware(create_api(service), service))

    async def ask(count: int) -> list[httpx2.Response]:
        async with httpx2.AsyncClient(transport=transport, base_url="http://x") as client:
            return await asyncio.gather(*(client.post("/predict", content=SEVEN) for _ in range(count)))

    answers = asyncio.run(ask(20))
    assert [answer.json()["digit"] for answer in answers] == [7] * 20
    passes = re.search(rb"^forward_seconds_count (\S+)$", service.metrics.exposition(), re.MULTILINE)
    assert passes is not None
    assert float(passes[1]) < 20


@pytest.mark.parametrize("path", ["/predict", "/livez/fails"])
def test_internal_error_has_cors_headers(caplog: pytest.LogCaptureFixture, path: str) -> None:
    service = Service(Settings(cors_origins=["https://a.example"], access_log=False), WEIGHTS)
    api = create_api(service)

    @api.post("/livez/fails")
    async def fails() -> None:
        raise IndexError

    client = TestClient(add_middleware(api, service))
    service.classifier.parameters = ()  # so that the forward pass fails
    response = client.post(path, content=SEVEN, headers={"Origin": "https://a.example", "X-Request-ID": "mine"})
    assert response.status_code == 500
    assert response.json()["type"] == "/problems/internal"
    assert response.headers["access-control-allow-origin"] == "https://a.example"
    assert response.headers["x-request-id"] == "mine"
    assert caplog.text.count("Request mine failed") == 1
    assert "IndexError" in caplog.text


def test_every_route_that_reads_a_body_is_an_image_route() -> None:
    """FastAPI would read a body without `app.api.uploads`."""
    api = create_api(Service(Settings(), WEIGHTS))
    posts = [route for route in api.routes if isinstance(route, APIRoute) and route.methods == {"POST"}]
    assert len(posts) == 5
    assert all(isinstance(route, ImageRoute) for route in posts)


def test_query_strings_are_parsed_once() -> None:
    assert parse_options(Options, b"fit=yes&ink=dark") is parse_options(Options, b"fit=yes&ink=dark")
    assert parse_options(ExplainOptions, b"colors=0") == ExplainOptions(colors=False)
    assert parse_options(Options, b"f%69t=1") == Options(fit=True)
