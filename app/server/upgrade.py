"""Declines offers to go on in another protocol, such as HTTP/2: clients of Java make one with each first request.

The parser stops after the head of such a request, since what follows might be the other protocol. Here it never is
(RFC 9110, section 7.8: an offer may be ignored), and another parser reads on where it stopped. uvicorn alone would take
the body for the next request.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import httptools

FRAMING = frozenset({b"content-length", b"transfer-encoding"})
"""The headers that say where the body ends"""


def read_on(protocol: object, headers: Iterable[tuple[bytes, bytes]]) -> tuple[httptools.HttpRequestParser, bytes]:
    """A parser for what follows this head, names in lower case: its body, then other requests.

    Beside it what must be fed to it first, when it has taken the other one's place.
    """
    parser = httptools.HttpRequestParser(_Rest(protocol))
    parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn's
    framing = b"".join(b"%s: %s\r\n" % header for header in headers if header[0] in FRAMING)
    return parser, b"POST / HTTP/1.1\r\n%s\r\n" % framing


class _Rest:
    """Passes all callbacks on, but those of the first head, which the protocol knows already."""

    def __init__(self, protocol: Any) -> None:
        self._protocol = protocol
        self._head_known = True
        for name in ("on_message_begin", "on_url", "on_header"):
            setattr(self, name, partial(self._of_a_head, getattr(protocol, name)))
        self.on_body = protocol.on_body
        self.on_message_complete = protocol.on_message_complete

    def on_headers_complete(self) -> None:
        self._of_a_head(self._protocol.on_headers_complete)
        self._head_known = False

    def _of_a_head(self, callback: Callable[..., None], *arguments: bytes) -> None:
        if not self._head_known:
            callback(*arguments)
