"""Makes training images as the service sees them after `fit`: drawn with other pens, cropped, and fitted.

They are drawn on clean paper, since `fit` removes the background.
"""

from collections.abc import Iterator

import numpy as np

from app.classifier.pixels import Grey
from app.errors import ImageBlank
from app.preprocessing.fit import fit
from model_training.images.mnist import Digits
from model_training.images.renderings import PENS


def uploaded(digits: Digits, count: int, rng: np.random.Generator) -> Iterator[tuple[Grey, int]]:
    """Yield `count` images and labels: random digits, each rendered as a random kind of picture and fitted.

    If `fit` finds nothing in a picture, the original image is yielded.
    """
    kinds = list(PENS.values())
    for index in rng.integers(len(digits.labels), size=count):
        picture = kinds[rng.integers(len(kinds))](digits.images[index], rng)
        try:
            yield fit(picture).pixels, digits.labels[index]
        except ImageBlank:
            yield digits.images[index], digits.labels[index]
