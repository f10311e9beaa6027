"""Fixtures for a Docker engine and the image. Commands come from the documents."""

import shlex
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping

import pytest

from tests.conftest import ROOT
from tests.test_documents import COMMANDS

BUILD, RUN, *DEPLOY = (shlex.split(command)[1:] for command in COMMANDS if command.startswith("docker "))
TAG = BUILD[BUILD.index("--tag") + 1]
PATIENCE_SECONDS = 90
"""Timeout for a container to become healthy or an update to complete."""


def docker(
    *arguments: str, check: bool = True, given: str = "", environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a `docker` command with text on its standard input."""
    ended = subprocess.run(
        ["docker", *arguments], input=given, capture_output=True, text=True, timeout=600, env=environment, cwd=ROOT
    )
    assert not check or ended.returncode == 0, f"docker {' '.join(arguments)}:\n{ended.stdout}{ended.stderr}"
    return ended


def wait_until(condition: Callable[[], bool], describe: Callable[[], str]) -> None:
    """Poll a condition; if it is not met in time, fail with a description."""
    until = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < until, describe()
        time.sleep(0.2)


@pytest.fixture(scope="session")
def image() -> str:
    if not shutil.which("docker") or docker("info", check=False).returncode != 0:
        pytest.skip("needs a running Docker engine: see https://docs.docker.com/engine/install/")
    docker(*BUILD)
    return TAG
