"""Request ids, security headers, the access log and the metrics of requests."""

import re
import time
from asyncio import CancelledError
from random import randbytes

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import Overloaded
from app.metrics import Metrics
from app.middleware.access_log import AccessLog
from app.problem_details import refuse

REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")
"""Pattern of the request ids that are accepted from clients. They need no quoting in log lines and headers."""

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""Methods with a label of their own. All others share one, which bounds the cardinality of the metrics."""

SECURITY_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
)
"""Headers for browsers, on every response of the application."""

POLICY = b"content-security-policy"
"""Header that pages set themselves. All other responses get a policy that loads nothing."""


class Observability:
    """Gives each request an id, logs and measures it, and adds headers to its response.

    The id is the client's X-Request-ID if that is valid, or else random.

    FastAPI raises internal errors again after its response. They are raised to the server only if the response is
    incomplete.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, access_log: bool) -> None:
        self._app = app
        self._metrics = metrics
        self._access_log = AccessLog() if access_log else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        start = time.perf_counter()
        sent = dict(scope["headers"]).get(b"x-request-id", b"").decode("latin-1")
        request_id = sent if REQUEST_ID.fullmatch(sent) else randbytes(16).hex()  # noqa: S311  # no secret
        scope.setdefault("state", {})["request_id"] = request_id
        status, complete = 0, False

        async def send_observed(message: Message) -> None:
            nonlocal status, complete
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = [*message["headers"], *SECURITY_HEADERS, (b"x-request-id", request_id.encode())]
                if POLICY not in dict(message["headers"]):
                    headers.append((POLICY, b"default-src 'none'; frame-ancestors 'none'"))
                if "draining" in scope["state"]:  # set by `app.server.drain`
                    headers.append((b"connection", b"close"))
                message["headers"] = headers
            else:
                complete = not message.get("more_body", False)
            await send(message)

        self._metrics.in_flight.inc()
        try:
            await self._app(scope, receive, send_observed)
        except CancelledError:  # by the server, at the end of `graceful_shutdown_seconds`
            if status:
                raise  # the response has begun
            problem = Overloaded("The service is shutting down. Send the request again.")
            await refuse(problem, scope, receive, send_observed)
        except Exception:
            if not complete:  # so that the server closes the connection; the client would wait for the rest
                raise
        finally:
            self._metrics.in_flight.dec()
            self._note(scope, request_id, status, time.perf_counter() - start)

    def _note(self, scope: Scope, request_id: str, status: int, seconds: float) -> None:
        method = scope["method"] if scope["method"] in METHODS else "other"
        route = getattr(scope.get("route"), "path", "none")
        self._metrics.request(method, route, status).observe(seconds)
        if self._access_log:
            self._access_log.write(
                request_id=request_id,
                client=(scope.get("client") or [None])[0],
                method=scope["method"],
                path=scope["path"],
                status=status,
                milliseconds=round(seconds * 1000, 3),
            )
