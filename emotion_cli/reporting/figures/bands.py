"""The grey band of a null."""

from collections.abc import Sequence
from itertools import groupby, pairwise
from typing import TYPE_CHECKING

from emotion_cli.reporting.figures.groups import groups_of
from emotion_cli.reporting.figures.measure import Along, Measure, Row, number
from emotion_cli.reporting.figures.sheet import Entry, Sheet
from emotion_cli.reporting.figures.theme import CHANCE

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def band(sheet: Sheet, axes: "Axes", measure: Measure, rows: Sequence[Row], along: Along) -> None:
    """Shade the null where it is defined; a single place has a band, too."""
    from matplotlib.collections import PolyCollection

    if not measure.null:
        return
    bottom, top = axes.get_ylim()
    low, high = measure.null
    x = [number(row[along.column]) for row in rows]
    half = half_step(x)
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


def half_step(x: Sequence[float]) -> float:
    """Half of the least distance of neighbours."""
    gaps = [b - a for a, b in pairwise(x) if b > a]
    return min(gaps) / 2 if gaps else 0.5


def widest(measure: Measure, rows: Sequence[Row], along: Along) -> list[Row]:
    """The widest band of several lines at each place."""
    if not measure.null:
        return []
    low, high = measure.null
    places = groups_of(rows, [along.column])
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
