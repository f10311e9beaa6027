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

CALLBACKS_OF_A_HEAD = ("on_message_begin", "on_url", "on_header", "on_headers_complete")


def new_parser(protocol: object) -> httptools.HttpRequestParser:
    """A parser that calls the protocol back, as lenient as uvicorn's."""
    parser = httptools.HttpRequestParser(protocol)
    parser.set_dangerous_leniencies(lenient_data_after_close=True)
    return parser


def read_on(protocol: object, headers: Iterable[tuple[bytes, bytes]]) -> httptools.HttpRequestParser:
    """A parser for what follows this head, names in lower case: its body, then other requests."""
    rest = _Rest(protocol)
    parser = new_parser(rest)
    framing = b"".join(b"%s: %s\r\n" % header for header in headers if header[0] in FRAMING)
    parser.feed_data(b"POST / HTTP/1.1\r\n%s\r\n" % framing)
    rest.head_known = False
    return parser


class _Rest:
    """Passes all callbacks on, but those of a head that the protocol knows already."""

    def __init__(self, protocol: Any) -> None:
        self.head_known = True
        for name in CALLBACKS_OF_A_HEAD:
            setattr(self, name, partial(self._of_a_head, getattr(protocol, name)))
        self.on_body = protocol.on_body
        self.on_message_complete = protocol.on_message_complete

    def _of_a_head(self, callback: Callable[..., None], *arguments: bytes) -> None:
        if not self.head_known:
            callback(*arguments)
