"""Request ids, headers, the access log and the metrics."""

import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import httpx2
import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from app import __version__
from app.classifier.weights import DEFAULT_PATH, load
from tests.conftest import SEVEN
from tests.serving import Server, serve, until


def test_request_id(client: httpx2.Client) -> None:
    for valid in ("abc-123", "0af7651916cd43dd8448eb211c80319c", "a" * 128):
        assert client.get("/livez", headers={"X-Request-ID": valid}).headers["x-request-id"] == valid
    for invalid in ("", "a b", '"', "a" * 129, "é"):
        answer = client.get("/livez", headers=[(b"X-Request-ID", invalid.encode())])
        assert re.fullmatch("[0-9a-f]{32}", answer.headers["x-request-id"])


PAGES = ("/", "/docs", "/model/card", "/readyz", "/static/docs.js", "/swagger-ui/swagger-ui-bundle.js", "/v2")


@pytest.mark.parametrize(
    ("path", "status"), [("/nowhere", 404), ("/predict", 405), ("/static/none", 404), *((page, 200) for page in PAGES)]
)
def test_security_headers(client: httpx2.Client, path: str, status: int) -> None:
    response = client.get(path)
    assert response.status_code == status
    headers = response.headers
    expected = {"x-content-type-options": "nosniff", "x-frame-options": "DENY", "referrer-policy": "no-referrer"}
    assert expected.items() <= dict(headers).items()
    [policy] = headers.get_list("content-security-policy")
    assert policy.startswith("default-src 'none'")
    assert "frame-ancestors 'none'" in policy


def figures(url: str) -> Callable[..., float]:
    """Read the metrics of a service; return a function that looks up a sample by its name and labels."""
    families = text_string_to_metric_families(httpx2.get(f"{url}/metrics").text)
    samples = [sample for family in families for sample in family.samples]
    return lambda name, **labels: next(each.value for each in samples if (each.name, each.labels) == (name, labels))


def test_metrics() -> None:
    with serve() as server, httpx2.Client(base_url=server.url) as client:
        answers = [client.post("/predict", content=SEVEN) for _ in range(3)]
        client.post("/predict", content=b"junk")
        client.get("/nowhere")
        client.get("/v2/models/some/ready")
        client.request("BREW", "/predict")
        assert client.get("/metrics").headers["content-type"].startswith("text/plain; version=")
        count = figures(server.url)
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
    info = {"version": __version__, "numpy_version": np.__version__, "weights_sha256": weights.sha256}
    assert count("three_or_seven_info", **info, model_version=weights.metadata.version) == 1


def access_log(server: Server) -> list[dict[str, Any]]:
    return [json.loads(line) for line in server.log if line.startswith("{")]


def test_access_log() -> None:
    paths = ["/%E2%80%A8%7B%7D", "/%C3%A9", "/%C2%9B31m", "/%00", "/" + "x" * 5000]
    with serve(environment={"PYTHONIOENCODING": "ascii"}) as server:
        httpx2.post(f"{server.url}/predict?fit=true", content=SEVEN, headers={"X-Request-ID": "mine"})
        httpx2.post(f"{server.url}/predict", content=bytes(20_000_000))
        for path in paths:
            httpx2.get(server.url + path)
    first, refused, *escaped = access_log(server)
    assert first.pop("milliseconds") > 0
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", first.pop("time"))
    expected = {"request_id": "mine", "client": "127.0.0.1", "method": "POST", "path": "/predict", "status": 200}
    assert first == expected
    assert refused["status"] == 413
    assert [(line["path"], line["status"]) for line in escaped] == [(unquote(path), 404) for path in paths]
    assert all(line.isascii() for line in server.log)
    for options, variables in ((["--no-access-log"], {}), ([], {"THREE_OR_SEVEN_ACCESS_LOG": "false"})):
        with serve(*options, environment=variables) as server:
            assert httpx2.get(f"{server.url}/livez").status_code == 200
        assert not access_log(server)


def test_client_disconnects() -> None:
    request = b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s" % (len(SEVEN), SEVEN)
    with serve() as server:
        for sent in (*range(0, len(request), len(request) // 100), *[len(request)] * 50):
            with server.connect() as connection:
                connection.sendall(request[:sent])
        until(lambda: figures(server.url)("http_requests_in_flight") == 1)  # the request for the metrics
        assert httpx2.post(f"{server.url}/predict", content=SEVEN).json()["digit"] == 7
    assert "Traceback" not in "".join(server.log)
    assert {line["status"] for line in access_log(server)} <= {200, 400}


def test_cors_origins(client: httpx2.Client) -> None:
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


@pytest.mark.parametrize("path", ["/", "/docs", "/livez", "/metrics", "/model", "/v2", "/static/page.js", "/none"])
def test_head(client: httpx2.Client, path: str) -> None:
    head, get = client.head(path), client.get(path)
    assert head.status_code == get.status_code
    assert head.headers["content-type"] == get.headers["content-type"]
    assert not head.content
    if path not in ("/static/page.js", "/none"):
        # A page's file is closed, and then the request is counted, after the response was sent.
        until(lambda: f'method="HEAD",route="{path}"' in client.get("/metrics").text)
    refused = client.head("/predict")
    assert (refused.status_code, refused.headers["allow"]) == (405, "POST")
