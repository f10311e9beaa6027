"""Prints progress and results in the terminal."""

from collections.abc import Iterable
from typing import TypeVar

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn, track
from rich.table import Column, Table

from app.classifier.pixels import DIGITS
from model_training.evaluation.classifier import SURE, Evaluation, OutlierFigures, calibration_error
from model_training.evaluation.fit import KindFigures, all_answers
from model_training.learning.gradient_check import Check
from model_training.learning.trainer import Epoch

T = TypeVar("T")
console = Console()


def follow(epochs: Iterable[Epoch], total: int) -> dict[str, list[float]]:
    """Train with a progress bar. Return the history: for each measure, a list with a value per epoch."""
    history: dict[str, list[float]] = {"loss": [], "validation_loss": [], "validation_errors": []}
    columns = (
        TextColumn("Epoch"),
        MofNCompleteColumn(),
        BarColumn(),
        TextColumn("loss {task.fields[loss]:.4f}, validation errors {task.fields[errors]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("", total=total, loss=np.nan, errors="?")
        for epoch in epochs:
            progress.update(task, completed=epoch.number, loss=epoch.loss, errors=epoch.validation_errors)
            for name, values in history.items():
                values.append(round(getattr(epoch, name), 5))
    return history


def progress(items: Iterable[T], total: int, description: str) -> list[T]:
    """Collect the items with a progress bar."""
    return list(track(items, description, total, console=console))


def show_checks(title: str, checks: list[Check]) -> None:
    """Print how each tensor's gradient compares with central differences."""
    columns = "tensor", "parameters", "relative error", "length ratio", "angle, degrees"
    table = Table(*columns, title=title, title_justify="left")
    for check in checks:
        numbers = f"{check.relative_error:.1e}", f"{check.length:.4g}", f"{check.angle:.3g}"
        table.add_row(check.tensor, str(check.parameters), *numbers)
    console.print(table)


def show_evaluation(figures: Evaluation) -> None:
    """Print the figures on the test images."""
    table = Table("is", *(f"read as {digit}" for digit in DIGITS), title="Test images", title_justify="left")
    for digit, counts in zip(DIGITS, figures.confusion, strict=True):
        table.add_row(str(digit), *map(str, counts))
    console.print(table)
    for line in (
        f"Errors: {figures.errors} of {figures.images}, accuracy {figures.accuracy:.2%}, loss {figures.loss:.4f}",
        f"Expected calibration error {figures.calibration_error:.4f}, coverage {figures.coverage:.2%}",
        f"{figures.others} other digits: {figures.others_sure:.2%} above {SURE},"
        f" {figures.others_confident:.2%} confident, AUROC {figures.auroc:.4f}",
        f"Blank, full and noise images: maximum confidence {figures.noise_confidence:.3f}",
    ):
        console.print(line, highlight=False)


def show_outliers(kinds: list[OutlierFigures]) -> None:
    """Print how many images of each kind of neither digit are confident."""
    counted = "images", "confident", "highest confidence"
    columns = Column("kind", no_wrap=True), *(Column(name, justify="right") for name in counted)
    table = Table(*columns, title="Images of neither digit", title_justify="left")
    for kind in kinds:
        table.add_row(kind.kind, str(kind.images), f"{kind.confident:.2%}", f"{kind.confidence:.3f}")
    console.print(table)


def show_fit(kinds: list[KindFigures]) -> None:
    """Print the number of errors with `fit` for each kind of rendered picture."""
    counted = "wrong", "confident and wrong", "not confident", "others confident"  # wrap; the kind does not
    columns = Column("kind", no_wrap=True), *(Column(name, justify="right") for name in counted)
    table = Table(*columns, title=f"With fit, of {kinds[0].images} test images", title_justify="left")
    for kind in kinds:
        counts = kind.wrong, kind.confident_and_wrong, kind.not_confident, kind.others_confident
        table.add_row(kind.kind, *map(str, counts))
    console.print(table)
    console.print(f"Expected calibration error with fit: {calibration_error(*all_answers(kinds)):.4f}", highlight=False)
