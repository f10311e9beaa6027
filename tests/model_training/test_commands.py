"""The command line of `model_training`, on all of MNIST."""

import os
import re
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from app.classifier.weights import ADVICE, DEFAULT_PATH, load, save
from model_training.evaluation.model_card import CARD
from model_training.images.mnist import MNIST_SHA256

RENDERED = ["--rendered", "5"]
SHORT = ["--epochs", "1", "--hidden", "18", "8", *RENDERED]  # 18 units: the last row of the figure is not full


MIRROR = "http://127.0.0.1:9/mine"
SHOW_PROGRESS = {"TTY_COMPATIBLE": "1", "TTY_INTERACTIVE": "1"}


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "model_training", *map(str, arguments)]


def run(*arguments: str | Path, code: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "COLUMNS": "200", "OPENBLAS_NUM_THREADS": "1", **environment}
    ended = subprocess.run(command(*arguments), capture_output=True, text=True, timeout=300, env=environment)
    assert ended.returncode == code, ended.stderr
    return ended


def test_metadata_of_trained_weights(tmp_path: Path, mnist_folder: Path) -> None:
    path = tmp_path / "weights.safetensors"
    trained = run("train", "--mnist", mnist_folder, "--weights", path, *SHORT, "--seed", "5")
    metadata = load(path).metadata
    assert metadata.architecture == (784, 18, 8, 2)
    assert metadata.version.endswith("+local")  # not the committed model
    assert metadata.training["settings"]["seed"] == 5
    assert metadata.training["settings"]["epochs"] == 1
    assert set(metadata.training["versions"]) == {"numpy", "opencv-python-headless"}
    assert metadata.data == MNIST_SHA256
    assert metadata.metrics["test"]["images"] == 2038
    assert metadata.metrics["validation"]["images"] == 1239
    assert len(metadata.training["history"]["loss"]) == 1
    assert f"Errors: {metadata.metrics['test']['errors']} of 2038" in trained.stdout


def test_evaluate_writes_nothing_by_default(tmp_path: Path, mnist_folder: Path) -> None:
    path = tmp_path / DEFAULT_PATH.name
    path.write_bytes(DEFAULT_PATH.read_bytes())
    evaluated = run("evaluate", "--mnist", mnist_folder, "--weights", path, *RENDERED, COLUMNS="80")
    metrics = load(DEFAULT_PATH).metadata.metrics["test"]
    assert f"Errors: {metrics['errors']} of 2038, accuracy {metrics['accuracy']:.2%}" in evaluated.stdout
    assert "│ strokes thickened by 10 pixels │ " in evaluated.stdout
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("option", ["--epochs", "--rendered"])
def test_quick_excludes_options_that_it_sets(option: str, tmp_path: Path) -> None:
    asked = run("train", "--quick", option, "20", "--weights", tmp_path / "weights", code=2)
    assert "--quick: It sets --epochs" in asked.stderr
    assert not list(tmp_path.iterdir())


def test_same_seed_gives_the_same_bytes(tmp_path: Path, mnist_folder: Path) -> None:
    for name in ("a", "b"):
        run("train", "--mnist", mnist_folder, "--weights", tmp_path / name, *SHORT)
    assert load(tmp_path / "a").sha256 == load(tmp_path / "b").sha256


def test_evaluate_reproduces_the_committed_model_card(tmp_path: Path, mnist_folder: Path) -> None:
    path = tmp_path / DEFAULT_PATH.name
    path.write_bytes(DEFAULT_PATH.read_bytes())
    run("evaluate", "--write", "--mnist", mnist_folder, "--weights", path, *RENDERED)
    cards = [(folder / CARD).read_text() for folder in (tmp_path, DEFAULT_PATH.parent)]
    new, committed = (re.sub("### With `fit`.*?(?=## How)", "", card, flags=re.DOTALL) for card in cards)
    assert new == committed
    written = {file.name for file in tmp_path.iterdir()}
    assert written == {file.name for file in DEFAULT_PATH.parent.iterdir()}
    assert set(re.findall(r"\((\S+\.png)\)", (tmp_path / CARD).read_text())) == written - {CARD, path.name}


def test_check_gradients() -> None:
    checked = run("check-gradients", "--hidden", "9", "5", COLUMNS="80")
    assert "┃ relative error ┃" in checked.stdout
    errors = [float(error) for error in re.findall(r"\d\.\de-\d\d", checked.stdout)]
    assert len(errors) >= 6
    assert max(errors) < 1e-6


