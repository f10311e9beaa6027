"""Writes the model card: what the weights are, how they were made, how good they are.

Every number comes from the weights file or from a measurement.
"""

from pathlib import Path

import matplotlib as mpl
import numpy as np

from app.classifier import Classifier
from app.classifier.pixels import DIGITS
from model_training.evaluation import figures
from model_training.evaluation.classifier import MAX_HELD_OUT, MAX_OTHERS, SURE, calibration_error
from model_training.evaluation.fit import all_answers
from model_training.evaluation.report import Report
from model_training.learning.parameters import size

CARD = "MODEL_CARD.md"


def write_card(report: Report, folder: Path) -> None:
    """Write the model card and its figures."""
    metadata, digits = report.weights.metadata, report.test.only(*DIGITS)
    predict = Classifier(report.weights.parameters, metadata.threshold).predict
    probabilities = predict(digits.images).probabilities
    others = predict(report.test.without(*DIGITS).images).probabilities.max(axis=1)
    right = np.array(DIGITS)[probabilities.argmax(axis=1)] == digits.labels
    (folder / CARD).write_text(card(report), encoding="utf-8")
    with mpl.rc_context(figures.STYLE):
        for name, figure in {
            "history": figures.history(metadata.training),
            "reliability": figures.reliability_diagrams(
                {"as they are": (probabilities.max(axis=1), right), "with fit": all_answers(report.kinds)}
            ),
            "confidence": figures.confidence(probabilities.max(axis=1), others, metadata.threshold),
            "hardest": figures.hardest(digits, probabilities),
            "neither": figures.hardest_outliers([*report.others, *report.unseen]),
            "fit": figures.rendered_kinds(report.kinds),
            "receptive-fields": figures.receptive_fields(report.weights.parameters),
        }.items():
            figure.savefig(folder / f"{name}.png", metadata={"Software": None})


