"""How well scores tell an emotion's texts apart, by the place in the text."""

from collections.abc import Iterable

from emotion_cli.reporting.figures.measure import Along, Level, Measure, Row, Strip
from emotion_cli.reporting.figures.profile import profiles
from emotion_cli.reporting.figures.scale import AUROC
from emotion_cli.reporting.figures.sheet import Sheet

WHOLE = ("last", "mean", "max")
"""Places of a whole text; they stand behind those of single tokens."""

PLACE = Along("at", "place in the text (t1: its first token)")

BY_PLACE = Measure(
    "auroc",
    "AUROC",
    AUROC,
    ("ci_low", "ci_high"),
    ("null_low", "null_high"),
    "its null: labels permuted within topics",
    levels=(Level(0.5, ""),),
    limits=(0.0, 1.0),
    spans=(0.4, 1.0),
)


def scores_by_place(rows: Iterable[Row], subject: str, variant: str) -> Sheet:
    """AUROC at each place beside its interval and null: against neutral texts, and against those of the other emotions.

    Rows of the query `scores_by_place`, of one test set and one layer an emotion; references in the order of the rows.
    """
    rows = list(rows)
    places = sorted({row["place"] for row in rows}, key=place_order)
    n_single = sum(place not in WHOLE for place in places)
    # apart from single tokens, and from one another, so that their names have room
    at = {place: i if place not in WHOLE else n_single + 1 + 2 * (i - n_single) for i, place in enumerate(places)}
    references = dict.fromkeys(row["reference"] for row in rows)
    strips = [
        Strip(
            BY_PLACE, [{**row, "at": at[row["place"]]} for row in rows if row["reference"] == reference], f"against {reference}"
        )
        for reference in references
    ]
    sheet = profiles(Sheet("scores_by_place", subject, variant), strips, ["emotion"], PLACE)
    step = max(1, n_single // 4)
    shown = [(i, place) for i, place in enumerate(places) if place in WHOLE or i % step == 0]
    for panel in sheet.panels:
        if sheet.many:
            # a map has a column for each place; below it is its scale
            panel.x_ticks = shown if panel.row == 0 else panel.x_ticks
            panel.upright = panel.row == 0
        elif any(label for _, label in panel.x_ticks):
            panel.x_ticks = [(at[place], place) for _, place in shown]
            panel.upright = True
        elif panel.x_ticks:
            panel.x_ticks = [(at[place], "") for _, place in shown]
    return sheet


def place_order(place: str) -> tuple[int, int]:
    """Where a place stands: single tokens in the order of the text, then those of the whole text."""
    return (WHOLE.index(place) + 1, 0) if place in WHOLE else (0, int(place.removeprefix("t")))
