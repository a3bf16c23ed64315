"""Small plots for the page: the data of SVG paths, as short as can be, since a page may have a thousand of them.

A unit is what CSS makes of it (templates/catalog.html scales it); y counts from the top down, from 0 to HEIGHT.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

HEIGHT = 9
POINTS = 24  # the newest values are shown


def line(values: Sequence[float | None], low: float | None = None) -> str:
    """The path of the newest values, oldest first, a gap for each that is no number; empty where nothing ever changed.

    low: where the y axis begins, if not at the least of them.
    """
    shown = [each if each is not None and isfinite(each) else None for each in values[-POINTS:]]
    known = [each for each in shown if each is not None]
    if len(set(known)) < 2:
        return ""
    high, low = max(known), min(known) if low is None else low
    path, before = "", None
    for x, value in enumerate(shown):
        y = None if value is None else round(HEIGHT * (high - value) / (high - low))
        if y is not None:
            path += f"M{x} {y}l0 0" if before is None else f" 1{'' if y < before else ' '}{y - before}"
        before = y
    return path


def bars(counts: Sequence[float]) -> str:
    """The path of a histogram: a stroke per bin, from the bottom up."""
    most = max(counts, default=0)
    heights = [round(HEIGHT * each / most) if most else 0 for each in counts]
    return "".join(f"M{x} {HEIGHT}v-{height}" for x, height in enumerate(heights) if height)
