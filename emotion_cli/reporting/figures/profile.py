"""Values along layers beside their intervals and nulls: a panel for each of a few groups, a row of a map for each of many."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from emotion_cli.reporting.figures.marks import Mark, mark_of
from emotion_cli.reporting.figures.sheet import Entry, Panel, Sheet, ticks
from emotion_cli.reporting.figures.theme import AXIS, CHANCE, DASHES, FAINT, GRID, GROUND, INK, MARKERS, ON_DARK, ON_LIGHT, SERIES

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes

Row = Mapping[str, Any]

FEW = 6
"""So many groups have a panel each; more are the rows of a map."""

FEW_LINES = len(SERIES)
"""So many lines of one panel have a colour and a name each."""

PANEL_HEIGHT = 1.6
LINE_COLUMNS = 4


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


class Scale(NamedTuple):
    """Colours of a map: of the least, the middle and the greatest value."""

    low: float
    high: float
    colours: str
    centre: float | None = None
    logarithmic: bool = False


SHARE = Scale(0.0, 1.0, "cividis")
AUROC = Scale(0.0, 1.0, "RdBu_r", 0.5)
COSINE = Scale(-1.0, 1.0, "RdBu_r", 0.0)


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


def profiles(
    sheet: Sheet, strips: Sequence[Strip], by: Sequence[str], along: Along, groups: Sequence[tuple[str, ...]] | None = None
) -> Sheet:
    """Draw strips of rows grouped by columns: panels where the groups are few, else maps; `groups` in an order of their own."""
    groups = groups or _groups((row for strip in strips for row in strip.rows), by)
    if len(groups) > FEW:
        return maps(sheet, strips, by, groups, along)
    sheet.x_label = along.label
    width = min(3.1, 8.6 / max(1, len(groups)) - 0.14) if len(groups) > 1 else 4.6
    for r, strip in enumerate(strips):
        sheet.headings[r], sheet.y_labels[r] = strip.heading, strip.measure.label
        low, high = _limits(strip.measure, strip.rows)
        for c, group in enumerate(groups):
            panel = sheet.panel(r, c, width, PANEL_HEIGHT, named(group) if r == 0 or strip.heading else "")
            members = _sorted((row for row in strip.rows if _group(row, by) == group), along)
            panel.axes.set_ylim(low, high)
            _along(panel, strip.rows, along, labels=r == len(strips) - 1)
            panel.y_ticks = [(at, label if c == 0 else "") for at, label in ticks(low, high, 5)]
            _profile(sheet, panel.axes, strip.measure, members, along)
    return sheet


def lines(
    sheet: Sheet, measure: Measure, rows: Sequence[Row], panels_by: Sequence[str], lines_by: Sequence[str], along: Along
) -> Sheet:
    """Draw lines without intervals: a panel for each group, in it a line for each group of other columns."""
    groups, members = _groups(rows, panels_by), _groups(rows, lines_by)
    columns = min(LINE_COLUMNS, max(1, len(groups)))
    width = min(3.1, 8.8 / columns - 0.14) if columns > 1 else 4.6
    height = PANEL_HEIGHT if columns > 1 else 2.6
    sheet.x_label = along.label
    low, high = _limits(measure, rows)
    few = len(members) <= FEW_LINES
    for i, group in enumerate(groups):
        r, c = divmod(i, columns)
        sheet.y_labels[r] = measure.label
        panel = sheet.panel(r, c, width, height, named(group))
        panel.axes.set_ylim(low, high)
        _along(panel, rows, along, labels=i + columns >= len(groups))
        panel.y_ticks = [(at, label if c == 0 else "") for at, label in ticks(low, high, 5)]
        of_group = [row for row in rows if _group(row, panels_by) == group]
        _null(sheet, panel.axes, measure, _widest(measure, of_group, along), along)
        _levels(sheet, panel.axes, measure)
        for j, member in enumerate(members):
            style = _series(j) if few else {"color": SERIES[0].light, "linewidth": 0.7, "alpha": 0.6}
            of_line = _sorted((row for row in of_group if _group(row, lines_by) == member), along)
            panel.axes.plot(
                [number(row[along.column]) for row in of_line], [number(row[measure.value]) for row in of_line], **style
            )
    for j, member in enumerate(members if few else ()):
        style = _series(j)
        sheet.means(Entry(named(member), style["marker"], style["color"], dashes=style["linestyle"]))
    if not few:
        sheet.means(Entry(f"each of the {len(members)} pairs of models", colour=SERIES[0].light, dashes="-", width=0.9))
    return sheet


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
        scale_bar(sheet, 1, c, width, _ranged(strip), strip.measure.label)
    return sheet


def _map(
    sheet: Sheet, panel: Panel, strip: Strip, by: Sequence[str], groups: Sequence[tuple], along: Along, places: Sequence[Any]
) -> None:
    measure, axes = strip.measure, panel.axes
    row_of, column_of = {group: i for i, group in enumerate(groups)}, {place: i for i, place in enumerate(places)}
    grid = [[float("nan")] * len(places) for _ in groups]
    marks: list[tuple[int, int, Row]] = []
    for row in strip.rows:
        y, x = row_of[_group(row, by)], column_of[row[along.column]]
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


def shade_undefined(axes: "Axes", cells: Iterable[tuple[float, float]]) -> None:
    """Give cells (x and y of the middle) a shade that no scale has, so that "not defined" does not look like a value."""
    from matplotlib.collections import PolyCollection

    half = 0.5
    squares = [[(x - half, y - half), (x + half, y - half), (x + half, y + half), (x - half, y + half)] for x, y in cells]
    if squares:
        axes.add_collection(PolyCollection(squares, facecolor=GRID.light, edgecolor="none", zorder=1.5), autolim=False)


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


def paint(grid: "Sequence[Sequence[float] | np.ndarray]", scale: Scale) -> Any:
    """Red, green, blue and opacity (0 to 255) of each value; one that is not a number has no colour."""
    import numpy as np
    from matplotlib import colormaps

    values = np.asarray(grid, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        painted = colormaps[scale.colours](_share(values, scale), bytes=True)
    painted[np.isnan(values)] = 0
    return painted


def _share(values: Any, scale: Scale) -> Any:
    """Where values lie between the ends of a scale, 0 to 1, with its centre at 0.5."""
    import numpy as np

    low, high = scale.low, scale.high
    if scale.logarithmic:
        values, low, high = np.log(values), np.log(low), np.log(high)
    if scale.centre is None:
        return np.clip((values - low) / (high - low), 0, 1)
    # equal steps from the centre are equally strong on both sides
    reach = max(high - scale.centre, scale.centre - low)
    return np.clip(0.5 + (values - scale.centre) / (2 * reach), 0, 1)


def on(colour: Sequence[int]) -> str:
    """The colour of text on a cell."""
    red, green, blue, opacity = (int(part) for part in colour)
    return FAINT.light if not opacity else ON_DARK if 0.299 * red + 0.587 * green + 0.114 * blue < 130 else ON_LIGHT


def scale_bar(sheet: Sheet, row: int, column: int, width: float, scale: Scale, label: str) -> None:
    """The scale of a map, below it."""
    import numpy as np

    panel = sheet.panel(row, column, min(width, 2.4), 0.10, label)
    steps = np.linspace(0, 1, 65)
    low, high = (float(np.log10(end)) if scale.logarithmic else end for end in (scale.low, scale.high))
    values = low + (high - low) * steps
    panel.axes.imshow(
        paint([10**values if scale.logarithmic else values], scale), interpolation="none", aspect="auto", extent=(low, high, 0, 1)
    )
    panel.axes.set_xlim(low, high)
    panel.axes.set_ylim(0, 1)
    if scale.logarithmic:
        panel.x_ticks = [(at, f"{float(f'{10**at:.2g}'):g}") for at in (low, (low + high) / 2, high)]
    else:
        panel.x_ticks = ticks(low, high, 4)
    panel.framed = False


def _profile(sheet: Sheet, axes: "Axes", measure: Measure, rows: Sequence[Row], along: Along) -> None:
    _null(sheet, axes, measure, rows, along)
    _levels(sheet, axes, measure)
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


def _null(sheet: Sheet, axes: "Axes", measure: Measure, rows: Sequence[Row], along: Along) -> None:
    """Shade the null where it is defined; a single place has a band, too."""
    from matplotlib.collections import PolyCollection

    if not measure.null:
        return
    bottom, top = axes.get_ylim()
    low, high = measure.null
    x = [number(row[along.column]) for row in rows]
    half = _half_step(x)
    polygons = []
    known = [(at, number(row[low]) if low else bottom, number(row[high])) for at, row in zip(x, rows, strict=True)]
    known = [
        (at, max(bottom, lower), min(top, upper)) if lower == lower and upper == upper else None for at, lower, upper in known
    ]
    for is_known, run in groupby(known, key=lambda place: place is not None):
        if not is_known:
            continue
        places = [place for place in run if place]
        # half way to the neighbours of the run, and as far at its ends
        edges = [
            places[0][0] - half,
            *((a[0] + b[0]) / 2 for a, b in pairwise(places)),
            places[-1][0] + half,
        ]
        upper = [(edge, place[2]) for i, place in enumerate(places) for edge in (edges[i], edges[i + 1])]
        lower = [(edge, place[1]) for i, place in enumerate(places) for edge in (edges[i], edges[i + 1])]
        polygons.append([*upper, *reversed(lower)])
    if polygons:
        axes.add_collection(
            PolyCollection(polygons, facecolor=CHANCE.light, edgecolor="none", alpha=0.6, zorder=0.6), autolim=False
        )
        sheet.means(Entry(measure.null_meaning, shade=CHANCE.light))
        if any(place and (place[2] == top or (low and place[1] == bottom)) for place in known):
            sheet.means(Entry("grey at the edge goes on beyond it", shade=CHANCE.light))


def _half_step(x: Sequence[float]) -> float:
    gaps = [b - a for a, b in pairwise(x) if b > a]
    return min(gaps) / 2 if gaps else 0.5


def _widest(measure: Measure, rows: Sequence[Row], along: Along) -> list[Row]:
    """The widest band of several lines at each place."""
    if not measure.null:
        return []
    low, high = measure.null
    places = _groups(rows, [along.column])
    merged = []
    for (place,) in places:
        at_place = [row for row in rows if row[along.column] == place]
        merged.append(
            {along.column: place}
            | {
                name: pick((row[name] for row in at_place if row[name] is not None), default=None)
                for pick, name in ((min, low), (max, high))
                if name
            }
        )
    return merged


def _levels(sheet: Sheet, axes: "Axes", measure: Measure) -> None:
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


def _limits(measure: Measure, rows: Sequence[Row]) -> tuple[float, float]:
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


def _along(panel: Panel, rows: Sequence[Row], along: Along, *, labels: bool) -> None:
    places = sorted({number(row[along.column]) for row in rows})
    low, high = (places[0], places[-1]) if places else (0.0, 1.0)
    if along is DEPTH:
        low, high = 0.0, 1.0
    room = max(_half_step(places), 0.02 * (high - low)) if places else 0.5
    panel.axes.set_xlim(low - room, high + room)
    shown = [
        (at, label) for at, label in ticks(low, high, max(2, int(panel.width / 0.42))) if along in (DEPTH, ALPHA) or at == int(at)
    ]
    if along is COMPONENTS:
        shown = [(at, f"{at:g}") for at in places]
    panel.x_ticks = [(at, label if labels else "") for at, label in shown]


def _series(j: int) -> dict[str, Any]:
    n = len(SERIES)
    return {
        "color": SERIES[j % n].light,
        "marker": MARKERS[j % n],
        "linestyle": DASHES[(j + j // n) % len(DASHES)],
        "linewidth": 1.2,
        "markersize": 3.2,
    }


def _sorted(rows: Iterable[Row], along: Along) -> list[Row]:
    return sorted(rows, key=lambda row: row[along.column])


def _groups(rows: Iterable[Row], by: Sequence[str]) -> list[tuple]:
    return sorted({_group(row, by) for row in rows})


def _group(row: Row, by: Sequence[str]) -> tuple:
    return tuple(row[name] for name in by)


def named(group: Sequence[str]) -> str:
    """What stands above a panel."""
    return " and ".join(map(str, group))


def number(value: float | None) -> float:
    """A value to draw; NaN, which is not drawn, for None."""
    return float("nan") if value is None else float(value)
