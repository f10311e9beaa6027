"""The command line: `python -m model_training train | evaluate | check-gradients | diagnose`."""

from dataclasses import asdict
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from tempfile import TemporaryFile
from typing import Annotated

import matplotlib as mpl
import numpy as np
import typer
from matplotlib.figure import Figure
from rich.progress import Progress

from app.classifier import Classifier
from app.classifier.pixels import DIGITS
from app.classifier.weights import DEFAULT_PATH, Metadata, Weights, WeightsError, load, save
from model_training.display import console, follow, progress, show_checks, show_evaluation, show_fit, show_outliers
from model_training.evaluation.classifier import choose_threshold, evaluate, evaluate_outliers
from model_training.evaluation.figures import STYLE, loss_curves
from model_training.evaluation.fit import RENDERED
from model_training.evaluation.model_card import CARD, write_card
from model_training.evaluation.report import Report
from model_training.images.held_out import held_out
from model_training.images.mnist import MIRRORS, MNIST_SHA256, DataError, Digits, Mnist, load_mnist
from model_training.images.uploads import uploaded
from model_training.learning.backprop import Backpropagation
from model_training.learning.diagnosis import CHECKED_EXAMPLES, PASSES, VARIANTS, verdict
from model_training.learning.gradient_check import TOLERANCE, check_gradient
from model_training.learning.parameters import as_layers, initialize, size
from model_training.learning.trainer import Split, Trainer, TrainingSettings

MODEL_VERSION = "1.1.0"
LIBRARIES = ("numpy", "opencv-python-headless")
"""Libraries whose versions are stored with the weights, because the exact weights depend on them."""

DEFAULTS = TrainingSettings()
QUICK_EPOCHS = 36
QUICK_OUTLIER_SHARE = 0.4
QUICK_UPLOADS = 600
QUICK_RENDERED = 5
"""Settings of `--quick`. A smaller share of outliers leaves more of the short training to the digits."""

cli = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


def _writable_place(path: Path | None) -> Path | None:
    """Refuse a file whose folder is missing or read-only, before the work begins."""
    if path is not None:
        try:
            TemporaryFile(dir=path.parent).close()
        except OSError as error:
            raise typer.BadParameter(f"Cannot write in the folder {path.parent}: {error.strerror}.") from error
    return path


def _drawable(path: Path | None) -> Path | None:
    """Refuse a file name with a suffix that Matplotlib does not support, or that cannot be written."""
    formats = Figure().canvas.get_supported_filetypes()
    if path is not None and path.suffix[1:].lower() not in formats:
        raise typer.BadParameter(f"{path.name} has none of the endings {', '.join(sorted(formats))}.")
    return _writable_place(path)


MnistFolder = Annotated[
    Path | None,
    typer.Option("--mnist", envvar="THREE_OR_SEVEN_MNIST", help="Folder with MNIST's four IDX files, raw or .gz."),
]
Mirrors = Annotated[
    list[str],
    typer.Option("--mirror", envvar="THREE_OR_SEVEN_MIRRORS", help="URL to download MNIST from, without --mnist."),
]
Hidden = Annotated[tuple[int, int], typer.Option(min=1, help="Number of units of each hidden layer.")]
WeightsPath = Annotated[Path, typer.Option("--weights", help="Weights file; the model card is beside it.")]
NewWeightsPath = Annotated[
    Path,
    typer.Option(
        "--weights",
        help="Weights file to write; the model card is written beside it.",
        dir_okay=False,
        writable=True,
        callback=_writable_place,
    ),
]
FigurePath = Annotated[
    Path | None,
    typer.Option(help="Draw the loss curves to this file.", dir_okay=False, writable=True, callback=_drawable),
]
Rendered = Annotated[int, typer.Option(min=1, help="Number of digits per kind of picture to measure `fit` on.")]


