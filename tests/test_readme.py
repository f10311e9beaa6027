"""Examples, tables and figures of the README."""

import json
import re
import shlex
import subprocess
import sys
from typing import Any

import httpx2
import pytest

from app.classifier.weights import DEFAULT_PATH, load
from app.errors import Problem
from app.settings import Settings
from tests.conftest import ROOT

README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def test_quickstart_commands() -> None:
    serve, test = blocks("sh")[:2]
    assert serve.count("\n") == test.count("\n") == 1
    assert serve.endswith("python -m app\n")
    assert test.endswith("python -m pytest\n")


def test_curl_examples(client: httpx2.Client) -> None:
    exchanges = re.findall(r"^```sh\n(curl [^\n]*)\n```\n\n```json\n(.*?)```$", README, re.MULTILINE | re.DOTALL)
    assert len(exchanges) >= 3
    for command, output in exchanges:
        command = command.replace("http://127.0.0.1:8000", str(client.base_url).rstrip("/"))
        printed = subprocess.run(shlex.split(command), cwd=ROOT, capture_output=True, text=True, check=True).stdout
        answer, promised = json.loads(printed), json.loads(output)
        assert leaves(answer) == {
            path: pytest.approx(value, abs=1e-4) if isinstance(value, float) else value
            for path, value in leaves(promised).items()
        }


def leaves(node: Any, path: str = "") -> dict[str, Any]:
    """Return the values of a JSON document by path; of request ids, the type."""
    if not isinstance(node, dict | list):
        return {path: type(node) if path.endswith("request_id") else node}
    children = node.items() if isinstance(node, dict) else enumerate(node)
    return {leaf: value for name, child in children for leaf, value in leaves(child, f"{path}/{name}").items()}


def test_python_examples(client: httpx2.Client) -> None:
    printed = []
    for program in blocks("python"):
        program = program.replace("127.0.0.1:8000", client.base_url.netloc.decode())
        ended = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
        printed.append(ended.stdout)
    seven, both = printed
    assert seven == "7\n"
    assert both.startswith("[3 7] [[")


def table(heading: str) -> list[list[str]]:
    """Return the rows of the table under a heading, without its header."""
    section = README.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[2:]]


def test_settings_table() -> None:
    defaults = {name: field.default for name, field in Settings.model_fields.items()}
    defaults["weights"] = f"`{DEFAULT_PATH.relative_to(ROOT)}`"
    assert {name.strip("`"): default for name, default, _ in table("Settings")} == {
        name: "none" if default in (None, []) else str(default).lower() if default is True else str(default)
        for name, default in defaults.items()
    }


def test_problems_table() -> None:
    documented = [(int(status), code.strip("`")) for status, code, _ in table("Ask it")]
    assert documented == [(problem.status, problem.code) for problem in Problem.__subclasses__()]


def test_error_rates() -> None:
    figures = load(DEFAULT_PATH).metadata.metrics["test"]
    confident = round(figures["others"] * figures["others_confident"])
    text = " ".join(README.split())
    assert f"It reads {figures['errors']} of MNIST's 2,038 test images of 3 and 7 wrong." in text
    assert f"of the {figures['others']:,} test images of other digits, {confident} are." in text
