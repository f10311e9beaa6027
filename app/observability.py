"""What is known of every request afterwards: its id, a line in the log, its part in the metrics."""

import json
import re
import time
import uuid
from datetime import UTC, datetime
from logging import INFO, getLogger

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.metrics import Metrics
from app.problems import refuse

SANE_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")
"""A caller's id is taken over if it fits in a log line and a header without quoting."""

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""Others are counted together: whoever makes methods up must not fill the memory with their figures."""

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
"""For browsers. Pages have a content security policy of their own, and it stays."""

access_log = getLogger("app.access")
logger = getLogger("uvicorn.error")


class Observability:
    """Gives every request an id, the caller's X-Request-ID if it is sane, and takes note of what became of it.

    It is the outermost layer: a fault in any other ends here, as a problem for the client and a trace in the log.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        start = time.perf_counter()
        wanted = Headers(scope=scope).get("x-request-id", "")
        request_id = wanted if SANE_REQUEST_ID.fullmatch(wanted) else uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        status = 0

        async def send_observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = request_id
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        with self._metrics.in_flight.track_inprogress():
            try:
                await self._app(scope, receive, send_observed)
            except Exception as error:
                logger.exception("Request %s failed", request_id)
                if status:
                    raise
                await refuse(error, scope, receive, send_observed)
            finally:
                self._note(scope, request_id, status, time.perf_counter() - start)

    def _note(self, scope: Scope, request_id: str, status: int, seconds: float) -> None:
        method = scope["method"] if scope["method"] in METHODS else "other"
        route = getattr(scope.get("route"), "path", "none")
        self._metrics.requests.labels(method, route, str(status)).observe(seconds)
        if access_log.isEnabledFor(INFO):
            client = scope.get("client")
            line = {
                "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
                "request_id": request_id,
                "client": client[0] if client else None,
                "method": scope["method"],
                "path": scope["path"],
                "status": status,
                "milliseconds": round(seconds * 1000, 3),
            }
            access_log.info(json.dumps(line))
