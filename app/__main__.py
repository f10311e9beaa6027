"""The command line, `python -m app` or `three-or-seven`: settings, then the server."""

import signal
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
    try:
        run(Settings(_cli_parse_args=True))
    except ValidationError as error:
        sys.exit("\n".join(f"The setting {e['loc'][0]} cannot be used: {e['msg']}." for e in error.errors()))
    except WeightsError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)


if __name__ == "__main__":
    main()
