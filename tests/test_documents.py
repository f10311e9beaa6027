"""The documents: examples are run, and commands, links, tables and figures are compared with the project."""

import json
import re
import shlex
import subprocess
import sys
from itertools import cycle
from pathlib import Path

import httpx2
import pytest

from app.classifier.weights import DEFAULT_PATH, load
from app.errors import Problem
from app.formats import FORMATS
from app.problem_details import EXAMPLE_REQUEST_ID
from app.settings import Settings
from tests.conftest import ROOT

FOLDERS = (".", ".github", "deploy", "model_training", "tests/data", "tests/benchmarks", "weights")
TEXTS = {path: path.read_text() for folder in FOLDERS for path in sorted((ROOT / folder).glob("*.md"))}
README, TEXT = TEXTS[ROOT / "README.md"], "\n".join(TEXTS.values())
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
SERVE, TEST, *COMMANDS = [line for kind, block in BLOCKS if kind == "sh" for line in block.splitlines()]


def test_quickstart() -> None:
    """`.ci/run` runs the first two blocks."""
    assert [block for kind, block in BLOCKS if kind == "sh"][:2] == [f"{SERVE}\n", f"{TEST}\n"]
    assert SERVE.endswith("python -m app")
    assert TEST.endswith("python -m pytest")
    assert README.count("\n") <= 200


@pytest.mark.parametrize(
    ("command", "output"),
    re.findall(r"^(curl .*)\n(?:```\n\n```json\n((?:.*\n)+?)```$)?", TEXT, re.MULTILINE),
)
def test_exchange(command: str, output: str, client: httpx2.Client, tmp_path: Path) -> None:
    for name in ("README.md", "tests"):
        (tmp_path / name).symlink_to(ROOT / name)
    arguments = shlex.split(command.replace("http://127.0.0.1:8000", str(client.base_url).rstrip("/")))
    arguments += ["-H", f"X-Request-ID: {EXAMPLE_REQUEST_ID}"]  # or it would differ each time
    printed = subprocess.run(arguments, cwd=tmp_path, capture_output=True, check=True).stdout
    if output:
        assert json.loads(printed) == json.loads(output, parse_float=lambda text: pytest.approx(float(text), abs=1e-6))
    else:
        assert b'"digit":' in printed or (tmp_path / "why.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("program", [block for kind, block in BLOCKS if kind == "python"])
def test_program(program: str, client: httpx2.Client) -> None:
    expected = re.findall(r"^print\(.*\)  # (.*)$", program, re.MULTILINE)
    program = program.replace("127.0.0.1:8000", client.base_url.netloc.decode())
    ended = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines() == expected


@pytest.mark.parametrize("command", [command for command in COMMANDS if not command.startswith("curl ")])
def test_command(command: str) -> None:
    """Unless `.ci/run` or `tests.container` runs the command or it needs a cluster, its module accepts the options."""
    assert all((ROOT / path).exists() for path in re.findall(r"\bdeploy/\S+", command))
    if not command.startswith(("docker ", "kubectl ")) and command not in (ROOT / ".ci" / "run").read_text() + TEST:
        python, *arguments = shlex.split(command)
        assert python == ".venv/bin/python"
        subprocess.run([sys.executable, *arguments, "--help"], cwd=ROOT, capture_output=True, check=True, timeout=60)


@pytest.mark.parametrize("document", TEXTS, ids=str)
def test_links(document: Path) -> None:
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#\s]*)#?([^)\s]*)\)", TEXTS[document]):
        path = (document.parent / target).resolve() if target else document
        assert path.exists(), target
        headings = re.findall(r"^#+ (.*)$", TEXTS.get(path, ""), re.MULTILINE)
        assert not anchor or anchor in {heading.lower().replace(" ", "-") for heading in headings}


def table(head: str) -> list[list[str]]:
    """Return the cells of the table whose header begins with these words, without the header."""
    rows = TEXT.split(f"\n| {head} |")[1].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def test_every_setting_is_documented_with_its_default() -> None:
    defaults = {name: field.default for name, field in Settings.model_fields.items()}
    defaults["weights"] = f"`{DEFAULT_PATH.relative_to(ROOT)}`"
    assert {name.strip("`"): default for name, default, _ in table("setting")} == {
        name: "none" if default in (None, []) else str(default).lower() if default is True else str(default)
        for name, default in defaults.items()
    }


def test_every_problem_is_documented() -> None:
    documented = {
        (int(status), code)
        for statuses, codes, _ in table("status")
        for status, code in zip(cycle(statuses.split(", ")), re.findall(r"`(\S+)`", codes), strict=False)
    }
    assert documented == {(problem.status, problem.code) for problem in Problem.__subclasses__()}


def test_every_format_is_documented() -> None:
    *first, last = (each.name for each in FORMATS)
    assert f"- Formats: {', '.join(first)} and {last}, " in README


def test_paths_and_metrics_exist(client: httpx2.Client) -> None:
    paths = {path for names, _ in table("path") for path in re.findall(r"/[\w./-]*", names)}
    assert {path for path in client.get("/openapi.json").json()["paths"] if not path.startswith("/v2")} <= paths
    assert all(client.get(path).status_code in (200, 405) for path in paths)
    metrics = re.findall(r"`(\w+)`", "".join(names for names, _ in table("metric")))
    exposed = client.get("/metrics").text
    assert all(f"# HELP {name} " in exposed for name in metrics)


def test_figures_equal_those_of_the_weights() -> None:
    figures = load(DEFAULT_PATH).metadata.metrics["test"]
    confident = round(figures["others"] * figures["others_confident"])
    text = " ".join(README.split())
    assert (
        f"It misreads {figures['errors'] or 'none'} of MNIST's 2,038 test images of 3 and 7, and is confident" in text
    )
    assert f"confident about {confident} of the {figures['others']:,} images of other digits" in text
