"""`python -m app`: settings, then uvicorn."""

import signal
import sys

import uvicorn
from pydantic import ValidationError

from app.classifier.weights import WeightsError
from app.main import create_app
from app.settings import Settings


def main() -> None:
    """Serve until SIGTERM or SIGINT, then finish the requests in hand and exit with 0."""
    # uvicorn passes the signal on when it has finished; by default that would end the process with an error.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        settings = Settings(_cli_parse_args=True)
        app = create_app(settings)
    except ValidationError as error:
        sys.exit("\n".join(f"The setting {e['loc'][0]} cannot be used: {e['msg']}." for e in error.errors()))
    except WeightsError as error:
        sys.exit(str(error))
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        timeout_graceful_shutdown=settings.graceful_shutdown_seconds,
        server_header=False,
    )


if __name__ == "__main__":
    main()
