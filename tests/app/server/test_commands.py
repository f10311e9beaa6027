"""`python -m app` from outside: what it prints and how it ends."""

import socket
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from app import __version__
from tests.conftest import SEVEN
from tests.serving import serve


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "app", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)


EMPTY_KEY = "The setting api_key cannot be used: It is empty. Give it a value, or leave it out to let everybody in."


@pytest.mark.parametrize(
    ("arguments", "environment", "error"),
    [
        (["--weights", "none"], {}, "Cannot use the weights file none: No such file or directory."),
        (["--port", "70000"], {}, "The setting port cannot be used: Input should be less than or equal to 65535."),
        (["--api-key="], {}, EMPTY_KEY),
        ([], {"THREE_OR_SEVEN_API_KEY": ""}, EMPTY_KEY),
    ],
)
def test_a_bad_setting_stops_the_start_with_one_sentence(
    arguments: list[str], environment: dict[str, str], error: str
) -> None:
    ended = run(*arguments, **environment)
    assert (ended.returncode, ended.stderr) == (1, f"{error}\n")


def test_a_taken_port_or_an_unknown_host_stops_the_start() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = run("--port", str(port))
    error = f"Cannot listen on 127.0.0.1, port {port}: Address already in use. Choose others with --host and --port.\n"
    assert (ended.returncode, ended.stderr) == (1, error)
    ended = run("--host", "no.such.host.invalid")
    assert ended.returncode == 1
    assert ended.stderr.startswith("Cannot listen on no.such.host.invalid, port 8000: ")


def test_the_command_line_wins_over_the_environment() -> None:
    with serve("--max-body-bytes", "1024", environment={"THREE_OR_SEVEN_MAX_BODY_BYTES": "2048"}) as server:
        assert httpx2.post(f"{server.url}/predict", content=bytes(1500)).status_code == 413
    with serve(environment={"THREE_OR_SEVEN_MAX_BODY_BYTES": "2048"}) as server:
        assert httpx2.post(f"{server.url}/predict", content=bytes(1500)).status_code == 415


UVICORN = ("-m", "uvicorn", "--factory", "app.main:create_app")
SCRIPT = (str(Path(sys.executable).with_name("three-or-seven")),)


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("program", [("-m", "app"), SCRIPT, UVICORN], ids=["module", "script", "uvicorn"])
def test_ways_to_start_from_any_directory(tmp_path: Path, program: tuple[str, ...], workers: int) -> None:
    with serve("--workers", str(workers), program=program, directory=tmp_path) as server:
        assert httpx2.post(f"{server.url}/predict", content=SEVEN).json()["digit"] == 7
        assert program == UVICORN or server.stop() == 0


def test_version_unknown_option_and_a_hint_how_to_start() -> None:
    assert run("--version").stdout == f"{__version__}\n"
    unknown = run("--prot", "80")
    assert unknown.returncode == 2
    assert "unrecognized arguments: --prot" in unknown.stderr
    hint = subprocess.run([sys.executable, "-m", "app.main"], capture_output=True, text=True, timeout=60)
    assert hint.returncode == 1
    assert "`python -m app`" in hint.stderr
