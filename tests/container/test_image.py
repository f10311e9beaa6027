"""The image on a real Docker engine, with restricted privileges."""

import json
import re
import subprocess
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from PIL import Image

from app.classifier.weights import DEFAULT_PATH
from tests.conftest import ROOT, SEVEN, encode
from tests.container.conftest import RUN, docker, wait_until

LOCK = ROOT / "requirements.lock"


@pytest.fixture(scope="module")
def container(image: str) -> Iterator[str]:
    changed = {"--rm": "--detach", "8000:8000": "127.0.0.1::8000"}
    lockdown = ["--security-opt", "no-new-privileges", "--tmpfs", "/small:size=3m,mode=1777"]
    lockdown += ["--memory", "512m", "--memory-swap", "512m", "--pids-limit", "64"]
    name = docker(*(changed.get(argument, argument) for argument in RUN[:-1]), *lockdown, image).stdout.strip()
    yield name
    docker("rm", "--force", name)


@pytest.fixture(scope="module")
def url(container: str) -> str:
    wait_until_healthy(container)
    return f"http://{docker('port', container, '8000').stdout.split()[0]}"


def wait_until_healthy(container: str) -> None:
    wait_until(lambda: state(container)["Health"]["Status"] == "healthy", lambda: docker("logs", container).stderr)


def state(container: str) -> Any:
    return json.loads(docker("inspect", "--format", "{{json .State}}", container).stdout)


def python(container: str, code: str) -> subprocess.CompletedProcess[str]:
    return docker("exec", container, "python", "-c", code, check=False)


@pytest.mark.parametrize("padding", [0, 11 * 1024 * 1024])
def test_predict_on_a_read_only_disk(url: str, padding: int) -> None:
    assert httpx2.post(f"{url}/predict", files={"file": SEVEN + bytes(padding)}).json()["digit"] == 7


def test_memory_of_the_largest_image(url: str, container: str) -> None:
    service = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())["services"]["service"]
    assert service["deploy"]["resources"]["limits"] == {"memory": "512M", "pids": 64}
    image = Image.new("RGBA", (7071, 7071), (255, 255, 255, 0))
    image.paste((0, 0, 0, 255), (2000, 1000, 5000, 2000))
    image.paste((0, 0, 0, 255), (4000, 2000, 5000, 6000))
    data = encode(image, compress_level=1)
    for _ in range(3):
        response = httpx2.post(f"{url}/predict?fit=true", content=data, timeout=60)
        assert response.json()["digit"] == 7, response.text
    assert not state(container)["OOMKilled"]


def test_save_on_a_full_disk(container: str) -> None:
    code = """
import shutil
from dataclasses import replace
from pathlib import Path
from app.classifier.weights import DEFAULT_PATH, load, save

path = Path("/small") / DEFAULT_PATH.name
shutil.copy(DEFAULT_PATH, path)
weights = load(path)
try:
    save(path, weights.parameters, replace(weights.metadata, version="2"))
except OSError as error:
    print(error.strerror, *path.parent.iterdir(), load(path).sha256 == weights.sha256)
"""
    assert python(container, code).stdout == f"No space left on device /small/{DEFAULT_PATH.name} True\n"


def test_installed_packages(container: str) -> None:
    """They equal the lock file, from which the bill of materials is made."""
    listed = "from importlib.metadata import distributions; print(*(f'{d.name}=={d.version}' for d in distributions()))"
    version, *_ = python(container, "import platform; print(platform.python_version())").stdout.split()
    environment = {"python_full_version": version, "python_version": ".".join(version.split(".")[:2])}
    locked = [Requirement(line.rstrip("\\ ")) for line in LOCK.read_text().splitlines() if re.match(r"[a-z0-9]", line)]
    expected = {
        canonicalize_name(requirement.name) + str(requirement.specifier)
        for requirement in locked
        if requirement.marker is None or requirement.marker.evaluate(environment)
    }
    found = {
        canonicalize_name(name) + "==" + version
        for name, version in (each.split("==") for each in python(container, listed).stdout.split())
    }
    assert found == expected


def test_two_workers_on_another_port(image: str) -> None:
    command = ("python", "-m", "app", "--workers", "2", "--port", "9000")
    name = docker("run", "--detach", "--read-only", "--publish", "127.0.0.1::9000", image, *command).stdout.strip()
    try:
        url = f"http://{docker('port', name, '9000').stdout.split()[0]}"
        wait_until_healthy(name)
        assert httpx2.post(f"{url}/predict", content=SEVEN).json()["digit"] == 7
        assert 'predictions_total{confident="true",digit="7"} 1.0' in httpx2.get(f"{url}/metrics").text
        docker("stop", name)
        assert state(name)["ExitCode"] == 0
    finally:
        docker("rm", "--force", name)


def test_contents_and_privileges(container: str) -> None:
    listed = python(container, "import os; print(*sorted(os.listdir('/srv')), *os.listdir('/srv/weights'))").stdout
    assert listed.split()[:2] == ["app", "weights"]
    assert "three-or-seven.safetensors" in listed
    for absent in ("model_training", "tests", "typer", "pytest"):
        assert f"No module named '{absent}'" in python(container, f"import {absent}").stderr
    assert "No module named pip" in docker("exec", container, "python", "-m", "pip", check=False).stderr
    assert python(container, "import os; print(os.getuid(), os.getgid())").stdout.split() == ["10001", "10001"]
    assert "CapEff:\t0000000000000000" in python(container, "print(open('/proc/1/status').read())").stdout


def test_docker_stop(url: str, container: str) -> None:
    docker("stop", container)
    assert state(container)["ExitCode"] == 0
    assert "Finished server process" in docker("logs", container).stderr
