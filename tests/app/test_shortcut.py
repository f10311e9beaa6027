"""That the short way to `/predict` and FastAPI's route give the same answers."""

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
FORM = (
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n%s\r\n--b--\r\n' % SEVEN,
    {"Content-Type": "multipart/form-data; boundary=b"},
)


@pytest.fixture(scope="module")
def guarded() -> Iterator[httpx2.Client]:
    environment = {"THREE_OR_SEVEN_API_KEY": "s3cret"}
    with serve("--no-access-log", environment=environment) as server, httpx2.Client(base_url=server.url) as client:
        yield client


@pytest.mark.parametrize("fit", ["", "fit=false", "fit=true"])
@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (SEVEN, {"Content-Type": "image/png"}),
        (SEVEN, {"Content-Type": "image/png", "X-Request-ID": "mine"}),
        FORM,
        (PHOTO, {"Content-Type": "image/jpeg"}),
        (b"junk", {}),
        (b"", {}),
        (SEVEN[:90], {}),
        (b"x", {"Content-Type": "multipart/form-data; boundary=b"}),
        (b"x" * 13_000_000, {}),
    ],
)
@pytest.mark.parametrize("key", ["s3cret", "wrong", None])
def test_both_ways_answer_alike(
    guarded: httpx2.Client, fit: str, body: bytes, headers: dict[str, str], key: str | None
) -> None:
    if key:
        headers = headers | {"X-API-Key": key}
    short = guarded.post(f"/predict?{fit}", content=body, headers=headers)
    long = guarded.post(f"/predict?{fit}&long", content=body, headers=headers)
    assert short.status_code == long.status_code
    assert known(short) == known(long)
    varying = {"x-request-id", "date"} if "X-Request-ID" not in headers else {"date"}
    assert {name: value for name, value in short.headers.items() if name not in varying | {"content-length"}} == {
        name: value for name, value in long.headers.items() if name not in varying | {"content-length"}
    }


def test_a_fault_is_answered_alike_and_seen_by_other_origins(caplog: pytest.LogCaptureFixture) -> None:
    settings = Settings(cors_origins=["https://a.example"], access_log=False)
    service = Service(settings, load(DEFAULT_PATH))
    service.classifier.parameters = ()  # so that the forward pass fails
    client = TestClient(add_layers(create_api(service), service))
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
    return {name: value for name, value in json.loads(response.content).items() if name != "request_id"}
