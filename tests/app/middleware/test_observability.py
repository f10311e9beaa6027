"""Request ids, headers, the access log and the figures for Prometheus."""

import json
import re
from collections.abc import Iterator
from urllib.parse import unquote

import httpx2
import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from app import __version__
from app.api.fast_path import add_fast_path
from app.classifier.weights import DEFAULT_PATH, load
from app.main import add_middleware, create_api
from app.service import Service
from app.settings import Settings
from tests.conftest import SEVEN
from tests.serving import Server, serve


@pytest.mark.parametrize("sane", ["abc-123", "0af7651916cd43dd8448eb211c80319c", "a" * 128])
def test_a_sane_request_id_comes_back(client: httpx2.Client, sane: str) -> None:
    assert client.get("/livez", headers={"X-Request-ID": sane}).headers["x-request-id"] == sane


@pytest.mark.parametrize("insane", ["", "a b", '"', "a" * 129, "é"])
def test_any_other_is_replaced(client: httpx2.Client, insane: str) -> None:
    answered = client.get("/livez", headers=[(b"X-Request-ID", insane.encode())]).headers["x-request-id"]
    assert re.fullmatch("[0-9a-f]{32}", answered)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 200),
        ("/docs", 200),
        ("/model/card", 200),
        ("/nowhere", 404),
        ("/predict", 405),
        ("/readyz", 200),
        ("/static/docs.js", 200),
        ("/static/none", 404),
        ("/swagger-ui/swagger-ui-bundle.js", 200),
        ("/v2", 200),
    ],
)
def test_every_response_has_the_headers_for_browsers(client: httpx2.Client, path: str, status: int) -> None:
    response = client.get(path)
    assert response.status_code == status
    headers = response.headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    policy = headers.get_list("content-security-policy")
    assert len(policy) == 1
    assert policy[0].startswith("default-src 'none'")
    assert "frame-ancestors 'none'" in policy[0]


@pytest.fixture
def server() -> Iterator[Server]:
    with serve() as server:
        yield server