@cli.command()
def train(
    mnist: MnistFolder = None,
    mirrors: Mirrors = MIRRORS,
    weights: NewWeightsPath = DEFAULT_PATH,
    hidden: Hidden = DEFAULTS.hidden,
    epochs: Annotated[int, typer.Option(min=1, help="Number of passes over the training images.")] = DEFAULTS.epochs,
    batch_size: Annotated[int, typer.Option(min=8, max=1000, help="Number of images per step.")] = DEFAULTS.batch_size,
    outlier_share: Annotated[
        float, typer.Option(min=0, max=0.9, help="Share of images in each batch that are neither 3 nor 7.")
    ] = DEFAULTS.outlier_share,
    learning_rate: Annotated[
        float, typer.Option(min=0, max=1, help="Maximum learning rate of Adam.")
    ] = DEFAULTS.learning_rate,
    seed: Annotated[int, typer.Option(min=0, help="Random seed.")] = DEFAULTS.seed,
    rendered: Rendered = RENDERED,
    quick: Annotated[
        bool,
        typer.Option(
            "--quick",
            help=f"Train for {QUICK_EPOCHS} epochs with {QUICK_OUTLIER_SHARE:.0%} outliers, in about a"
            " minute; the weights are good enough to try, not to use.",
        ),
    ] = False,
) -> None:
    """Train on MNIST's threes and sevens and write the weights file.

    The earlier weights are replaced at the end of the training; if it is interrupted, they stay.
    """
    if quick and (epochs, outlier_share, rendered) != (DEFAULTS.epochs, DEFAULTS.outlier_share, RENDERED):
        advice = "It sets --epochs, --outlier-share and --rendered. Leave these options out."
        raise typer.BadParameter(advice, param_hint="--quick")
    settings = TrainingSettings(
        hidden=hidden,
        epochs=QUICK_EPOCHS if quick else epochs,
        batch_size=batch_size,
        outlier_share=QUICK_OUTLIER_SHARE if quick else outlier_share,
        uploads=QUICK_UPLOADS if quick else DEFAULTS.uploads,
        learning_rate=learning_rate,
        seed=seed,
    )
    data = _load_mnist(mnist, mirrors)
    split = Split.of(data.train, settings)
    trainer = Trainer(split, _uploads(split, settings), settings)
    history = follow(trainer.epochs(), settings.epochs)

    unseen = held_out()
    threshold = choose_threshold(trainer.parameters, split.validation_others.images, unseen)
    classifier = Classifier(trainer.parameters, threshold)
    figures = {
        "validation": evaluate(classifier, split.validation, split.validation_others),
        "test": evaluate(classifier, data.test.only(*DIGITS), data.test.without(*DIGITS)),
    }
    confident = {kind.kind: kind.confident for kind in evaluate_outliers(classifier, unseen)}
    metadata = Metadata(
        version=MODEL_VERSION if settings == DEFAULTS else f"{MODEL_VERSION}+local",
        architecture=settings.architecture,
        threshold=threshold,
        training={
            "settings": settings.document(),
            "versions": {name: version(name) for name in LIBRARIES},
            "history": history,
        },
        data=MNIST_SHA256,
        metrics={name: asdict(evaluation) for name, evaluation in figures.items()} | {"held_out": confident},
    )
    save(weights, trainer.parameters, metadata)
    _report(load(weights), data, QUICK_RENDERED if quick else rendered, folder=weights.parent)


@cli.command("evaluate")
def evaluate_command(
    mnist: MnistFolder = None,
    mirrors: Mirrors = MIRRORS,
    weights: WeightsPath = DEFAULT_PATH,
    rendered: Rendered = RENDERED,
    write: Annotated[bool, typer.Option("--write", help="Write the model card and its figures.")] = False,
) -> None:
    """Measure the weights on MNIST's test images."""
    loaded = load(weights)  # fails before the download
    if write:
        _writable_place(weights)
        if "settings" not in loaded.metadata.training:
            raise typer.BadParameter("The weights have no training settings, which the model card shows.")
    _report(loaded, _load_mnist(mnist, mirrors), rendered, folder=weights.parent if write else None)