def test_diagnose(tmp_path: Path, mnist_folder: Path) -> None:
    diagnosed = run("diagnose", "--mnist", mnist_folder, "--figure", tmp_path / "curves.png")
    posted, derivative, step, both = (float(mean) for mean in re.findall(r"([\d.]+) on average", diagnosed.stdout))
    assert 1 < posted < 5
    assert derivative > 5
    assert 0.06 < step < 0.1
    assert both < min(0.06, step / 3)
    assert (tmp_path / "curves.png").stat().st_size > 10_000


def test_interrupted_training_keeps_the_earlier_weights(tmp_path: Path, mnist_folder: Path) -> None:
    path = tmp_path / "weights.safetensors"
    path.write_bytes(DEFAULT_PATH.read_bytes())
    process = subprocess.Popen(
        command("train", "--mnist", mnist_folder, "--weights", path, "--epochs", "1000"),
        stdout=subprocess.PIPE,
        env=os.environ | {"COLUMNS": "200", "NO_COLOR": "1"} | SHOW_PROGRESS,
    )
    assert process.stdout is not None
    shown = b""
    while not re.search(rb" 2/1000 .* loss 0\.\d{4}, validation errors \d+", shown):
        shown += os.read(process.stdout.fileno(), 65536)
        assert process.poll() is None, shown
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 130
    assert path.read_bytes() == DEFAULT_PATH.read_bytes()
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("option", [("train", "--weights"), ("diagnose", "--figure")])
@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ("", "is a directory"),
        ("none/curves.png", "Cannot write in the folder {}/none: No such file or directory."),
        ("file/curves.png", "Cannot write in the folder {}/file: Not a directory."),
    ],
)
def test_unwritable_files_are_refused_at_start(tmp_path: Path, option: tuple[str, str], file: str, reason: str) -> None:
    (tmp_path / "file").touch()
    command, name = option
    if command == "diagnose" and not file:
        file = "folder.png"
        (tmp_path / file).mkdir()
    ended = run(command, "--mnist", tmp_path, name, tmp_path / file, code=2)  # a folder without MNIST
    assert name in ended.stderr
    assert reason.format(tmp_path) in re.sub(r"[\s│]+", " ", ended.stderr)


def test_unknown_format_of_a_figure_is_refused_at_start(tmp_path: Path) -> None:
    ended = run("diagnose", "--mnist", tmp_path, "--figure", tmp_path / "curves.doc", code=2)
    assert "curves.doc has none of the endings" in ended.stderr


def test_model_card_of_weights_without_training_settings_is_refused_at_start(tmp_path: Path) -> None:
    weights, path = load(DEFAULT_PATH), tmp_path / "weights"
    save(path, weights.parameters, replace(weights.metadata, training={}))
    ended = run("evaluate", "--write", "--mnist", tmp_path, "--weights", path, code=2)  # a folder without MNIST
    assert "The weights have no training settings, which the model card shows." in ended.stderr


def test_missing_data_or_weights(tmp_path: Path) -> None:
    error = f"The folder {tmp_path} holds neither train-images-idx3-ubyte nor train-images-idx3-ubyte.gz.\n"
    path = tmp_path / "none"
    assert run("train", "--mnist", tmp_path, "--weights", path, code=1).stderr == error
    assert run("evaluate", "--mnist", tmp_path, code=1).stderr == error
    error = f"Cannot use the weights file '{path}': No such file or directory. {ADVICE}\n"
    assert run("evaluate", "--weights", path, code=1).stderr == error


def test_mirror_setting(tmp_path: Path) -> None:
    """The first file is requested from the mirror. `test_mnist` tests that the files of a mirror are used."""
    defaults = {"THREE_OR_SEVEN_MNIST": "", "XDG_CACHE_HOME": str(tmp_path)}
    by_option = run("evaluate", "--mirror", MIRROR, code=1, **defaults)
    by_variable = run("evaluate", code=1, **defaults, THREE_OR_SEVEN_MIRRORS=MIRROR)
    for ended in (by_option, by_variable):
        assert f"Cannot download train-images-idx3-ubyte.\n{MIRROR}: " in ended.stderr
        assert "amazonaws" not in ended.stderr
