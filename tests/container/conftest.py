"""The image, built once for all tests that run it."""

import shutil

import pytest

from tests.conftest import ROOT
from tests.container.engine import docker

TAG = "three-or-seven:test"


@pytest.fixture(scope="session")
def image() -> str:
    if not shutil.which("docker") or docker("info", check=False).returncode != 0:
        pytest.skip("needs a running Docker engine: see https://docs.docker.com/engine/install/")
    docker("build", "--tag", TAG, str(ROOT))
    return TAG
