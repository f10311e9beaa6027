"""The connected pieces of a mask: which of them are background or dust, and which may be the digit."""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]

GRID_SIDE = 80
"""Longest side of the grid on which pieces are told apart: those that nearly touch count as one."""

SPECK = 0.06
"""Of the ink in the largest piece: less is dust."""

MOST_PIECES = 32
"""That are compared with each other: made-up pictures have hundreds, and the digit is among the largest."""

LEAST_DIGIT = 0.125
"""Of the grid's longest side: what is shorter is no digit that another piece could be the background of."""


class Piece(NamedTuple):
    """Where a piece lies on the grid."""

    blocks: Mask
    rows: slice
    columns: slice

    @property
    def length(self) -> int:
        return int(max(self.rows.stop - self.rows.start, self.columns.stop - self.columns.start))

    @property
    def borders(self) -> int:
        """How many of the picture's borders it touches."""
        height, width = self.blocks.shape
        rows, columns = self.rows, self.columns
        return sum((rows.start == 0, rows.stop == height, columns.start == 0, columns.stop == width))

    def is_behind(self, digit: "Piece") -> bool:
        """Whether it runs from border to border, or surrounds the digit on all four sides."""
        if digit.borders or digit.length >= self.length:
            return False
        y, x = (digit.rows.start + digit.rows.stop) // 2, (digit.columns.start + digit.columns.stop) // 2
        sides = self.blocks[y, :x], self.blocks[y, x:], self.blocks[:y, x], self.blocks[y:, x]
        return self.borders >= 2 or all(side.any() for side in sides)


class Pieces:
    """The pieces of a mask, and how much ink is in each."""

    def __init__(self, mask: Mask) -> None:
        self.mask = mask
        self.block = -(-max(mask.shape) // GRID_SIDE)
        height, width = mask.shape
        padded = np.pad(mask, ((0, -height % self.block), (0, -width % self.block)))
        ink = padded.reshape(padded.shape[0] // self.block, self.block, -1, self.block).sum(axis=(1, 3))
        self.labels = _label(ink > 0)
        self.amounts = np.bincount(self.labels.ravel(), weights=ink.ravel())

    def background(self) -> Mask:
        """Frames, boxes, rules, the edges of shadows and tables: what surrounds another piece or runs past it."""
        long = self._long()
        behind = np.zeros_like(self.labels, np.bool_)
        for piece in long:
            if any(piece.is_behind(other) for other in long):
                behind |= piece.blocks
        return self._enlarged(behind)

    def without_specks(self) -> Mask:
        """The mask's larger pieces."""
        large: Mask = (self.amounts >= SPECK * self.amounts.max())[self.labels]
        return np.logical_and(self.mask, self._enlarged(large))

    def _long(self) -> list[Piece]:
        """The largest pieces that are no shorter than a digit."""
        least = math.ceil(LEAST_DIGIT * max(self.labels.shape))
        blocks = np.bincount(self.labels.ravel())
        blocks[0] = 0  # what is in no piece
        largest = np.argsort(-blocks, kind="stable")[:MOST_PIECES]
        found = [self.labels == number for number in largest if blocks[number] >= least]
        pieces = [Piece(own, extent(own, 1), extent(own, 0)) for own in found]
        return [piece for piece in pieces if piece.length >= least]

    def _enlarged(self, grid: Mask) -> Mask:
        """A mask of the grid's blocks as one of the picture's pixels."""
        height, width = self.mask.shape
        return grid.repeat(self.block, axis=0).repeat(self.block, axis=1)[:height, :width]


def extent(mask: Mask, across: int) -> slice:
    """From the first to the last line of a mask that is not empty; `across` is the axis along a line."""
    places = np.flatnonzero(mask.any(axis=across))
    return slice(int(places[0]), int(places[-1]) + 1)


def _label(mask: Mask) -> NDArray[np.intp]:
    """Give every connected piece of a mask a number of its own. Pieces touch along sides or corners.

    Each pixel takes the least number in its neighbourhood, then that of the pixel which this number names, until
    nothing changes.
    """
    padded = np.pad(mask, 1)
    nobody = padded.size
    labels = np.where(padded, np.arange(nobody).reshape(padded.shape), nobody)
    while True:
        least = np.where(padded, _over_neighbours(np.minimum, labels, nobody), nobody)
        least[padded] = least.ravel()[least[padded]]
        if (least == labels).all():
            return np.where(mask, labels[1:-1, 1:-1], 0)
        labels = least


def grown(mask: Mask) -> Mask:
    """A mask and all that touches it: the soft edges of the ink."""
    grown: Mask = _over_neighbours(np.logical_or, mask, False)
    return grown


def _over_neighbours(combine: np.ufunc, values: NDArray[Any], outside: Any) -> NDArray[Any]:
    """Combine each value with its eight neighbours."""
    padded = np.pad(values, 1, constant_values=outside)
    across = combine(combine(padded[:, :-2], padded[:, 1:-1]), padded[:, 2:])
    combined: NDArray[Any] = combine(combine(across[:-2], across[1:-1]), across[2:])
    return combined
