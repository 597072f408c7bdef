"""Values along an axis as maps: a row for each group, a column for each place."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from emotion_cli.reporting.figures.groups import group_of, named
from emotion_cli.reporting.figures.marks import Mark, mark_of, stamp
from emotion_cli.reporting.figures.measure import Along, Row, Strip, number
from emotion_cli.reporting.figures.scale import Scale, on, paint, scale_bar, shade_undefined
from emotion_cli.reporting.figures.sheet import Entry, Panel, Sheet
from emotion_cli.reporting.figures.theme import INK


def maps(sheet: Sheet, strips: Sequence[Strip], by: Sequence[str], groups: Sequence[tuple], along: Along) -> Sheet:
    """Draw each strip as a map, a row for each group and a column for each place along the axis."""
    sheet.many = True
    shown = [strip for strip in strips if strip.rows]
    for c, strip in enumerate(shown):
        places = sorted({row[along.column] for row in strip.rows})
        width, height = max(1.6, min(4.2, 0.19 * len(places), 8.4 / len(shown) - 0.3)), 0.185 * len(groups)
        panel = sheet.panel(0, c, width, height, strip.heading or strip.measure.label)
        panel.x_label = along.label
        _map(sheet, panel, strip, by, groups, along, places)
        if c == 0:
            panel.y_ticks = [(i, named(group)) for i, group in enumerate(groups)]
        # narrower than the map, so that the ends of two scales keep apart
        scale_bar(sheet, 1, c, 0.88 * width, _ranged(strip), strip.measure.label)
    return sheet


def _map(
    sheet: Sheet, panel: Panel, strip: Strip, by: Sequence[str], groups: Sequence[tuple], along: Along, places: Sequence[Any]
) -> None:
    measure, axes = strip.measure, panel.axes
    row_of, column_of = {group: i for i, group in enumerate(groups)}, {place: i for i, place in enumerate(places)}
    grid = [[float("nan")] * len(places) for _ in groups]
    marks: list[tuple[int, int, Row]] = []
    for row in strip.rows:
        y, x = row_of[group_of(row, by)], column_of[row[along.column]]
        grid[y][x] = number(row[measure.value])
        marks.append((y, x, row))
    painted = paint(grid, _ranged(strip))
    axes.imshow(painted, interpolation="none", aspect="auto", extent=(-0.5, len(places) - 0.5, len(groups) - 0.5, -0.5))
    axes.set_xlim(-0.5, len(places) - 0.5)
    axes.set_ylim(len(groups) - 0.5, -0.5)
    shade_undefined(axes, [(x, y) for y, x, row in marks if row[measure.value] is None])
    step = max(1, -(-len(places) // int(panel.width / 0.3)))
    panel.x_ticks = [(i, f"{place:.2g}") for i, place in enumerate(places) if i % step == 0]
    panel.framed = False
    # what most cells have is said once, the others are marked
    common = Counter(row[measure.verdict] for _, _, row in marks).most_common(1)[0][0] if measure.verdict and marks else None
    if common:
        sheet.means(Entry(f"no symbol: {common}"))
    by_mark: dict[tuple[Mark, str], list[tuple[float, float, str]]] = {}
    for y, x, row in marks:
        verdict = "not defined" if row[measure.value] is None else row[measure.verdict] if measure.verdict else None
        if verdict and verdict != common:
            by_mark.setdefault((mark_of(verdict), verdict), []).append((x, y, on(painted[y][x])))
    for (mark, verdict), symbols in sorted(by_mark.items()):
        stamp(axes, mark, symbols, 3.2)
        sheet.means(Entry(verdict, mark.marker, INK.light, INK.light if mark.is_full else "none"))


def _ranged(strip: Strip) -> Scale:
    """The measure's scale, for measures without a fixed end up to the largest value."""
    scale = strip.measure.scale
    if scale.low < scale.high:
        return scale
    values = [value for row in strip.rows if (value := row[strip.measure.value]) is not None and value > 0]
    high, low = max(values, default=1.0), min(values, default=1.0)
    if scale.logarithmic:
        return scale._replace(low=max(low, high / 1e6), high=high if high > low else low * 10)
    return scale._replace(low=0.0, high=high)
