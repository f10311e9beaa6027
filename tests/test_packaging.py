"""What users install: the wheel and the lock file."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import httpx2
from packaging.requirements import Requirement

from tests.conftest import DATA, ROOT
from tests.serving import serve

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCK = (ROOT / "requirements.lock").read_text()


def run(*command: str | Path) -> None:
    ended = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=600)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_a_wheel_serves_from_another_environment_and_directory(tmp_path: Path) -> None:
    run(sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", tmp_path, ROOT)
    [wheel] = tmp_path.glob("*.whl")
    run(sys.executable, "-m", "venv", tmp_path / "venv")
    python = tmp_path / "venv" / "bin" / "python"
    run(python, "-m", "pip", "install", wheel)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with serve(python=python, directory=elsewhere) as server:
        seven = (DATA / "seven.png").read_bytes()
        assert httpx2.post(f"{server.url}/predict", files={"file": seven}).json()["digit"] == 7


def test_the_lock_file_pins_with_hashes_and_names_no_address() -> None:
    assert "://" not in LOCK
    pins = re.findall(
        r"^(\S+)==(\S+)(?: ;[^\n]*?)? \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", LOCK, re.MULTILINE
    )
    assert len(pins) == len(re.findall(r"^[a-z]", LOCK, re.MULTILINE))


def test_the_lock_file_holds_every_run_time_dependency() -> None:
    pins: dict[str, list[str]] = {}
    for name, version in re.findall(r"^([a-z0-9-]+)==([^\s;]+)", LOCK, re.MULTILINE):
        pins.setdefault(name, []).append(version)
    for dependency in map(Requirement, PROJECT["dependencies"]):
        assert pins[dependency.name]
        assert all(dependency.specifier.contains(version) for version in pins[dependency.name])
