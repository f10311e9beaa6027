"""The wheel and the lock file."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import httpx2
from packaging.requirements import Requirement

from tests.conftest import ROOT, SEVEN
from tests.serving import serve

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCK = (ROOT / "requirements.lock").read_text()


def test_wheel(tmp_path: Path) -> None:
    """Install the wheel without dependencies, and serve from another directory."""
    wheels, elsewhere = tmp_path / "wheels", tmp_path / "elsewhere"
    for command in (["wheel", "--wheel-dir", wheels, ROOT], ["install", "--no-index", "--target", elsewhere]):
        pip = [sys.executable, "-m", "pip", *map(str, [*command, "--no-deps", *wheels.glob("*.whl")])]
        ended = subprocess.run(pip, capture_output=True, text=True, timeout=600)
        assert ended.returncode == 0, ended.stdout + ended.stderr
    with serve(directory=tmp_path, environment={"PYTHONPATH": str(elsewhere)}) as server:
        assert httpx2.post(f"{server.url}/predict", files={"file": SEVEN}).json()["digit"] == 7


def test_lock_file() -> None:
    """The lock file pins all run-time dependencies with hashes, and has no URLs."""
    assert "://" not in LOCK
    pins: dict[str, list[str]] = {}
    pattern = r"^(\S+)==(\S+)(?: ;[^\n]*?)? \\\n(?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+"
    for name, version in re.findall(pattern, LOCK, re.MULTILINE):
        pins.setdefault(name, []).append(version)
    assert sum(map(len, pins.values())) == len(re.findall(r"^[a-z]", LOCK, re.MULTILINE))
    for dependency in map(Requirement, PROJECT["dependencies"]):
        assert pins[dependency.name]
        assert all(dependency.specifier.contains(version) for version in pins[dependency.name])
