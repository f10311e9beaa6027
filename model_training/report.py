"""The model card: what the weights are, what they were made of and how good they are, with figures.

Every number comes from the weights file or from `evaluate`.
"""

from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np

from app.classifier import Classifier
from app.classifier.pixels import DIGITS
from app.classifier.weights import Metadata, Weights
from model_training import figures
from model_training.data import Digits
from model_training.evaluation import CONFIDENT_SHARE, SURE, Evaluation, evaluate
from model_training.fit_evaluation import RENDERED, KindFigures, evaluate_fit
from model_training.parameters import size

CARD = "MODEL_CARD.md"


@dataclass(frozen=True)
class Report:
    """Figures of weights on MNIST's test images."""

    weights: Weights
    test: Digits
    evaluation: Evaluation
    kinds: list[KindFigures]
    """With `fit`, by kind of rendered picture"""

    @classmethod
    def of(cls, weights: Weights, test: Digits, rendered: int = RENDERED) -> "Report":
        """Measure weights on the test images, `rendered` of which are drawn as each kind of picture."""
        classifier = Classifier(weights.parameters, weights.metadata.threshold)
        digits, others = test.only(*DIGITS), test.without(*DIGITS)
        kinds = evaluate_fit(classifier, digits, others, rendered)
        return cls(weights, test, evaluate(classifier, digits, others), kinds)

    def write(self, folder: Path) -> None:
        """Write the model card and its figures."""
        metadata, digits = self.weights.metadata, self.test.only(*DIGITS)
        predict = Classifier(self.weights.parameters, metadata.threshold).predict
        probabilities = predict(digits.images).probabilities
        others = predict(self.test.without(*DIGITS).images).probabilities.max(axis=1)
        (folder / CARD).write_text(card(metadata, self.evaluation, self.kinds), encoding="utf-8")
        with mpl.rc_context(figures.STYLE):
            for name, figure in {
                "history": figures.history(metadata.training),
                "reliability": figures.reliability_diagram(probabilities, digits.labels),
                "confidence": figures.confidence(probabilities.max(axis=1), others, metadata.threshold),
                "hardest": figures.hardest(digits, probabilities),
                "fit": figures.rendered_kinds(self.kinds),
                "receptive-fields": figures.receptive_fields(self.weights.parameters),
            }.items():
                figure.savefig(folder / f"{name}.png", metadata={"Software": None})


def card(metadata: Metadata, test: Evaluation, kinds: list[KindFigures]) -> str:
    """The text of the card, in Markdown."""
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
    return f"""# Model card: {metadata.name} {metadata.version}

Tells a handwritten 3 from a 7 in an image of 28 x 28 pixels, light ink on a dark ground, and says how sure it is.

## Use

Meant for single digits, drawn or scanned, in learning, demonstrations and tests of software. It is not meant for
anything that depends on a digit being read right, such as cheques, post or health records.

It answers with the probabilities of 3 and of 7. What is neither mostly gets about even odds, and is not `confident`:
the likelier digit's probability stays below {metadata.threshold:.3f}.

## Figures

On MNIST's test images, which no choice was made on: {test.images:,} threes and sevens, {test.others:,} other digits.
Other digits and noise are kinds of outliers that it has learnt from, if not these images.

| figure | test | validation |
|---|---|---|
| errors | {test.errors} of {test.images:,} | {validation["errors"]} of {validation["images"]:,} |
| accuracy | {test.accuracy:.2%} | {validation["accuracy"]:.2%} |
| negative log-likelihood, nats | {test.loss:.4f} | {validation["loss"]:.4f} |
| expected calibration error | {test.calibration_error:.4f} | {validation["calibration_error"]:.4f} |
| threes and sevens that are `confident` | {test.confident:.2%} | {validation["confident"]:.2%} |
| other digits that are `confident` | {test.others_confident:.2%} | {validation["others_confident"]:.2%} |
| other digits above {SURE} | {test.others_sure:.2%} | {validation["others_sure"]:.2%} |
| AUROC of confidence, 3 and 7 against other digits | {test.auroc:.4f} | {validation["auroc"]:.4f} |
| highest confidence on blank and noise images | {test.noise_confidence:.3f} | {validation["noise_confidence"]:.3f} |

| test images: it is a | read as 3 | read as 7 |
|---|---|---|
{rows}

![Distribution of confidence on threes and sevens and on other digits](confidence.png)

![Reliability diagram: accuracy by stated confidence](reliability.png)

The test images that it finds hardest, with the probability of the true digit; red frames are errors:

![The hardest test images](hardest.png)

### With `fit`

{kinds[0].images} of the test images of 3 and 7, and as many of other digits, rendered as each kind of picture and read
with `fit=true`:

| kind of picture | wrong | confident and wrong | not confident | other digits confident |
|---|---|---|---|---|
{fits}

One picture of each kind, and beside it what the network saw:

![Pictures of each kind, and what the network saw](fit.png)

## How it was made

A multilayer perceptron, {units}, with sigmoid hidden units and softmax output: {parameters:,} parameters. Trained by
backpropagation in NumPy on the cross-entropy, with Adam, for {settings["epochs"]} passes over MNIST's training images
of 3 and 7, less {settings["validation_fraction"]:.0%} held out for validation. Of each batch of
{settings["batch_size"]}, {settings["outlier_share"]:.0%} are outliers with the target 0.5 / 0.5 (outlier exposure:
Hendrycks, Mazeika and Dietterich 2019): other digits above all, strokes, noise, and threes and sevens inverted,
mirrored and cut. The learning rate rises for {settings["warm_up_steps"]} steps to {settings["learning_rate"]}, and
falls along a cosine.

Each image is seen in ever new copies: turned by up to {augmentation["rotation"]:g} degrees, shifted by up to
{augmentation["shift"]:g} pixels, scaled by factors from {np.exp(-augmentation["scale"]):.2f} to
{np.exp(augmentation["scale"]):.2f}, sheared, bent, drawn with thinner and thicker pens and with fainter ink.

The threshold of `confident` is a confidence that {CONFIDENT_SHARE:.0%} of the validation images of 3 and 7 reach.

![Loss and validation errors over the epochs](history.png)

What {fields} units of the first layer look for: blue ink excites them, orange ink inhibits them:

![Receptive fields of the first layer](receptive-fields.png)

Seed {settings["seed"]}; {versions}. The same seed on the same machine gives the same weights, bit for bit.

## Data

MNIST, by Yann LeCun and Corinna Cortes, derived from NIST's databases, under CC BY-SA 3.0. SHA-256 of the files:

| file | SHA-256 |
|---|---|
{checksums}

## Limits

- It learnt from digits as people in the United States wrote them around 1990. Other ways to write a 3 or a 7 may be
  unknown to it.
- Some other digits look so much like a 3 or a 7 that they are read as one, with confidence; the figures say how many.
- Of what is no digit it has seen strokes and noise in training, but no letters: a T, or a 1 with a long flag, may be
  read as a 7 with confidence.
- It sees one digit in the middle of 28 x 28 pixels. Of two digits, or a piece of one, it can say nothing.
"""
