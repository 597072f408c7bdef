"""Symbols for what may be said of a value."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MORE = "more than words give"


class Mark(NamedTuple):
    """A marker of matplotlib ("": none), and whether it is full: more is shown than words give."""

    marker: str
    is_full: bool


MARKS = (
    ("a direction", ""),
    ("no direction shown", "x"),
    ("too few", "+"),
    ("more similar", "^"),
    ("less similar", "v"),
    ("as similar", "s"),
    ("undecided", "o"),
    ("the same", "*"),
    ("a shared contrast", "o"),
    ("a similar direction, not shown", "D"),
    ("a similar direction, and not", "d"),
    ("nothing shown", "x"),
    ("not shown", "x"),
    ("not defined", "_"),
)
"""The marker of each verdict, by how the verdict begins."""


def mark_of(verdict: str) -> Mark:
    """The symbol of a verdict."""
    marker = next((marker for beginning, marker in MARKS if verdict.startswith(beginning)), "1")
    return Mark(marker, MORE in verdict)


def stamp(axes: "Axes", mark: Mark, places: Iterable[tuple[float, float, str]], size: float) -> None:
    """Draw a symbol at places (x, y and colour)."""
    by_colour: dict[str, list[tuple[float, float]]] = {}
    for x, y, colour in places:
        by_colour.setdefault(colour, []).append((x, y))
    for colour, points in sorted(by_colour.items()):
        axes.plot(
            *zip(*points, strict=True),
            linestyle="none",
            marker=mark.marker,
            markersize=size * (1.4 if mark.marker == "*" else 1.0),
            color=colour,
            markerfacecolor=colour if mark.is_full else "none",
            markeredgewidth=0.8,
            zorder=5,
            clip_on=False,
        )
