"""`python -m app`: settings, then the server."""

import signal
import sys

from pydantic import ValidationError

from app.classifier.weights import WeightsError
from app.server.run import serve
from app.settings import Settings


def main() -> None:
    """Serve until SIGTERM (exit code 0) or SIGINT (130), then finish the requests in hand."""
    # uvicorn passes the signal on when it has finished; by default that would end the process with an error.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        serve(Settings(_cli_parse_args=True))
    except ValidationError as error:
        sys.exit("\n".join(f"The setting {e['loc'][0]} cannot be used: {e['msg']}." for e in error.errors()))
    except WeightsError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)


if __name__ == "__main__":
    main()
