"""How well scores tell an emotion's texts apart, by the place in the text."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from emotion_cli.reporting.figures.style import COLOURS, Row, band, legend, line, number, saved, side_by_side

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WHOLE = ("last", "mean", "max")
"""Places of a whole text; they stand behind those of single tokens."""


def scores_by_place(rows: Iterable[Row], neutral: str, title: str) -> dict[str, bytes]:
    """AUROC at each place with intervals and nulls: against neutral texts, and against those of the other emotions.

    Rows of the query `scores_by_place`, of one test set and one layer an emotion.
    """
    rows = list(rows)
    references = sorted({row["reference"] for row in rows}, key=lambda reference: reference != neutral)
    figure, panels = side_by_side(title, len(references), 4.6, 4.0)
    places = sorted({row["place"] for row in rows}, key=place_order)
    for axes, reference in zip(panels, references, strict=True):
        _panel(axes, [row for row in rows if row["reference"] == reference], places)
        about = "is it emotional? (against neutral texts)" if reference == neutral else "which? (against the other emotions)"
        axes.set_title(about, loc="left", fontsize=9)
    panels[0].set_ylabel("AUROC")
    legend(panels[0], note="bars: 95 % intervals over topics; shaded: 95 % of permuted labels")
    return saved(figure)


def _panel(axes: "Axes", rows: list[Row], places: list[str]) -> None:
    x_of = {place: i for i, place in enumerate(places)}
    for i, emotion in enumerate(sorted({row["emotion"] for row in rows})):
        members = sorted((row for row in rows if row["emotion"] == emotion), key=lambda row: x_of[row["place"]])
        for kind in (False, True):
            part = [row for row in members if (row["place"] in WHOLE) is kind]
            x = [x_of[row["place"]] for row in part]
            band(axes, i, x, [row["null_low"] for row in part], [row["null_high"] for row in part])
            line(axes, i, x, [row["auroc"] for row in part], emotion if not kind else "")
            axes.vlines(
                x,
                [number(row["ci_low"]) for row in part],
                [number(row["ci_high"]) for row in part],
                color=COLOURS[i % len(COLOURS)],
                linewidth=0.8,
            )
    axes.axhline(0.5, color="#444444", linewidth=1.0, dashes=(6, 3), zorder=1)
    axes.set_xticks(range(len(places)), places, rotation=90, fontsize=7.5)
    axes.set_xlabel("place in the text")


def place_order(place: str) -> tuple[int, int]:
    """Where a place stands: single tokens in the order of the text, then those of the whole text."""
    return (WHOLE.index(place) + 1, 0) if place in WHOLE else (0, int(place.removeprefix("t")))
