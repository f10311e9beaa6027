"""That the short ways and FastAPI's routes give the same answers."""

import json
from collections.abc import Iterator

import httpx2
import pytest
from starlette.testclient import TestClient

from app.classifier.weights import DEFAULT_PATH, load
from app.main import add_layers, create_api
from app.service import Service
from app.settings import Settings
from tests.conftest import DATA
from tests.serving import serve

SEVEN = (DATA / "seven.png").read_bytes()
PHOTO = (DATA / "photo.jpg").read_bytes()


def form(field: str, *files: bytes) -> tuple[bytes, dict[str, str]]:
    """A form with these files, and its headers."""
    head = f'--b\r\nContent-Disposition: form-data; name="{field}"; filename="a"\r\n\r\n'.encode()
    return b"".join(head + file + b"\r\n" for file in files) + b"--b--", {
        "Content-Type": "multipart/form-data; boundary=b"
    }


@pytest.fixture(scope="module")
def guarded() -> Iterator[httpx2.Client]:
    environment = {"THREE_OR_SEVEN_API_KEY": "s3cret"}
    with serve("--no-access-log", environment=environment) as server, httpx2.Client(base_url=server.url) as client:
        yield client


ANY = [
    (b"junk", {}),
    (b"", {}),
    (b"x", {"Content-Type": "multipart/form-data; boundary=b"}),
]
IMAGES = [
    (b"x" * 13_000_000, {}),
    (SEVEN, {"Content-Type": "image/png"}),
    (SEVEN, {"Content-Type": "image/png", "X-Request-ID": "mine"}),
    form("file", SEVEN),
    (PHOTO, {"Content-Type": "image/jpeg"}),
    (SEVEN[:90], {}),
]
BATCHES = [
    form("files", SEVEN, b"junk", SEVEN),
    form("files", PHOTO),
    form("file", SEVEN),
    form("files", *65 * [SEVEN]),
]
TENSOR = b'{"inputs": [{"name": "image", "datatype": "UINT8", "shape": [1, 28, 28], %s}]}'
BINARY = TENSOR % b'"parameters": {"binary_data_size": 784}'
TENSORS = [
    (TENSOR % b'"data": [%s0]' % (b"0," * 783), {"Content-Type": "application/json"}),
    (BINARY + bytes(784), {"Inference-Header-Content-Length": str(len(BINARY))}),
    (BINARY + bytes(783), {"Inference-Header-Content-Length": str(len(BINARY))}),
    (BINARY + bytes(784), {"Inference-Header-Content-Length": "many"}),
]
INFER = "/v2/models/three-or-seven/infer"
FITS = ("", "fit=false", "fit=true")
REQUESTS = [
    (path, query, *request)
    for path, queries, requests in [
        ("/predict", FITS, IMAGES),
        ("/predict/batch", FITS, BATCHES),
        (INFER, [""], TENSORS),
        (INFER.replace("/infer", "/versions/1.0.0/infer"), [""], TENSORS),
    ]
    for query in queries
    for request in [*requests, *ANY]
]


@pytest.mark.parametrize(("path", "query", "body", "headers"), REQUESTS)
@pytest.mark.parametrize("key", ["s3cret", "wrong", None])
def test_both_ways_answer_alike(
    guarded: httpx2.Client, path: str, query: str, body: bytes, headers: dict[str, str], key: str | None
) -> None:
    if key:
        headers = headers | {"X-API-Key": key}
    short = guarded.post(f"{path}?{query}", content=body, headers=headers)
    long = guarded.post(f"{path}?{query}&long", content=body, headers=headers)
    assert short.status_code == long.status_code
    assert known(short) == known(long)
    varying = {"date", "content-length"} if "X-Request-ID" in headers else {"date", "content-length", "x-request-id"}
    assert {name: value for name, value in short.headers.items() if name not in varying} == {
        name: value for name, value in long.headers.items() if name not in varying
    }


def test_a_fault_is_answered_alike_and_seen_by_other_origins(caplog: pytest.LogCaptureFixture) -> None:
    settings = Settings(cors_origins=["https://a.example"], access_log=False)
    service = Service(settings, load(DEFAULT_PATH))
    client = TestClient(add_layers(create_api(service), service))
    service.classifier.parameters = ()  # so that the forward pass fails
    answers = [
        client.post(f"/predict{query}", content=SEVEN, headers={"Origin": "https://a.example"}) for query in ("", "?x")
    ]
    for answer in answers:
        assert answer.status_code == 500
        assert answer.headers["access-control-allow-origin"] == "https://a.example"
        assert f"Request {answer.headers['x-request-id']} failed" in caplog.text
    assert known(answers[0]) == known(answers[1])


def known(response: httpx2.Response) -> dict[str, object]:
    """The body, without what differs from request to request."""
    if response.headers["content-type"] == "application/octet-stream":
        return {"": response.content}
    document = json.loads(response.content)
    for part in [document, *(entry["problem"] or {} for entry in document.get("predictions", []))]:
        part.pop("request_id", None)
    return dict(document)
