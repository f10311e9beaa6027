"""Schemathesis tests the service against its OpenAPI schema, with valid and invalid requests."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT
from tests.serving import serve

CONFIG = Path(__file__).with_name("schemathesis.toml")
EXAMPLES, CASES = (60, 1000) if os.environ.get("CI") == "true" else (15, 250)
"""Maximum number of cases for each operation, and minimum for all operations."""


def test_schemathesis(tmp_path: Path) -> None:
    """All checks in all phases."""
    with serve("--no-access-log") as server:
        command = [str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(CONFIG), "run"]
        options = ["--checks", "all", "--max-examples", str(EXAMPLES), "--workers", "1", "--seed", "1", "--no-color"]
        ended = subprocess.run(
            [*command, *options, f"{server.url}/openapi.json"],
            capture_output=True,
            text=True,
            timeout=600,
            cwd=tmp_path,
            env=os.environ | {"SCHEMATHESIS_HOOKS": "tests.app.api.contract_hooks", "PYTHONPATH": str(ROOT)},
        )
        assert ended.returncode == 0, f"{ended.stdout}{ended.stderr}{''.join(server.log)}"
    counted = re.search(r"([\d,]+) generated", ended.stdout)
    assert counted
    assert int(counted[1].replace(",", "")) >= CASES