def figures(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Every sample by its name and labels."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_requests_and_answers_are_counted(server: Server) -> None:
    url = server.url
    answers = [httpx2.post(f"{url}/predict", content=SEVEN) for _ in range(3)]
    httpx2.post(f"{url}/predict", content=b"junk")
    httpx2.get(f"{url}/nowhere")
    httpx2.get(f"{url}/v2/models/some/ready")
    httpx2.request("BREW", f"{url}/predict")
    response = httpx2.get(f"{url}/metrics")
    assert response.headers["content-type"].startswith("text/plain; version=")
    found = figures(response.text)

    def count(name: str, **labels: str) -> float:
        return found[name, frozenset(labels.items())]

    requests = "http_request_duration_seconds_count"
    assert count(requests, method="POST", route="/predict", status="200") == 3
    assert count(requests, method="POST", route="/predict", status="415") == 1
    assert count(requests, method="GET", route="none", status="404") == 1
    assert count(requests, method="GET", route="/v2/models/{model}/ready", status="404") == 1
    assert count("predictions_total", digit="7", confident="true") == 3
    assert count("predictions_total", digit="3", confident="false") == 0
    assert count("prediction_confidence_count") == 3
    confidence = sum(answer.json()["probabilities"]["7"] for answer in answers)
    assert count("prediction_confidence_sum") == pytest.approx(confidence, abs=1e-4)
    assert count("image_decode_seconds_count") == 4
    assert count("forward_seconds_count") == 3
    assert count("http_requests_in_flight") == 1  # this one
    weights = load(DEFAULT_PATH)
    assert (
        count(
            "three_or_seven_info",
            version=__version__,
            model_version=weights.metadata.version,
            weights_sha256=weights.sha256,
            numpy_version=np.__version__,
        )
        == 1
    )


def test_each_request_is_one_line_of_json(server: Server) -> None:
    httpx2.post(f"{server.url}/predict?fit=true", content=SEVEN, headers={"X-Request-ID": "mine"})
    httpx2.get(f"{server.url}/nowhere")
    httpx2.post(f"{server.url}/predict", content=bytes(20_000_000))
    server.stop()
    lines = [json.loads(line) for line in server.log if line.startswith("{")]
    first, second, refused = lines
    assert first.pop("milliseconds") > 0
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", first.pop("time"))
    assert first == {"request_id": "mine", "client": "127.0.0.1", "method": "POST", "path": "/predict", "status": 200}
    assert (second["path"], second["status"]) == ("/nowhere", 404)
    assert refused["status"] == 413


def test_no_path_breaks_a_line_or_speaks_to_a_terminal() -> None:
    with serve(environment={"PYTHONIOENCODING": "ascii"}) as server:
        paths = ["/%E2%80%A8%7B%7D", "/%C3%A9", "/%C2%9B31m", "/%00", "/" + "x" * 5000]
        for path in paths:
            httpx2.get(server.url + path)
        server.stop()
        lines = [json.loads(line) for line in server.log if line.startswith("{")]
        assert [line["path"] for line in lines] == [unquote(path) for path in paths]
        assert all(line.isascii() for line in server.log)


def test_the_access_log_can_be_turned_off() -> None:
    with serve("--no-access-log") as server:
        assert httpx2.get(f"{server.url}/livez").status_code == 200
        server.stop()
        assert not [line for line in server.log if line.startswith("{")]


def test_pages_from_elsewhere_may_call_only_if_the_settings_say_so(client: httpx2.Client) -> None:
    asked = {"Origin": "https://a.example", "Access-Control-Request-Method": "POST"}
    assert client.options("/predict", headers=asked).status_code == 405
    with serve("--cors-origins", "https://a.example, https://b.example/") as server:
        for origin in ("https://a.example", "https://b.example"):
            preflight = httpx2.options(f"{server.url}/predict", headers=asked | {"Origin": origin})
            assert preflight.status_code == 200
            assert preflight.headers["access-control-allow-origin"] == origin
            answer = httpx2.post(f"{server.url}/predict", content=SEVEN, headers={"Origin": origin})
            assert answer.headers["access-control-allow-origin"] == origin
            exposed = set(answer.headers["access-control-expose-headers"].split(", "))
            assert exposed >= {"Retry-After", "Inference-Header-Content-Length", "X-Request-ID"}
        for header in ("X-API-Key", "X-Request-ID", "Inference-Header-Content-Length"):
            wanted = asked | {"Access-Control-Request-Headers": header.lower()}
            assert httpx2.options(f"{server.url}/predict", headers=wanted).status_code == 200
        preflight = httpx2.options(f"{server.url}/predict", headers=asked | {"Origin": "https://c.example"})
        assert preflight.status_code == 400
        assert "access-control-allow-origin" not in preflight.headers


def test_a_fault_of_the_service_is_logged_and_not_shown(caplog: pytest.LogCaptureFixture) -> None:
    service = Service(Settings(), load(DEFAULT_PATH))
    app = create_api(service)

    @app.get("/fail")
    async def fail() -> None:
        raise RuntimeError("secret")

    response = TestClient(add_middleware(add_fast_path(app, service), service)).get("/fail")
    assert response.status_code == 500
    assert "secret" not in response.text
    assert response.headers["x-content-type-options"] == "nosniff"
    assert f"Request {response.headers['x-request-id']} failed" in caplog.text
    assert "RuntimeError: secret" in caplog.text


@pytest.mark.parametrize("path", ["/", "/docs", "/livez", "/metrics", "/model", "/v2", "/static/page.js", "/none"])
def test_head_is_answered_as_get_without_the_body(client: httpx2.Client, path: str) -> None:
    head, get = client.head(path), client.get(path)
    assert head.status_code == get.status_code
    assert head.headers["content-type"] == get.headers["content-type"]
    assert not head.content
    if path not in ("/static/page.js", "/none"):
        assert f'method="HEAD",route="{path}"' in client.get("/metrics").text


def test_head_of_what_takes_an_image_is_refused(client: httpx2.Client) -> None:
    response = client.head("/predict")
    assert (response.status_code, response.headers["allow"]) == (405, "POST")
