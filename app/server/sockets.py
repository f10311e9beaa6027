"""The sockets on which the service listens."""

import contextlib
import ctypes
import os
import socket
import struct
import sys
from collections.abc import Sequence
from logging import getLogger

logger = getLogger("uvicorn.error")


def listen(host: str, port: int, backlog: int) -> socket.socket:
    """Open a socket; who comes before the server is ready waits in its queue. Ends the process if that cannot be."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        sock = socket.create_server((host, port), family=family, backlog=backlog)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
        sys.exit(f"Cannot listen on {host}, port {port}: {reason}.")
    # Connections inherit it. asyncio would set it only where the protocol is named, and a small answer would wait
    # 40 ms for the client's delayed acknowledgement of its head.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def let_nobody_in(sock: socket.socket) -> None:
    """Drop packets that ask for a connection: whoever was let in after the last look into the queue would be reset.

    Who sent one asks again a second later, and is refused, or let in by a successor. Linux alone can do this.
    """
    if sys.platform != "linux":
        return
    program = b"".join(
        struct.pack("=HBBI", *instruction)
        for instruction in (
            (0x30, 0, 0, 13),  # load the byte of the TCP header that holds its flags
            (0x45, 0, 1, 0x02),  # if SYN is set go on, or else skip one
            (0x06, 0, 0, 0),  # drop the packet
            (0x06, 0, 0, 0xFFFFFFFF),  # take it whole
        )
    )
    memory = ctypes.create_string_buffer(program)
    so_attach_filter = 26
    with contextlib.suppress(OSError):  # without it a connection of the last moment may be lost
        sock.setsockopt(socket.SOL_SOCKET, so_attach_filter, struct.pack("@HP", 4, ctypes.addressof(memory)))


def announce(sockets: Sequence[socket.socket]) -> None:
    """Say where the service is, when signals are already heard."""
    for sock in sockets:
        host, port = sock.getsockname()[:2]
        logger.info(
            "Uvicorn running on http://%s:%d (Press CTRL+C to quit)", f"[{host}]" if ":" in host else host, port
        )
