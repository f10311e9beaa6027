"""The command line, `python -m app` or `three-or-seven`: settings, then the server."""

import os
import signal
import socket
import sys
from argparse import ArgumentParser
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import CliSettingsSource

from app import __version__
from app.classifier.weights import WeightsError
from app.server.run import run
from app.settings import PREFIX, Settings

SIGHUP_IGNORED = "SIGHUP is ignored: it reloads the weights only with two or more workers; see --workers."


def main() -> None:
    """Serve until SIGTERM (exit code 0) or SIGINT (130 with one process), then finish the requests in flight."""
    settings = _read_settings()
    # uvicorn raises the signal again after its shutdown; by default that would end the process with an error.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    if hasattr(signal, "SIGHUP"):  # not on Windows; with several workers the supervisor handles it
        signal.signal(signal.SIGHUP, lambda *_: print(SIGHUP_IGNORED, file=sys.stderr))  # noqa: T201
    _check_address(settings.host, settings.port)
    try:
        run(settings)
    except WeightsError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)


def _read_settings() -> Settings:
    """Read the settings from the command line and the environment. Exit with an error message if one is invalid."""
    parser = ArgumentParser("three-or-seven", description=Settings.__doc__, allow_abbrev=False)
    parser.add_argument("--version", action="version", version=__version__, help="print the version and exit")
    CliSettingsSource(Settings, root_parser=parser)  # adds an option for each setting
    # Not CliApp: it would read `--api-key 'not set'`, the help's text for a missing default, as no key.
    options = vars(parser.parse_args())
    try:
        return Settings(**options)
    except ValidationError as error:
        sys.exit("\n".join(_explanation(options, each) for each in error.errors()))


def _explanation(options: Mapping[str, Any], error: ErrorDetails) -> str:
    """Describe an invalid setting: where it was set, its value and the reason."""
    name = str(error["loc"][0])
    option, variable = f"option --{name.replace('_', '-')}", f"environment variable {PREFIX}{name.upper()}"
    reason = "Input should be true or false" if error["type"] == "bool_parsing" else error["msg"]
    sent = ",".join(error["input"]) if isinstance(error["input"], list) else str(error["input"])
    return f"The {option if name in options else variable} cannot be {sent!r}: {reason}. See --help."


def _check_address(host: str, port: int) -> None:
    """Exit with an error message if the address is in use or unknown; uvicorn would log an exception."""
    try:
        socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
    except TypeError:  # raised for names such as "é..x"
        sys.exit(f"Cannot listen on {host}: it is not a host name. Choose another with --host.")
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
        sys.exit(f"Cannot listen on {host}, port {port}: {reason}. Choose others with --host and --port.")


if __name__ == "__main__":
    main()
