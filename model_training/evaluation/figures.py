"""Draws the figures of the model card and of `diagnose`."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from app.classifier.attribution import DIGIT_COLORS
from app.classifier.network import Array, Parameters
from app.classifier.pixels import DIGITS, IMAGE_SHAPE
from model_training.evaluation.classifier import OutlierFigures, reliability
from model_training.evaluation.fit import KindFigures
from model_training.images.mnist import Digits

HARDEST = 20
"""Number of test images that are shown as the hardest."""
RECEPTIVE_FIELDS = 40
"""Maximum number of units whose weights are shown."""
SMOOTHED = 20
"""Number of passes over which loss curves are averaged."""
OTHERS_COLOR = "#777777"
DOTS = 110
"""Resolution of the figures, in dots per inch."""
STYLE: dict[Any, Any] = {
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.constrained_layout.use": True,
    "figure.dpi": DOTS,
    "font.size": 10,
    "savefig.dpi": DOTS,
}
"""Settings for `matplotlib.rc_context`."""


def history(training: dict[str, Any]) -> Figure:
    """Draw losses and validation errors over the epochs, from the metadata of the weights."""
    epochs, least = training["history"], training["settings"]["outlier_share"] * np.log(2)
    figure = Figure(figsize=(7, 2.8))
    losses, errors = figure.subplots(1, 2)
    numbers = range(1, len(epochs["loss"]) + 1)
    losses.plot(numbers, epochs["loss"], color=OTHERS_COLOR, label="training, with outliers")
    if least:
        losses.axhline(least, color=OTHERS_COLOR, linestyle=":", linewidth=1, label="its minimum")
    losses.plot(numbers, epochs["validation_loss"], color=DIGIT_COLORS[7], label="validation, 3 and 7 only")
    losses.set(xlabel="epoch", ylabel="loss, nats", yscale="log")
    losses.legend(frameon=False, fontsize=8)
    errors.plot(numbers, epochs["validation_errors"], color=DIGIT_COLORS[7], linewidth=1)
    errors.set(xlabel="epoch", ylabel="validation errors", yscale="symlog", ylim=(0, None))
    errors.set_yticks([0, 1, 10, 100], ["0", "1", "10", "100"])
    return figure


def reliability_diagrams(answers: Mapping[str, tuple[Array, NDArray[np.bool_]]]) -> Figure:
    """Draw accuracy against confidence, with the share of the images at each point.

    answers: for each diagram the confidence (n,) and whether the answer is right (n,).
    """
    figure = Figure(figsize=(7, 3.4))
    for axes, (title, values) in zip(figure.subplots(1, len(answers), sharey=True), answers.items(), strict=True):
        share, stated, actual = reliability(*values).T
        axes.plot([0.5, 1], [0.5, 1], color=OTHERS_COLOR, linewidth=1, linestyle=":")
        axes.scatter(stated, actual, s=30 + 300 * share, color=DIGIT_COLORS[7], alpha=0.8)
        for x, y, part in zip(stated, actual, share, strict=True):
            beside, end = (-0.05, "top") if y > 0.2 else (0.05, "bottom")
            axes.annotate(f"{part:.2%}", (x, y + beside), ha="center", va=end, rotation="vertical", fontsize=7)
        axes.set(xlabel="confidence", xlim=(0.48, 1.04), ylim=(-0.05, 1.08))
        axes.set_title(title, fontsize=10)
    figure.supylabel("share of right answers", fontsize=10)
    return figure


def confidence(digits: Array, others: Array, threshold: float) -> Figure:
    """Draw the distribution of confidence on threes and sevens and on other digits."""
    figure = Figure(figsize=(7, 2.8))
    axes = figure.subplots()
    bins = np.linspace(0.5, 1, 51).tolist()
    for values, color, label in (
        (digits, DIGIT_COLORS[7], "threes and sevens"),
        (others, OTHERS_COLOR, "other digits"),
    ):
        axes.hist(values, bins, weights=np.full(len(values), 1 / len(values)), color=color, alpha=0.75, label=label)
    axes.axvline(threshold, color="black", linewidth=1, linestyle=":", label=f"threshold {threshold:.3f}")
    axes.set(xlabel="confidence", ylabel="share of the images", yscale="log", xlim=(0.5, 1))
    axes.legend(frameon=False, fontsize=8, loc=(0.2, 0.7))
    return figure


def hardest(digits: Digits, probabilities: Array) -> Figure:
    """Draw the test images whose true digit has the lowest probability."""
    true = probabilities[np.arange(len(digits.labels)), np.searchsorted(DIGITS, digits.labels)]
    figure = Figure(figsize=(7, 1.75))
    for axes, index in zip(figure.subplots(2, HARDEST // 2).flat, np.argsort(true)[:HARDEST], strict=True):
        axes.imshow(digits.images[index], cmap="gray")
        axes.set(xticks=[], yticks=[])
        axes.set_title(f"{digits.labels[index]}: {true[index]:.2f}", fontsize=8, pad=2)
        axes.spines[:].set(visible=bool(true[index] < 0.5), color="red", linewidth=2)
    return figure


def hardest_outliers(kinds: Sequence[OutlierFigures]) -> Figure:
    """Draw the image of each kind of outlier that has the highest confidence."""
    columns = -(-len(kinds) // 2)
    figure = Figure(figsize=(7.5, 2.9))
    grid = figure.subplots(2, columns)
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, kind in zip(grid.flat, kinds, strict=False):
        axes.imshow(kind.hardest, cmap="gray")
        axes.set_title(f"{textwrap.fill(kind.kind, 15)}\n{kind.confidence:.3f}", fontsize=7, pad=2)
    return figure


def receptive_fields(parameters: Parameters) -> Figure:
    """Draw the weights of the first-layer units with the largest weights to the next layer, each on its own scale."""
    (W, _), (onward, _), *_ = parameters
    units = np.argsort(-np.linalg.norm(onward, axis=1))[:RECEPTIVE_FIELDS]
    fields = W[:, units].T / np.abs(W[:, units]).max(axis=0)[:, None]
    framed = np.pad(fields.reshape(-1, *IMAGE_SHAPE), ((0, -len(units) % 4), (1, 1), (1, 1)))
    rows = [np.hstack(list(row)) for row in np.split(framed, 4)]
    picture = np.kron(np.vstack(rows), np.ones((2, 2)))
    height, width = picture.shape
    figure = Figure(figsize=(width / DOTS, height / DOTS))
    figure.figimage(picture, cmap=_diverging(), vmin=-1, vmax=1)
    return figure


def rendered_kinds(kinds: Sequence[KindFigures]) -> Figure:
    """Draw one picture of each kind, and beside it the 28 x 28 pixels that the network reads."""
    rows = -(-len(kinds) // 3)
    figure = Figure(figsize=(7.5, 1.15 * rows))
    grid = figure.subplots(rows, 6)
    for axes in grid.flat:
        axes.set_axis_off()
    for (picture, seen), kind in zip(grid.reshape(-1, 2), kinds, strict=False):
        picture.imshow(kind.picture, cmap="gray", vmin=0, vmax=255)
        picture.set_title(kind.kind, fontsize=7, pad=2, loc="left")
        seen.imshow(kind.seen, cmap="gray")
    return figure


def _diverging() -> mpl.colors.Colormap:
    ends = DIGIT_COLORS[3], "white", DIGIT_COLORS[7]
    return mpl.colors.LinearSegmentedColormap.from_list("three-or-seven", ends)


def loss_curves(curves: dict[str, list[float]]) -> Figure:
    """Draw the loss of each variant: each pass in a faint colour, and the moving average over `SMOOTHED` passes."""
    figure = Figure(figsize=(7, 3.2))
    axes = figure.subplots()
    colors = OTHERS_COLOR, DIGIT_COLORS[3], "black", DIGIT_COLORS[7]
    for color, (title, losses) in zip(colors, curves.items(), strict=True):
        passes = np.arange(1, len(losses) + 1)
        smooth = np.convolve(losses, np.full(SMOOTHED, 1 / SMOOTHED), "valid")
        axes.plot(passes, losses, color=color, alpha=0.15, linewidth=0.8)
        axes.plot(passes[SMOOTHED - 1 :], smooth, color=color, label=title)
    axes.set(xlabel="pass over all training images", ylabel="loss, nats", yscale="log")
    axes.set_yticks([0.1, 1, 10], ["0.1", "1", "10"])
    figure.legend(frameon=False, fontsize=9, loc="outside upper center", ncols=len(curves))
    return figure
