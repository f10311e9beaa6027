"""A real Docker engine."""

import subprocess
import time
from collections.abc import Callable, Mapping

PATIENCE_SECONDS = 90
"""For a container to be healthy, or a service to be rolled out, on a busy machine."""


def docker(
    *arguments: str, check: bool = True, given: str = "", environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command of Docker's, with text on its standard input."""
    ended = subprocess.run(
        ["docker", *arguments], input=given, capture_output=True, text=True, timeout=600, env=environment
    )
    assert not check or ended.returncode == 0, f"docker {' '.join(arguments)}:\n{ended.stdout}{ended.stderr}"
    return ended


def wait_until(condition: Callable[[], bool], describe: Callable[[], str]) -> None:
    """Look five times a second; if it never comes, fail and say how things are."""
    until = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < until, describe()
        time.sleep(0.2)
