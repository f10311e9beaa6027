"""The command line: `python -m model_training train | evaluate`."""

from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from threadpoolctl import threadpool_limits

from app.classifier import Classifier
from app.classifier.pixels import DIGITS
from app.classifier.weights import DEFAULT_PATH, Metadata, WeightsError, load, save
from model_training.data import MIRRORS, MNIST_SHA256, DataError, Mnist, load_mnist
from model_training.evaluation import Evaluation, choose_threshold, evaluate
from model_training.trainer import Trainer, TrainingSettings

MODEL_VERSION = "0.1.0"
LIBRARIES = ("numpy", "opencv-python-headless")
"""Their versions are stored with the weights, which depend on them to the last bit."""

DEFAULTS = TrainingSettings()

cli = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
console = Console()

MnistFolder = Annotated[
    Path | None,
    typer.Option("--mnist", envvar="THREE_OR_SEVEN_MNIST", help="Folder with MNIST's four IDX files, raw or .gz."),
]
Mirrors = Annotated[
    list[str],
    typer.Option("--mirror", envvar="THREE_OR_SEVEN_MIRRORS", help="Where to download MNIST from, without --mnist."),
]
WeightsPath = Annotated[Path, typer.Option("--weights", help="The weights file.")]


@cli.command()
def train(
    mnist: MnistFolder = None,
    mirrors: Mirrors = MIRRORS,
    weights: WeightsPath = DEFAULT_PATH,
    hidden: Annotated[tuple[int, int], typer.Option(min=1, help="Units of the two hidden layers.")] = DEFAULTS.hidden,
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the training images.")] = DEFAULTS.epochs,
    batch_size: Annotated[int, typer.Option(min=1, max=1024, help="Images a step.")] = DEFAULTS.batch_size,
    learning_rate: Annotated[float, typer.Option(min=0, max=1, help="Adam's, at the start.")] = DEFAULTS.learning_rate,
    seed: Annotated[int, typer.Option(min=0, help="Of every random choice.")] = DEFAULTS.seed,
) -> None:
    """Train on MNIST's threes and sevens and write the weights file.

    Interrupt it when you like: the earlier weights stay as they are until the new ones are finished.
    """
    weights.parent.mkdir(parents=True, exist_ok=True)  # now, and not at the end, if it fails
    settings = TrainingSettings(hidden, epochs, batch_size, learning_rate, seed=seed)
    data = _load_mnist(mnist, mirrors)
    digits = data.train.only(*DIGITS)
    training, validation = digits.split(settings.validation_fraction, np.random.default_rng(settings.seed))
    trainer = Trainer(training, validation, settings)
    _run(trainer, settings)

    classifier = Classifier(trainer.parameters, choose_threshold(trainer.parameters, validation))
    figures = {"validation": evaluate(classifier, validation), "test": evaluate(classifier, data.test.only(*DIGITS))}
    metadata = Metadata(
        version=MODEL_VERSION,
        architecture=settings.architecture,
        threshold=classifier.threshold,
        training={"settings": asdict(settings), "versions": {name: version(name) for name in LIBRARIES}},
        data=MNIST_SHA256,
        metrics={name: asdict(evaluation) for name, evaluation in figures.items()},
    )
    save(weights, trainer.parameters, metadata)
    for name, evaluation in figures.items():
        _show(name, evaluation)
    console.print(f"Wrote {weights}.")


@cli.command("evaluate")
def evaluate_command(
    mnist: MnistFolder = None, mirrors: Mirrors = MIRRORS, weights: WeightsPath = DEFAULT_PATH
) -> None:
    """Measure the weights on MNIST's 2,038 test images of 3 and 7."""
    loaded = load(weights)
    test = _load_mnist(mnist, mirrors).test.only(*DIGITS)
    _show("test", evaluate(Classifier(loaded.parameters, loaded.metadata.threshold), test))


def _load_mnist(folder: Path | None, mirrors: list[str]) -> Mnist:
    with console.status("Reading MNIST"):
        return load_mnist(folder, mirrors)


def _run(trainer: Trainer, settings: TrainingSettings) -> None:
    columns = (
        TextColumn("Epoch"),
        MofNCompleteColumn(),
        BarColumn(),
        TextColumn("loss {task.fields[loss]:.4f}, validation errors {task.fields[errors]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("", total=settings.epochs, loss=np.nan, errors="?")
        for epoch in trainer.epochs():
            progress.update(task, completed=epoch.number, loss=epoch.loss, errors=epoch.validation_errors)


def _show(name: str, figures: Evaluation) -> None:
    table = Table(
        "is", *(f"read as {digit}" for digit in DIGITS), title=f"{figures.images} {name} images", title_justify="left"
    )
    for digit, counts in zip(DIGITS, figures.confusion, strict=True):
        table.add_row(str(digit), *map(str, counts))
    console.print(table)
    console.print(
        f"{figures.errors} errors, accuracy {figures.accuracy:.2%}, loss {figures.loss:.4f},"
        f" {figures.confident:.1%} confident",
        highlight=False,
    )


def main() -> None:
    """Run a command; say in plain words what cannot be done."""
    try:
        with threadpool_limits(1):  # these matrices are too small to be worth sharing out
            cli()
    except (DataError, WeightsError, OSError) as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main()
