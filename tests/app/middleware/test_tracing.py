"""Traces, as an OpenTelemetry collector receives them over OTLP."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx2
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from starlette.applications import Starlette

from app.middleware.tracing import ENDPOINT, add_tracing
from tests.conftest import ROOT, SEVEN
from tests.serving import serve

NAME = "service.name=mine"
STATUS = "http.response.status_code"
TRACE_ID = "0af7651916cd43dd8448eb211c80319c"


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:  # name required by http.server
        received = self.path, self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append(received)  # type: ignore[attr-defined]
        self.send_response(200)
        self.end_headers()


@pytest.fixture
def collector() -> Iterator[Any]:
    """Run an HTTP server that stores what is exported to it."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as collector:
        collector.received = []  # type: ignore[attr-defined]
        thread = threading.Thread(target=collector.serve_forever)
        thread.start()
        yield collector
        collector.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("workers", "name"), [("1", {}), ("2", {"OTEL_SERVICE_NAME": "mine"}), ("1", {"OTEL_RESOURCE_ATTRIBUTES": NAME})]
)
def test_spans(collector: Any, workers: str, name: dict[str, str]) -> None:
    environment = {ENDPOINT: f"http://127.0.0.1:{collector.server_port}"} | name
    with serve("--workers", workers, environment=environment) as server, httpx2.Client(base_url=server.url) as client:
        client.post("/predict", content=SEVEN, headers={"traceparent": f"00-{TRACE_ID}-b7ad6b7169203331-01"})
        client.post("/predict?fit=perhaps", content=SEVEN)
        client.get("/livez")
        assert server.stop() == 0  # the last spans are sent at shutdown
    assert {path for path, _ in collector.received} == {"/v1/traces"}
    requests = [ExportTraceServiceRequest.FromString(body) for _, body in collector.received]
    exported = [part for request in requests for part in request.resource_spans]
    assert {values(part.resource.attributes)["service.name"] for part in exported} == {
        "mine" if name else "three-or-seven"
    }
    spans = [span for part in exported for scope in part.scope_spans for span in scope.spans]
    described = [(span.name, *map(values(span.attributes).get, ("http.route", STATUS))) for span in spans]
    assert sorted(described) == [
        ("GET /livez", "/livez", 200),
        ("POST /predict", "/predict", 200),
        ("POST /predict", "/predict", 422),
    ]
    assert TRACE_ID in {span.trace_id.hex() for span in spans}  # the client's trace is continued


def test_sdk_is_not_imported_without_an_endpoint() -> None:
    code = "import sys, app.main; app.main.create_app(); sys.exit('opentelemetry.sdk' in sys.modules)"
    environment = {name: value for name, value in os.environ.items() if name != ENDPOINT}
    subprocess.run([sys.executable, "-c", code], env=environment, cwd=ROOT, check=True)


def test_warning_without_the_packages(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setenv(ENDPOINT, "http://127.0.0.1:4318")
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    app = Starlette()
    assert add_tracing(app) is app
    message = f"{ENDPOINT} is set, but nothing is traced: install the extra `otel` or unset it."
    assert caplog.messages == [message]


def values(attributes: Iterable[KeyValue]) -> dict[str, object]:
    return {item.key: item.value.string_value or item.value.int_value for item in attributes}
