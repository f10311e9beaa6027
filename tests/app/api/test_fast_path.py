"""The fast path and FastAPI's routes give the same responses."""

import httpx2
import pytest
from starlette.testclient import TestClient

from app.api.fast_path import FastPath
from app.classifier.weights import DEFAULT_PATH, load
from app.main import add_middleware, create_api
from app.service import Service
from app.settings import Settings
from tests.conftest import DATA, SEVEN

OPTIONS = ("--no-access-log", "--api-key", "s3cret")
TENSOR = b'{"inputs": [{"name": "image", "datatype": "UINT8", "shape": [1, 28, 28], "data": [%s0]}]}' % (b"0," * 783)
REQUESTS = {
    "/predict": [SEVEN, b"junk", b"", bytes(13_000_000)],
    "/predict?fit=true": [(DATA / "photo.jpg").read_bytes(), SEVEN[:90]],
    "/predict?fit=false": [SEVEN],
    "/predict/batch": [SEVEN],
    "/v2/models/three-or-seven/infer": [TENSOR, b"junk"],
    "/v2/models/three-or-seven/versions/1.1.0/infer": [TENSOR],
    "/v2/models/three-or-seven/versions/none/infer": [TENSOR],
}


@pytest.mark.parametrize(("path", "body"), [(path, body) for path, bodies in REQUESTS.items() for body in bodies])
@pytest.mark.parametrize("key", ["s3cret", "wrong"])
def test_same_response(server_client: httpx2.Client, path: str, body: bytes, key: str) -> None:
    headers = {"X-API-Key": key, "X-Request-ID": "mine"}
    fast = server_client.post(path, content=body, headers=headers)
    full = server_client.post(path + ("&" if "?" in path else "?") + "ink=auto", content=body, headers=headers)
    assert fast.status_code == full.status_code
    assert fast.content == full.content
    assert {**fast.headers, "date": ""} == {**full.headers, "date": ""}


def test_internal_error_has_cors_headers(caplog: pytest.LogCaptureFixture) -> None:
    service = Service(Settings(cors_origins=["https://a.example"], access_log=False), load(DEFAULT_PATH))
    client = TestClient(add_middleware(FastPath(create_api(service), service), service))
    service.classifier.parameters = ()  # so that the forward pass fails
    headers = {"Origin": "https://a.example", "X-Request-ID": "mine"}
    fast, full = (client.post(f"/predict{query}", content=SEVEN, headers=headers) for query in ("", "?ink=auto"))
    assert fast.status_code == full.status_code == 500
    assert fast.headers == full.headers
    assert fast.headers["access-control-allow-origin"] == "https://a.example"
    assert fast.content == full.content
    assert caplog.text.count("Request mine failed") == 2
