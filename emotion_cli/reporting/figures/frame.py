"""The frame of a panel: the ends and ticks of its axes, and the levels that mean something."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from emotion_cli.reporting.figures.bands import half_step
from emotion_cli.reporting.figures.measure import ALPHA, COMPONENTS, DEPTH, Along, Measure, Row, number
from emotion_cli.reporting.figures.sheet import Entry, Panel, Sheet, ticks
from emotion_cli.reporting.figures.theme import AXIS, INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes


PANEL_HEIGHT = 1.6
"""Inches."""


def limits(measure: Measure, rows: Sequence[Row]) -> tuple[float, float]:
    """The ends of a strip's vertical axis, with room for the symbols at the foot."""
    values = [row[name] for row in rows for name in (measure.value, *(beside.column for beside in measure.beside))]
    beyond = [row[name] for row in rows for name in (*(measure.interval or ()), *filter(None, measure.null or ()))]
    low, high = measure.limits
    inside = [min(high, max(low, value)) for value in beyond if value is not None]
    held = [
        *(value for value in values if value is not None),
        *inside,
        *measure.spans,
        *(level.height for level in measure.levels),
    ]
    least, greatest = min(held, default=0.0), max(held, default=1.0)
    room = (greatest - least) or 1.0
    has_foot = measure.verdict or any(row[measure.value] is None for row in rows)
    return least - (0.11 if has_foot else 0.04) * room, greatest + 0.04 * room


def place_along(panel: Panel, rows: Sequence[Row], along: Along, *, labels: bool) -> None:
    """Set the ends and ticks of the horizontal axis; ticks without `labels` stand in the rows above the last."""
    places = sorted({number(row[along.column]) for row in rows})
    low, high = (places[0], places[-1]) if places else (0.0, 1.0)
    if along is DEPTH:
        low, high = 0.0, 1.0
    room = max(half_step(places), 0.02 * (high - low)) if places else 0.5
    panel.axes.set_xlim(low - room, high + room)
    has_fractions = along in (DEPTH, ALPHA)
    shown = [(at, label) for at, label in ticks(low, high, max(2, int(panel.width / 0.42))) if has_fractions or at == int(at)]
    if along is COMPONENTS:
        shown = [(at, f"{at:g}") for at in places]
    panel.x_ticks = [(at, label if labels else "") for at, label in shown]


def levels(sheet: Sheet, axes: "Axes", measure: Measure) -> None:
    """Draw the heights that mean something."""
    for level in measure.levels:
        axes.axhline(
            level.height,
            color=INK.light if level.meaning else AXIS.light,
            linewidth=0.8,
            linestyle=(0, (6, 2, 1.2, 2)) if level.meaning else "-",
            zorder=1,
        )
        if level.meaning:
            sheet.means(Entry(level.meaning, colour=INK.light, dashes=(0, (6, 2, 1.2, 2)), width=0.8))
