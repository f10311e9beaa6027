"""The command line: output and exit codes of `python -m app`."""

import re
import socket
import subprocess
import sys
from pathlib import Path

import httpx2
import psutil
import pytest

from app import __version__
from app.classifier.weights import ADVICE, DEFAULT_PATH
from tests.conftest import SEVEN
from tests.serving import serve, until


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "app", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)


NO_INTEGER = "cannot be 'abc': Input should be a valid integer, unable to parse string as an integer. See --help."
NO_BOOLEAN = "cannot be 'no!': Input should be true or false. See --help."
NO_HOST = "cannot be '': String should have at least 1 character. See --help."
NO_KEY = "cannot be '': The key is empty. Set one, or omit it to serve without a key. See --help."
NO_ORIGIN = (
    "The option --cors-origins cannot be 'http://a.example,{0}': '{0}' is not an origin."
    " Write scheme and host in lower case, such as https://example.org. See --help."
)
WARNINGS = (
    "THREE_OR_SEVEN_PROT is not a setting. Did you mean THREE_OR_SEVEN_PORT?\n"
    "three_or_seven_api_kye is not a setting. Did you mean THREE_OR_SEVEN_API_KEY?\n"
)
UNKNOWN = {"THREE_OR_SEVEN_PROT": "80", "three_or_seven_api_kye": "s3cret", "THREE_OR_SEVEN_MNIST": "/mnist"}


@pytest.mark.parametrize(
    ("arguments", "environment", "error"),
    [
        (["--weights", "none"], {}, f"Cannot use the weights file 'none': No such file or directory. {ADVICE}"),
        (["--port", "abc"], {"THREE_OR_SEVEN_PORT": "80"}, f"The option --port {NO_INTEGER}"),
        ([], {"THREE_OR_SEVEN_PORT": "abc"}, f"The environment variable THREE_OR_SEVEN_PORT {NO_INTEGER}"),
        ([], {"THREE_OR_SEVEN_HOST": ""}, f"The environment variable THREE_OR_SEVEN_HOST {NO_HOST}"),
        (["--api-key="], {}, f"The option --api-key {NO_KEY}"),
        (["--port", "not set"], {}, f"The option --port {NO_INTEGER.replace('abc', 'not set')}"),
        ([], {"THREE_OR_SEVEN_API_KEY": ""}, f"The environment variable THREE_OR_SEVEN_API_KEY {NO_KEY}"),
        *(
            (["--cors-origins", f"http://a.example,{origin}"], {}, NO_ORIGIN.format(origin))
            for origin in ("b.example", "https://*.example", "https://B.example")
        ),
        ([], {"THREE_OR_SEVEN_ACCESS_LOG": "no!"}, f"The environment variable THREE_OR_SEVEN_ACCESS_LOG {NO_BOOLEAN}"),
        (["--port", "abc"], UNKNOWN, f"{WARNINGS}The option --port {NO_INTEGER}"),
    ],
)
def test_invalid_settings_and_unknown_variables(arguments: list[str], environment: dict[str, str], error: str) -> None:
    ended = run(*arguments, **environment)
    assert (ended.returncode, ended.stderr) == (1, f"{error}\n")


def test_port_in_use_and_unknown_host() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = run("--port", str(port))
    error = f"Cannot listen on 127.0.0.1, port {port}: Address already in use. Choose others with --host and --port.\n"
    assert (ended.returncode, ended.stderr) == (1, error)
    ended = run("--host", "é..x")
    assert ended.stderr == "Cannot listen on é..x: it is not a host name. Choose another with --host.\n"
    ended = run("--host", "no.such.host.invalid")
    assert ended.returncode == 1
    assert ended.stderr.startswith("Cannot listen on no.such.host.invalid, port 8000: ")


def test_command_line_overrides_environment() -> None:
    with serve("--max-body-bytes", "1024", environment={"THREE_OR_SEVEN_MAX_BODY_BYTES": "2048"}) as server:
        assert httpx2.post(f"{server.url}/predict", content=bytes(1500)).status_code == 413
    with serve(environment={"THREE_OR_SEVEN_MAX_BODY_BYTES": "2048"}) as server:
        assert httpx2.post(f"{server.url}/predict", content=bytes(1500)).status_code == 415


def listening(pid: int) -> list[int]:
    """Return the ports on which a process listens."""
    sockets = psutil.Process(pid).net_connections("tcp")
    return [socket.laddr.port for socket in sockets if socket.status == psutil.CONN_LISTEN]


def test_log_level_and_max_batch() -> None:
    """`serve` finds the port in the log, which is empty here."""
    options = ["--port", "0", "--log-level", "error", "--no-access-log", "--max-batch", "2"]
    process = subprocess.Popen([sys.executable, "-m", "app", *options], stderr=subprocess.PIPE, text=True)
    try:
        until(lambda: listening(process.pid))
        url = f"http://127.0.0.1:{listening(process.pid)[0]}"
        forms = ([("files", SEVEN)] * count for count in (2, 3))
        answers = [httpx2.post(f"{url}/predict/batch", files=form) for form in forms]
    finally:
        process.terminate()
        _, log = process.communicate(timeout=60)
    assert [answer.status_code for answer in answers] == [200, 422]
    assert "The form has more than 2 images." in answers[1].json()["detail"]
    assert not log


UVICORN = ("-m", "uvicorn", "--factory", "app.main:create_app")
SCRIPT = (str(Path(sys.executable).with_name("three-or-seven")),)


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("program", [("-m", "app"), SCRIPT, UVICORN], ids=["module", "script", "uvicorn"])
def test_entry_points(tmp_path: Path, program: tuple[str, ...], workers: int) -> None:
    with serve("--workers", str(workers), program=program, directory=tmp_path) as server:
        assert httpx2.post(f"{server.url}/predict", content=SEVEN).json()["digit"] == 7
        assert program == UVICORN or server.stop() == 0


def test_help_version_and_unknown_option() -> None:
    text = " ".join(run("--help", COLUMNS="200").stdout.split())
    for option in ("--host HOST", "--cors-origins URLS", "--http {h11,httptools}", "--access-log, --no-access-log"):
        assert option in text
    assert f"(default: {DEFAULT_PATH})" in text
    assert "(default: not set)" in text
    assert not re.search(r"SecretStr|null|None|list\[|Path\b", text)
    assert run("--version").stdout == f"{__version__}\n"
    unknown = run("--prot", "80")
    assert unknown.returncode == 2
    assert "unrecognized arguments: --prot" in unknown.stderr
    hint = subprocess.run([sys.executable, "-m", "app.main"], capture_output=True, text=True, timeout=60)
    assert hint.returncode == 1
    assert "`python -m app`" in hint.stderr
