"""Tracing with OpenTelemetry: each request is a span, which is sent to a collector. It needs the extra `otel`."""

import os
from logging import getLogger

from starlette.types import ASGIApp, Receive, Scope, Send

from app import __version__

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
"""Environment variable: the URL of the collector. The SDK reads other OTEL_ variables too."""


def add_tracing(app: ASGIApp) -> ASGIApp:
    """Add tracing if the URL of the collector is set.

    Otherwise import nothing, and return the application unchanged; also, with a warning, if the extra is not installed.
    """
    if not os.environ.get(ENDPOINT):
        return app
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import OTELResourceDetector, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from starlette.middleware.opentelemetry import OpenTelemetryMiddleware
    except ImportError:
        message = "%s is set, but nothing is traced: install the extra `otel` or unset it."
        getLogger("uvicorn.error").warning(message, ENDPOINT)
        return app
    resource = Resource.create({"service.name": "three-or-seven", "service.version": __version__})
    provider = TracerProvider(resource=resource.merge(OTELResourceDetector().detect()))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    traced = OpenTelemetryMiddleware(app, tracer_provider=provider)

    async def traced_until_shutdown(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await traced(scope, receive, send)
        finally:
            if scope["type"] == "lifespan":
                provider.shutdown()  # sends the last spans

    return traced_until_shutdown
