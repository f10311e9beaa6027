"""The README says what is true."""

import json
import re
import shlex
import subprocess
from pathlib import Path

import httpx2
import pytest

from app.classifier.weights import DEFAULT_PATH, load
from app.errors import Problem
from app.settings import Settings

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def test_the_first_two_blocks_are_one_line_each() -> None:
    serve, test = blocks("sh")[:2]
    assert serve.count("\n") == test.count("\n") == 1
    assert serve.endswith("python -m app\n")
    assert test.endswith("python -m pytest\n")


def test_the_exchanges_are_true(client: httpx2.Client) -> None:
    exchanges = re.findall(r"^```sh\n(curl [^\n]*)\n```\n\n```json\n(.*?)```$", README, re.MULTILINE | re.DOTALL)
    assert len(exchanges) >= 3
    for command, output in exchanges:
        command = command.replace("http://127.0.0.1:8000", str(client.base_url).rstrip("/"))
        printed = subprocess.run(shlex.split(command), cwd=ROOT, capture_output=True, text=True, check=True).stdout
        answer, promised = json.loads(printed), json.loads(output)
        for name in ("request_id", "probabilities"):
            value, wanted = answer.pop(name, None), promised.pop(name, None)
            assert type(value) is type(wanted)
            if name == "probabilities":
                assert value == pytest.approx(wanted, abs=1e-4)
        assert answer == promised


def table(heading: str) -> list[list[str]]:
    """The rows of the table under a heading, without its two first lines."""
    section = README.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[2:]]


def test_every_setting_is_documented_with_its_default() -> None:
    defaults = {name: field.default for name, field in Settings.model_fields.items()}
    defaults["weights"] = f"`{DEFAULT_PATH.relative_to(ROOT)}`"
    assert {name.strip("`"): default for name, default, _ in table("Settings")} == {
        name: str(default) for name, default in defaults.items()
    }


def test_every_problem_is_documented() -> None:
    documented = [(int(status), code.strip("`")) for status, code, _ in table("Ask it")]
    assert documented == [(problem.status, problem.code) for problem in Problem.__subclasses__()]


def test_the_figures_are_those_of_the_weights() -> None:
    figures = load(DEFAULT_PATH).metadata.metrics["test"]
    confident = round(figures["others"] * figures["others_confident"])
    text = " ".join(README.split())
    assert f"It reads {figures['errors']} of MNIST's 2,038 test images of 3 and 7 wrong." in text
    assert f"of the {figures['others']:,} test images of other digits, {confident} are." in text


def test_no_blank_was_left_to_fill() -> None:
    assert not re.findall(r"\bN_[A-Z]+\b", README)
