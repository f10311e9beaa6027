"""The container's health check: exits with 0 if the service answers that it is ready."""

import http.client
import os
import re
from pathlib import Path


def find_port(command_line: bytes) -> int:
    """Return the port from the service's command line (/proc/1/cmdline, null-separated) or from the environment."""
    options = re.findall(rb"--port[= \0]+([0-9]+)", command_line)
    return int(options[-1] if options else os.environ["THREE_OR_SEVEN_PORT"])


if __name__ == "__main__":
    connection = http.client.HTTPConnection("127.0.0.1", find_port(Path("/proc/1/cmdline").read_bytes()), timeout=2)
    connection.request("GET", "/readyz")
    raise SystemExit(connection.getresponse().status != 200)
