"""The command line, `python -m app` or `three-or-seven`: settings, then the server."""

import os
import signal
import socket
import sys
from argparse import SUPPRESS, ArgumentParser
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from pydantic import SecretStr, ValidationError

from app import __version__
from app.classifier.weights import WeightsError
from app.server.run import run
from app.settings import PREFIX, Settings

METAVARS: dict[Any, str] = {
    str: "ADDRESS",
    int: "NUMBER",
    bool: "true|false",
    Path: "FILE",
    SecretStr | None: "KEY",
    list[str]: "URL,URL",
}
"""Placeholders in the help by the type of the setting."""


def main() -> None:
    """Serve until SIGTERM (exit code 0) or SIGINT (130 with one process), then finish the requests in progress."""
    options = vars(_parser().parse_args())
    # uvicorn raises the signal again after its shutdown; by default that would end the process with an error.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    if hasattr(signal, "SIGHUP"):  # not on Windows; with several workers the supervisor handles it
        signal.signal(signal.SIGHUP, lambda *_: print("SIGHUP replaces workers; see --workers.", file=sys.stderr))  # noqa: T201
    try:
        settings = Settings(**options)
        _check_address(settings.host, settings.port)
        run(settings)
    except ValidationError as error:
        sys.exit("\n".join(_explanation(options, str(e["loc"][0]), e["input"], e["msg"]) for e in error.errors()))
    except WeightsError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)


def _parser() -> ArgumentParser:
    """Make the parser of the command line, whose values `Settings` validates."""
    description = Settings.__doc__
    parser = ArgumentParser("three-or-seven", description=description, argument_default=SUPPRESS, allow_abbrev=False)
    parser.add_argument("--version", action="version", version=__version__, help="print the version and exit")
    for name, field in Settings.model_fields.items():
        default = "none" if field.default in (None, []) else str(field.default)
        text = f"{field.description} (default: {default.lower() if field.annotation is bool else default})"
        metavar = METAVARS.get(field.annotation) or "|".join(get_args(field.annotation))
        metavar = "SECONDS" if name.endswith("_seconds") else metavar
        flag: dict[str, Any] = {"nargs": "?", "const": "true"} if field.annotation is bool else {}
        parser.add_argument(_option(name), dest=name, metavar=metavar, help=text, **flag)
        if flag:
            parser.add_argument(f"--no-{_option(name)[2:]}", dest=name, action="store_const", const="false")
    return parser


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _explanation(options: Mapping[str, str], name: str, value: object, reason: str) -> str:
    source = f"option {_option(name)}" if name in options else f"environment variable {PREFIX}{name.upper()}"
    return f"The {source} cannot be {str(value)!r}: {reason}. See --help."


def _check_address(host: str, port: int) -> None:
    """Exit with one sentence if the address is taken or unknown; uvicorn would log an exception."""
    try:
        socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
        sys.exit(f"Cannot listen on {host}, port {port}: {reason}. Choose others with --host and --port.")


if __name__ == "__main__":
    main()