def card(report: Report) -> str:
    """Return the text of the card, in Markdown."""
    metadata, test, kinds = report.weights.metadata, report.evaluation, report.kinds
    settings = metadata.training["settings"]
    augmentation = settings["augmentation"]
    validation = metadata.metrics["validation"]
    units = " - ".join(map(str, metadata.architecture))
    parameters = size(metadata.architecture)
    fields = min(figures.RECEPTIVE_FIELDS, metadata.architecture[1])
    versions = ", ".join(f"{name} {version}" for name, version in metadata.training["versions"].items())
    rows = "\n".join(
        f"| {true} | {counts[0]} | {counts[1]} |" for true, counts in zip(DIGITS, test.confusion, strict=True)
    )
    checksums = "\n".join(f"| `{name}` | `{checksum}` |" for name, checksum in metadata.data.items())
    fits = "\n".join(
        f"| {kind.kind} | {kind.wrong} | {kind.confident_and_wrong} | {kind.not_confident} | {kind.others_confident} |"
        for kind in kinds
    )
    neither = "\n".join(
        f"| {row.kind} | {row.images:,} | {row.confident:.2%} | {row.confidence:.3f} |"
        for row in (*report.others, *report.unseen)
    )
    unseen = np.mean([row.confident for row in report.unseen])
    return f"""# Model card: {metadata.name} {metadata.version}

Tells a handwritten 3 from a 7 in an image of 28 x 28 pixels, light ink on a dark background, with probabilities.

## Use

It is meant for single digits, drawn or scanned, in education, demonstrations and tests of software. It is not meant for
purposes that depend on a correct answer, such as cheques, post or health records.

It answers with the probabilities of 3 and of 7. For most images of anything else both are about a half, and the answer
is not `confident`: the larger probability stays below the threshold, {metadata.threshold:.3f}.

## Figures

On MNIST's test images: {test.images:,} threes and sevens, {test.others:,} other digits. The default
settings were chosen on the validation images. The last choice, between two sets of settings, was made after rendered
test images were seen as well.

| figure | test | validation |
|---|---|---|
| errors | {test.errors} of {test.images:,} | {validation["errors"]} of {validation["images"]:,} |
| accuracy | {test.accuracy:.2%} | {validation["accuracy"]:.2%} |
| negative log-likelihood, nats | {test.loss:.4f} | {validation["loss"]:.4f} |
| expected calibration error (ECE) | {test.calibration_error:.4f} | {validation["calibration_error"]:.4f} |
| coverage: threes and sevens that are `confident` | {test.coverage:.2%} | {validation["coverage"]:.2%} |
| other digits that are `confident` | {test.others_confident:.2%} | {validation["others_confident"]:.2%} |
| other digits above {SURE} | {test.others_sure:.2%} | {validation["others_sure"]:.2%} |
| AUROC of confidence, 3 and 7 against other digits | {test.auroc:.4f} | {validation["auroc"]:.4f} |
| highest confidence on blank and noise images | {test.noise_confidence:.3f} | {validation["noise_confidence"]:.3f} |

| test images: it is a | read as 3 | read as 7 |
|---|---|---|
{rows}

![Distribution of confidence on threes and sevens and on other digits](confidence.png)

Reliability diagrams of the threes and sevens, as they are, and with `fit` as in the pictures below:

![Reliability diagrams: accuracy by confidence](reliability.png)

The test images whose true digit has the lowest probability; red frames are errors:

![The hardest test images](hardest.png)

### Images of neither digit

The images of MNIST's other digits are from its test images; the training has other images of them. The fonts, letters,
ones and sketches of the other kinds are not in the training at all. {unseen:.2%} of these are `confident`, on average
over the kinds (out-of-distribution false positive rate). The kinds of outliers and the threshold were chosen by them.

| kind | images | `confident` | highest confidence |
|---|---|---|---|
{neither}

The image of each kind with the highest confidence:

![The image of neither digit with the highest confidence, of each kind](neither.png)

### With `fit`

{kinds[0].images} of the test images of 3 and 7, and as many of other digits, rendered as each kind of picture and read
with `fit=true`:

| kind of picture | wrong | confident and wrong | not confident | other digits confident |
|---|---|---|---|---|
{fits}

The ECE of the threes and sevens of all these kinds together is {calibration_error(*all_answers(kinds)):.4f}.

One picture of each kind, and beside it what the network saw:

![Pictures of each kind, and what the network saw](fit.png)

## How it was made

A multilayer perceptron, {units}, with sigmoid hidden units and softmax output: {parameters:,} parameters.
It was trained by backpropagation in NumPy on the cross-entropy, with Adam and weight decay, for
{settings["epochs"]} passes over MNIST's training images of 3 and 7, without the {settings["validation_fraction"]:.0%}
that are held out for validation. Of the threes and sevens in each batch, {settings["upload_share"]:.0%} are seen as
uploads: drawn with other pens, cropped and fitted.
In each batch of {settings["batch_size"]}, {settings["outlier_share"]:.0%} are outliers with the target 0.5 / 0.5
(outlier exposure: Hendrycks, Mazeika and Dietterich 2019): other digits, letters and signs of fonts, drawn shapes that
resemble a 3 or a 7, scribbles, noise, and threes and sevens that are cut, mirrored, inverted or doubled. The learning
rate rises to {settings["learning_rate"]} over {settings["warm_up_steps"]} steps, and falls along half a cosine.

Each image is seen in copies that are new each time: rotated by up to {augmentation["rotation"]:g} degrees, shifted by
up to {augmentation["shift"]:g} pixels, scaled by factors from {np.exp(-augmentation["scale"]):.2f} to
{np.exp(augmentation["scale"]):.2f}, sheared, bent, drawn with thinner and thicker pens and with fainter ink.

The threshold is the lowest at which at most {MAX_OTHERS:.1%} of the validation images of other digits and
{MAX_HELD_OUT:.0%} of the held-out images, on average over their kinds, are `confident`, rounded up to three decimals.

![Loss and validation errors over the epochs](history.png)

Weights of {fields} units of the first layer: positive ones are blue, negative ones orange.

![Receptive fields of the first layer](receptive-fields.png)

Seed {settings["seed"]}; {versions}. The same seed on the same machine gives the same weights, bit for bit.

## Data

MNIST, by Yann LeCun and Corinna Cortes, derived from NIST's databases, under CC BY-SA 3.0. SHA-256 of the files:

| file | SHA-256 |
|---|---|
{checksums}

## Limits

- MNIST's digits were written by people in the United States around 1990. Other ways to write a 3 or a 7 may not be
  recognized.
- Some other digits and letters look like a 3 or a 7 and are `confident`; the tables show how many.
- The network sees one digit in the middle of 28 x 28 pixels. It cannot tell that a digit is one of two, or a part of
  one; with `fit`, a second digit makes the answer not `confident`.
"""
