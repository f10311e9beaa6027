"""Measures weights on the images that judge them: MNIST's test images, and images that the training does not use."""

from dataclasses import dataclass

from app.classifier import Classifier
from app.classifier.pixels import DIGITS
from app.classifier.weights import Weights
from model_training.evaluation.classifier import Evaluation, OutlierFigures, evaluate, evaluate_outliers
from model_training.evaluation.fit import RENDERED, KindFigures, evaluate_fit
from model_training.images.held_out import held_out
from model_training.images.mnist import Digits

OTHER_DIGITS = {0: "zeros", 1: "ones", 2: "twos", 4: "fours", 5: "fives", 6: "sixes", 8: "eights", 9: "nines"}


@dataclass(frozen=True)
class Report:
    """Figures of weights on MNIST's test images and on images that are held out of the training."""

    weights: Weights
    test: Digits
    evaluation: Evaluation
    others: list[OutlierFigures]
    """By digit, on MNIST's other digits"""
    unseen: list[OutlierFigures]
    """By kind, on the images of `held_out`"""
    kinds: list[KindFigures]
    """With `fit`, by kind of rendered picture"""

    @classmethod
    def of(cls, weights: Weights, test: Digits, rendered: int = RENDERED) -> "Report":
        """Measure weights; `rendered` of the test images are drawn as each kind of picture."""
        classifier = Classifier(weights.parameters, weights.metadata.threshold)
        digits, others = test.only(*DIGITS), test.without(*DIGITS)
        by_digit = {f"MNIST, {name}": test.only(digit).images for digit, name in OTHER_DIGITS.items()}
        return cls(
            weights=weights,
            test=test,
            evaluation=evaluate(classifier, digits, others),
            others=evaluate_outliers(classifier, by_digit),
            unseen=evaluate_outliers(classifier, held_out()),
            kinds=evaluate_fit(classifier, digits, others, rendered),
        )
