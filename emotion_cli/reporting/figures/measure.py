"""What a figure draws: a measure with what stands beside it, along an axis."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from emotion_cli.reporting.figures.scale import Scale

Row = Mapping[str, Any]


class Along(NamedTuple):
    """What a figure's horizontal axis is."""

    column: str
    label: str


LAYER = Along("layer", "layer (0: the embeddings)")
DEPTH = Along("relative_depth", "relative depth (0: the embeddings, 1: after the last block)")
COMPONENTS = Along("k", "number of components")
ALPHA = Along("alpha", "alpha (how much is added)")


class Beside(NamedTuple):
    """A line beside the values: a column, its name in the key, its dashes."""

    column: str
    meaning: str
    dashes: Any


class Level(NamedTuple):
    """A height that means something."""

    height: float
    meaning: str


class Measure(NamedTuple):
    """The columns of a value and of what stands beside it, and how they are drawn."""

    value: str
    label: str
    scale: Scale
    interval: tuple[str, str] | None = None
    null: tuple[str | None, str] | None = None
    """The band's columns; without the first it begins below everything."""
    null_meaning: str = ""
    beside: tuple[Beside, ...] = ()
    levels: tuple[Level, ...] = ()
    limits: tuple[float, float] = (-1.1, 1.1)
    """Intervals and bands that go beyond are cut, and marked. Values are never cut."""
    spans: tuple[float, ...] = ()
    """What the axis holds in any case."""
    verdict: str | None = None


class Strip(NamedTuple):
    """One measure of all groups: a row of panels, or a map."""

    measure: Measure
    rows: Sequence[Row]
    heading: str = ""


def number(value: float | None) -> float:
    """A value to draw; NaN, which is not drawn, for None."""
    return float("nan") if value is None else float(value)
