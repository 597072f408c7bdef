"""Values along layers beside their intervals and nulls: a panel for each of a few groups, a row of a map for each of many."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from emotion_cli.reporting.figures.bands import band
from emotion_cli.reporting.figures.frame import PANEL_HEIGHT, levels, limits, place_along
from emotion_cli.reporting.figures.groups import FEW, group_of, groups_of, in_order, named
from emotion_cli.reporting.figures.maps import maps
from emotion_cli.reporting.figures.marks import Mark, mark_of, stamp
from emotion_cli.reporting.figures.measure import Along, Measure, Row, Strip, number
from emotion_cli.reporting.figures.sheet import Entry, Sheet, ticks
from emotion_cli.reporting.figures.theme import FAINT, GROUND, INK, SERIES

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def profiles(
    sheet: Sheet, strips: Sequence[Strip], by: Sequence[str], along: Along, groups: Sequence[tuple[str, ...]] | None = None
) -> Sheet:
    """Draw strips of rows grouped by columns: panels where the groups are few, else maps; `groups` in an order of their own."""
    groups = groups or groups_of((row for strip in strips for row in strip.rows), by)
    if len(groups) > FEW:
        return maps(sheet, strips, by, groups, along)
    sheet.x_label = along.label
    width = min(3.1, 8.6 / max(1, len(groups)) - 0.14) if len(groups) > 1 else 4.6
    for r, strip in enumerate(strips):
        sheet.headings[r], sheet.y_labels[r] = strip.heading, strip.measure.label
        low, high = limits(strip.measure, strip.rows)
        for c, group in enumerate(groups):
            panel = sheet.panel(r, c, width, PANEL_HEIGHT, named(group) if r == 0 or strip.heading else "")
            members = in_order((row for row in strip.rows if group_of(row, by) == group), along)
            panel.axes.set_ylim(low, high)
            place_along(panel, strip.rows, along, labels=r == len(strips) - 1)
            panel.y_ticks = [(at, label if c == 0 else "") for at, label in ticks(low, high, 5)]
            _profile(sheet, panel.axes, strip.measure, members, along)
    return sheet


def _profile(sheet: Sheet, axes: "Axes", measure: Measure, rows: Sequence[Row], along: Along) -> None:
    band(sheet, axes, measure, rows, along)
    levels(sheet, axes, measure)
    x = [number(row[along.column]) for row in rows]
    for beside in measure.beside:
        y = [number(row[beside.column]) for row in rows]
        if any(value == value for value in y):
            alone = [i for i, _ in enumerate(y) if all(not 0 <= j < len(y) or y[j] != y[j] for j in (i - 1, i + 1))]
            axes.plot(
                x,
                y,
                color=FAINT.light,
                linestyle=beside.dashes,
                linewidth=1.1,
                marker=".",
                markevery=alone,
                markersize=3,
                zorder=2.2,
            )
            sheet.means(Entry(beside.meaning, colour=FAINT.light, dashes=beside.dashes, width=1.1))
    colour = SERIES[0].light
    y = [number(row[measure.value]) for row in rows]
    axes.plot(x, y, color=colour, linewidth=1.3, zorder=3)
    bare = [False] * len(rows)
    if measure.interval:
        bare = _intervals(sheet, axes, measure, rows, x)
    for hollow in (False, True):
        points = [(at, value) for at, value, is_bare in zip(x, y, bare, strict=True) if is_bare == hollow and value == value]
        axes.plot(
            [at for at, _ in points],
            [value for _, value in points],
            linestyle="none",
            marker="o",
            markersize=3.2,
            markeredgewidth=0.9,
            color=colour,
            markerfacecolor=GROUND.light if hollow else colour,
            zorder=3.2,
        )
        if points and hollow:
            sheet.means(Entry("no interval is defined", "o", colour, GROUND.light))
    _verdicts(sheet, axes, measure, rows, x)


def _intervals(sheet: Sheet, axes: "Axes", measure: Measure, rows: Sequence[Row], x: Sequence[float]) -> list[bool]:
    """Draw the intervals that are defined, each by itself, and mark those that are cut; whether each value lacks one."""
    assert measure.interval
    bottom, top = axes.get_ylim()
    bars, colour = [], SERIES[0].light
    for at, row in zip(x, rows, strict=True):
        low, high = (row[name] for name in measure.interval)
        if low is None and high is None:
            continue
        # of an interval with one end, what reaches from the value to that end
        low, high = (number(row[measure.value] if end is None else end) for end in (low, high))
        bars.append((at, max(low, bottom), min(high, top)))
        for is_cut, edge, marker in ((low < bottom, bottom, "v"), (high > top, top, "^")):
            if is_cut:
                axes.plot([at], [edge], marker=marker, color=colour, markersize=4, clip_on=False, linestyle="none", zorder=4)
                sheet.means(Entry("goes on beyond the figure", "^", colour))
    if bars:
        axes.vlines(*zip(*bars, strict=True), color=colour, linewidth=1.6, alpha=0.45, zorder=2.6)
        sheet.means(Entry("95 % interval", "|", colour))
    return [row[measure.value] is not None and any(row[name] is None for name in measure.interval) for row in rows]


def _verdicts(sheet: Sheet, axes: "Axes", measure: Measure, rows: Sequence[Row], x: Sequence[float]) -> None:
    """Symbols at the foot: what may be said of each place, and where there is no value."""
    bottom, top = axes.get_ylim()
    foot = bottom + 0.045 * (top - bottom)
    by_mark: dict[tuple[Mark, str], list[tuple[float, float, str]]] = {}
    for at, row in zip(x, rows, strict=True):
        verdict = "not defined" if row[measure.value] is None else row[measure.verdict] if measure.verdict else None
        if verdict and mark_of(verdict).marker:
            by_mark.setdefault((mark_of(verdict), verdict), []).append((at, foot, INK.light))
    for (mark, verdict), symbols in sorted(by_mark.items()):
        stamp(axes, mark, symbols, 3.6)
        sheet.means(Entry(verdict, mark.marker, INK.light, INK.light if mark.is_full else "none"))
