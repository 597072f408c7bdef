"""Lines without intervals: a panel for each group, in it a line for each group of other columns."""

from collections.abc import Sequence
from typing import Any

from emotion_cli.reporting.figures.bands import band, widest
from emotion_cli.reporting.figures.frame import PANEL_HEIGHT, levels, limits, place_along
from emotion_cli.reporting.figures.groups import group_of, groups_of, in_order, named
from emotion_cli.reporting.figures.measure import Along, Measure, Row, number
from emotion_cli.reporting.figures.sheet import Entry, Sheet, ticks
from emotion_cli.reporting.figures.theme import DASHES, MARKERS, SERIES

FEW_LINES = len(SERIES)
"""So many lines of one panel have a colour and a name each."""

COLUMNS = 4
"""Panels beside each other."""


def lines(
    sheet: Sheet, measure: Measure, rows: Sequence[Row], panels_by: Sequence[str], lines_by: Sequence[str], along: Along
) -> Sheet:
    """Draw lines without intervals: a panel for each group, in it a line for each group of other columns."""
    groups, members = groups_of(rows, panels_by), groups_of(rows, lines_by)
    columns = min(COLUMNS, max(1, len(groups)))
    width = min(3.1, 8.8 / columns - 0.14) if columns > 1 else 4.6
    height = PANEL_HEIGHT if columns > 1 else 2.6
    sheet.x_label = along.label
    low, high = limits(measure, rows)
    few = len(members) <= FEW_LINES
    for i, group in enumerate(groups):
        r, c = divmod(i, columns)
        sheet.y_labels[r] = measure.label
        panel = sheet.panel(r, c, width, height, named(group))
        panel.axes.set_ylim(low, high)
        place_along(panel, rows, along, labels=i + columns >= len(groups))
        panel.y_ticks = [(at, label if c == 0 else "") for at, label in ticks(low, high, 5)]
        of_group = [row for row in rows if group_of(row, panels_by) == group]
        band(sheet, panel.axes, measure, widest(measure, of_group, along), along)
        levels(sheet, panel.axes, measure)
        for j, member in enumerate(members):
            style = _series(j) if few else {"color": SERIES[0].light, "linewidth": 0.6, "alpha": 0.4}
            of_line = in_order((row for row in of_group if group_of(row, lines_by) == member), along)
            panel.axes.plot(
                [number(row[along.column]) for row in of_line], [number(row[measure.value]) for row in of_line], **style
            )
    for j, member in enumerate(members if few else ()):
        style = _series(j)
        sheet.means(Entry(named(member), style["marker"], style["color"], dashes=style["linestyle"]))
    if not few:
        sheet.means(Entry(f"each of the {len(members)} pairs of models", colour=SERIES[0].light, dashes="-", width=0.9))
    return sheet


def _series(j: int) -> dict[str, Any]:
    n = len(SERIES)
    return {
        "color": SERIES[j % n].light,
        "marker": MARKERS[j % n],
        "linestyle": DASHES[(j + j // n) % len(DASHES)],
        "linewidth": 1.2,
        "markersize": 3.2,
    }
