"""Handwritten strokes, drawn with a mouse or a finger."""

import math
from collections.abc import Sequence
from typing import TypeAlias

from playwright.sync_api import Page

Stroke: TypeAlias = Sequence[tuple[float, float]]
"""Points (x, y) from 0 to 1."""


def arc(x: float, y: float, across: float, down: float, start: float, end: float) -> Stroke:
    """Make an arc of an ellipse between two angles in degrees; 0 is right, 90 is down."""
    angles = [math.radians(start + (end - start) * step / 12) for step in range(13)]
    return [(x + across * math.cos(angle), y + down * math.sin(angle)) for angle in angles]


DIGITS: dict[str, list[Stroke]] = {
    "3 round": [[*arc(0.5, 0.27, 0.26, 0.22, 200, 450), *arc(0.5, 0.72, 0.3, 0.24, -90, 160)]],
    "3 pointed": [[(0.25, 0.1), (0.72, 0.1), (0.45, 0.42), *arc(0.47, 0.68, 0.27, 0.25, -85, 150)]],
    "3 narrow": [[*arc(0.5, 0.25, 0.17, 0.2, 190, 440), *arc(0.5, 0.7, 0.2, 0.25, -80, 165)]],
    "7 plain": [[(0.2, 0.1), (0.8, 0.1), (0.4, 0.95)]],
    "7 barred": [[(0.2, 0.12), (0.78, 0.1), (0.4, 0.95)], [(0.35, 0.5), (0.75, 0.5)]],
    "7 curved": [[(0.2, 0.2), (0.25, 0.1), (0.78, 0.12), (0.6, 0.4), (0.5, 0.65), (0.46, 0.95)]],
}

NEITHER: dict[str, list[Stroke]] = {
    "5": [[(0.72, 0.08), (0.32, 0.08), (0.28, 0.45), *arc(0.47, 0.67, 0.26, 0.25, -120, 150)]],
    "scribble": [
        [(0.1, 0.5), (0.3, 0.1), (0.4, 0.9), (0.5, 0.2), (0.6, 0.8), (0.7, 0.1), (0.8, 0.9), (0.9, 0.4)],
        [(0.1, 0.3), (0.9, 0.4), (0.1, 0.6), (0.9, 0.7)],
    ],
    "0": [arc(0.5, 0.5, 0.28, 0.4, -90, 270)],
}


class Hand:
    """Draws on the canvas with the mouse."""

    def __init__(self, page: Page) -> None:
        self.page = page
        box = page.locator("#paper").bounding_box()
        assert box
        self._box = box

    def draw(self, strokes: Sequence[Stroke], x: float = 0, y: float = 0, scale: float = 1) -> None:
        """Draw strokes, scaled, with the upper left corner at (x, y)."""
        left, top, width, height = self._box["x"], self._box["y"], self._box["width"], self._box["height"]
        for stroke in strokes:
            self._stroke([(left + (x + scale * a) * width, top + (y + scale * b) * height) for a, b in stroke])

    def _stroke(self, points: Stroke) -> None:
        mouse = self.page.mouse
        mouse.move(*points[0])
        mouse.down()
        for point in points[1:]:
            mouse.move(*point, steps=3)
        mouse.up()


class Finger(Hand):
    """Draws on the canvas by touch."""

    def _stroke(self, points: Stroke) -> None:
        session = self.page.context.new_cdp_session(self.page)
        for index, point in enumerate(points):
            kind = "touchMove" if index else "touchStart"
            touches = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(self._touches(point))]
            session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})
        session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        session.detach()

    def _touches(self, point: tuple[float, float]) -> Stroke:
        return [point]


class Palm(Finger):
    """Draws by touch while the palm rests on the canvas and moves a little."""

    def _touches(self, point: tuple[float, float]) -> Stroke:
        right, bottom = self._box["x"] + self._box["width"], self._box["y"] + self._box["height"]
        return [point, (right - 50 + point[0] / 20, bottom - 50)]