@cli.command("check-gradients")
def check_gradients(
    hidden: Hidden = DEFAULTS.hidden,
    seed: Annotated[int, typer.Option(min=0, help="Random seed of parameters, inputs and targets.")] = DEFAULTS.seed,
) -> None:
    """Compare the gradients of backpropagation with central differences."""
    architecture = TrainingSettings(hidden=hidden).architecture
    rng = np.random.default_rng(seed)
    flat = np.empty(size(architecture))
    initialize(flat, architecture, rng)
    inputs, wanted = rng.random((8, architecture[0])), rng.dirichlet([1, 1], 8)
    backpropagation = Backpropagation(architecture, len(inputs), np.float64)
    backpropagation(as_layers(flat, architecture), inputs, wanted)
    with console.status("Measuring"):
        checks = check_gradient(backpropagation.gradient, flat, architecture, inputs, wanted, 200, rng)
    worst = max(check.relative_error for check in checks)
    show_checks(" - ".join(map(str, architecture)), checks)
    console.print(f"Maximum relative error: {worst:.1e}. Up to {TOLERANCE:g} is rounding.", highlight=False)
    raise typer.Exit(int(worst > TOLERANCE))


@cli.command()
def diagnose(
    mnist: MnistFolder = None,
    mirrors: Mirrors = MIRRORS,
    figure: FigurePath = None,
) -> None:
    """Show why the training loop that this project began with did not learn: as posted, and with its errors fixed."""
    digits = _load_mnist(mnist, mirrors).train.only(*DIGITS)
    curves: dict[str, list[float]] = {}
    with Progress(console=console) as progress:
        for variant in VARIANTS:
            losses = progress.track(variant.train(digits), total=PASSES, description=variant.title)
            curves[variant.title] = list(losses)
    for variant in VARIANTS:
        show_checks(f"{variant.title}, on {CHECKED_EXAMPLES} examples", variant.check(digits))
        losses = np.array(curves[variant.title])
        console.print(
            f"Loss: {losses[0]:.3f} initially; over the last 100 passes {losses[-100:].min():.3f} to"
            f" {losses[-100:].max():.3f}, {losses[-100:].mean():.3f} on average.\n",
            highlight=False,
        )
    console.print(verdict(len(digits.labels)), highlight=False)
    if figure is not None:
        with mpl.rc_context(STYLE):
            loss_curves(curves).savefig(figure)
        console.print(f"The loss curves are in {figure}.")


def _uploads(split: Split, settings: TrainingSettings) -> Digits:
    """Render and fit training images, twice as many threes and sevens as other digits."""
    rng = np.random.default_rng(settings.seed)
    counts = settings.uploads, settings.uploads // 2
    seen = chain.from_iterable(uploaded(*part, rng) for part in zip((split.digits, split.others), counts, strict=True))
    images, labels = zip(*progress(seen, sum(counts), "Rendering uploads"), strict=True)
    return Digits(np.array(images), np.array(labels))


def _report(weights: Weights, data: Mnist, rendered: int, folder: Path | None) -> None:
    """Evaluate the weights, print the figures and, if a folder is given, write the model card there."""
    with console.status("Measuring"):
        report = Report.of(weights, data.test, rendered)
    show_evaluation(report.evaluation)
    show_outliers([*report.others, *report.unseen])
    show_fit(report.kinds)
    if folder is not None:
        write_card(report, folder)
        console.print(f"The model card is {folder / CARD}.")


def _load_mnist(folder: Path | None, mirrors: list[str]) -> Mnist:
    with console.status("Reading MNIST"):
        return load_mnist(folder, mirrors)


def main() -> None:
    """Run a command. Expected errors are printed without a traceback."""
    try:
        cli()
    except (DataError, WeightsError, OSError) as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main()
