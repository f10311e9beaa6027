"""The package and the lock file."""

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

from packaging.requirements import Requirement

from tests.conftest import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCK = (ROOT / "requirements.lock").read_text()


def test_wheel_is_empty(tmp_path: Path) -> None:
    """Two applications that install a package named `app` would overwrite each other."""
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", str(tmp_path), str(ROOT)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    [wheel] = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert names
    assert all(".dist-info/" in name for name in names)


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
