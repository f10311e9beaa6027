"""The command line, `python -m app` or `three-or-seven`: settings, then the server."""

import os
import signal
import socket
import sys

from pydantic import ValidationError

from app import __version__
from app.classifier.weights import WeightsError
from app.server.run import run
from app.settings import Settings


def main() -> None:
    """Serve until SIGTERM (exit code 0) or SIGINT (130 with one process), then finish the requests in progress."""
    if sys.argv[1:] == ["--version"]:
        return print(__version__)  # noqa: T201
    # uvicorn raises the signal again after its shutdown; by default that would end the process with an error.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    if hasattr(signal, "SIGHUP"):  # not on Windows; with several workers the supervisor handles it
        signal.signal(signal.SIGHUP, lambda *_: print("SIGHUP replaces workers; see --workers.", file=sys.stderr))  # noqa: T201
    try:
        settings = Settings(_cli_parse_args=True)
        _check_address(settings.host, settings.port)
        run(settings)
    except ValidationError as error:
        sys.exit("\n".join(f"The setting {e['loc'][0]} cannot be used: {e['msg']}." for e in error.errors()))
    except WeightsError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)


def _check_address(host: str, port: int) -> None:
    """Exit with one sentence if the address is taken or unknown; uvicorn would log an exception."""
    try:
        socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
        sys.exit(f"Cannot listen on {host}, port {port}: {reason}. Choose others with --host and --port.")


if __name__ == "__main__":
    main()
