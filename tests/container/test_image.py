"""The Dockerfile, built and run by a real Docker engine, as locked down as a careful operator would run it."""

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.conftest import DATA

ROOT = Path(__file__).parents[2]
TAG = "three-or-seven:test"
HEALTHY_SECONDS = 60


def docker(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    ended = subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=600)
    assert not check or ended.returncode == 0, f"docker {' '.join(arguments)}:\n{ended.stdout}{ended.stderr}"
    return ended


@pytest.fixture(scope="module")
def image() -> str:
    if not shutil.which("docker") or docker("info", check=False).returncode != 0:
        pytest.skip("needs a running Docker engine: see https://docs.docker.com/engine/install/")
    docker("build", "--tag", TAG, str(ROOT))
    return TAG


@pytest.fixture(scope="module")
def container(image: str) -> Iterator[str]:
    lockdown = ["--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--memory", "256m"]
    name = docker("run", "--detach", *lockdown, "--publish", "127.0.0.1::8000", image).stdout.strip()
    yield name
    docker("rm", "--force", name)


@pytest.fixture(scope="module")
def url(container: str) -> str:
    until = time.monotonic() + HEALTHY_SECONDS
    while (status := state(container)["Health"]["Status"]) != "healthy":
        assert time.monotonic() < until, f"{status}: {docker('logs', container).stdout}"
        time.sleep(0.2)
    return f"http://{docker('port', container, '8000').stdout.split()[0]}"


def state(container: str) -> Any:
    return json.loads(docker("inspect", "--format", "{{json .State}}", container).stdout)


def python(container: str, code: str) -> subprocess.CompletedProcess[str]:
    return docker("exec", container, "python", "-c", code, check=False)


def test_it_is_healthy_and_predicts(url: str) -> None:
    seven = (DATA / "seven.png").read_bytes()
    assert httpx2.post(f"{url}/predict", files={"file": seven}).json()["digit"] == 7


def test_a_file_of_many_megabytes_needs_no_disk(url: str) -> None:
    seven = (DATA / "seven.png").read_bytes() + bytes(11 * 1024 * 1024)
    assert httpx2.post(f"{url}/predict", files={"file": seven}).json()["digit"] == 7


def test_several_workers_need_no_disk_either(image: str) -> None:
    name = docker(
        "run", "--detach", "--read-only", "--publish", "127.0.0.1::8000", image, "python", "-m", "app", "--workers", "2"
    ).stdout.strip()
    try:
        url = f"http://{docker('port', name, '8000').stdout.split()[0]}"
        until = time.monotonic() + HEALTHY_SECONDS
        while state(name)["Health"]["Status"] != "healthy":
            assert time.monotonic() < until, docker("logs", name).stderr
            time.sleep(0.2)
        assert httpx2.post(f"{url}/predict", content=(DATA / "seven.png").read_bytes()).json()["digit"] == 7
        assert 'predictions_total{confident="true",digit="7"} 1.0' in httpx2.get(f"{url}/metrics").text
        docker("stop", name)
        assert state(name)["ExitCode"] == 0
    finally:
        docker("rm", "--force", name)


def test_it_holds_the_service_and_its_weights_alone(container: str) -> None:
    listed = python(container, "import os; print(*sorted(os.listdir('/srv')), *os.listdir('/srv/weights'))").stdout
    assert listed.split()[:2] == ["app", "weights"]
    assert "three-or-seven.safetensors" in listed
    for absent in ("model_training", "tests", "cv2", "typer", "pytest"):
        assert f"No module named '{absent}'" in python(container, f"import {absent}").stderr
    assert "No module named pip" in docker("exec", container, "python", "-m", "pip", check=False).stderr


def test_it_runs_as_nobody_of_note(container: str) -> None:
    assert python(container, "import os; print(os.getuid(), os.getgid())").stdout.split() == ["10001", "10001"]
    capabilities = python(container, "print(open('/proc/1/status').read())").stdout
    assert "CapEff:\t0000000000000000" in capabilities


def test_docker_stop_ends_it_with_0(url: str, container: str) -> None:
    docker("stop", container)
    assert state(container)["ExitCode"] == 0
    assert "Finished server process" in docker("logs", container).stderr
