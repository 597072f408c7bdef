"""How much more than words directions tell: of each training set, on each kind of prompts."""

from collections.abc import Iterable, Sequence

from emotion_cli.reporting.figures.marks import Mark, stamp
from emotion_cli.reporting.figures.measure import Row, number
from emotion_cli.reporting.figures.sheet import Entry, Panel, Sheet, ticks
from emotion_cli.reporting.figures.theme import AXIS, FAINT, INK, SERIES

LINES = 24
"""Up to so many directions of a training set have a line each; of more, those of a model share one."""

LINE, BROAD_LINE = 0.175, 0.42
"""Inches of a line with one direction, and of one with those of a model."""

SPREAD = 0.7
"""Share of a broad line over which its directions are spread, so that they do not hide each other."""

ANSWERS = {
    True: ("more than words is shown", Mark("o", is_full=True), SERIES[0].light),
    False: ("more than words is not shown", Mark("o", is_full=False), FAINT.light),
    None: ("not known: a control is missing", Mark("D", is_full=False), FAINT.light),
}
"""What is said of a direction, and how it is drawn."""


def more_than_words(rows: Iterable[Row], subject: str, variant: str) -> Sheet:
    """AUROC of each direction minus that of the hardest rival of words, with its interval (rows of `more_than_words_by_emotion`).

    A row of panels for each training set, a column for the training topics and for each test set.
    """
    rows = sorted((row for row in rows if row["gain"] is not None), key=lambda row: (row["model"], row["emotion"]))
    datasets = sorted({row["dataset"] for row in rows})
    tests = sorted({row["test_set"] for row in rows}, key=lambda name: (name is not None, name or ""))
    of_set = {dataset: [row for row in rows if row["dataset"] == dataset] for dataset in datasets}
    many = any(len({(row["model"], row["emotion"]) for row in members}) > LINES for members in of_set.values())
    sheet = Sheet("more_than_words", subject, variant, many=many)
    sheet.x_label = "AUROC of the direction minus that of the hardest rival of words"
    ends = [0.0, *(row[name] for row in rows for name in ("gain", "gain_ci_low", "gain_ci_high") if row[name] is not None)]
    room = 0.05 * ((max(ends) - min(ends)) or 1.0)
    limits = (min(ends) - room, max(ends) + room)
    width = min(3.1, 7.0 / max(1, len(tests)) - 0.14)
    for r, (dataset, members) in enumerate(of_set.items()):
        sheet.headings[r] = f"directions made of {dataset}"
        names = list(dict.fromkeys(_line(row, many=many) for row in members))
        for c, test_set in enumerate(tests):
            title = "on training topics" if test_set is None else f"on {test_set}"
            height = len(names) * (BROAD_LINE if many else LINE) + 0.1
            panel = sheet.panel(r, c, width, height, title if r == 0 else "")
            panel.axes.set_xlim(*limits)
            panel.axes.set_ylim(len(names) - 0.4, -0.6)
            is_last = r == len(of_set) - 1
            panel.x_ticks = [(at, label if is_last else "") for at, label in ticks(*limits, max(2, int(width / 0.5)))]
            panel.y_ticks = [(at, name if c == 0 else "") for at, name in enumerate(names)]
            panel.axes.axvline(0.0, color=INK.light, linewidth=0.9, zorder=1)
            shown = [row for row in members if row["test_set"] == test_set]
            (_all_of_models if many else _each)(sheet, panel, shown, names)
    sheet.means(Entry("as good as words", "|", INK.light))
    return sheet


def _each(sheet: Sheet, panel: Panel, rows: Sequence[Row], names: Sequence[str]) -> None:
    """A point with its interval on a line of its own."""
    for row in rows:
        at, (_, _, colour) = names.index(_line(row, many=False)), ANSWERS[row["more_than_words"]]
        if row["gain_ci_low"] is not None and row["gain_ci_high"] is not None:
            ends = [at], [row["gain_ci_low"]], [row["gain_ci_high"]]
            panel.axes.hlines(*ends, color=colour if row["more_than_words"] else AXIS.light, linewidth=1.8, zorder=2.6)
            sheet.means(Entry("95 % interval", colour=AXIS.light, dashes="-", width=1.8))
    _points(sheet, panel, [(row, names.index(_line(row, many=False))) for row in rows], 3.8)


def _all_of_models(sheet: Sheet, panel: Panel, rows: Sequence[Row], names: Sequence[str]) -> None:
    """The points of a model on one line, from the least to the greatest, and how many are shown to be more."""
    places: list[tuple[Row, float]] = []
    low, high = panel.axes.get_xlim()
    panel.axes.set_xlim(low, high + 0.22 * (high - low))
    for at, name in enumerate(names):
        members = sorted((row for row in rows if _line(row, many=True) == name), key=lambda row: row["gain"])
        places += [(row, at + SPREAD * (0.5 - (i + 0.5) / len(members))) for i, row in enumerate(members)]
        more = sum(row["more_than_words"] is True for row in members)
        if members:
            panel.axes.text(
                high + 0.2 * (high - low), at, f"{more} of {len(members)}", color=INK.light, fontsize=7.0, ha="right", va="center"
            )
    _points(sheet, panel, places, 2.4)


def _points(sheet: Sheet, panel: Panel, places: Iterable[tuple[Row, float]], size: float) -> None:
    by_answer: dict[bool | None, list[tuple[float, float]]] = {}
    for row, at in places:
        by_answer.setdefault(row["more_than_words"], []).append((number(row["gain"]), at))
    for answer, (meaning, mark, colour) in ANSWERS.items():
        if answer in by_answer:
            stamp(panel.axes, mark, [(x, y, colour) for x, y in by_answer[answer]], size)
            sheet.means(Entry(meaning, mark.marker, colour, colour if mark.is_full else "none"))


def _line(row: Row, *, many: bool) -> str:
    return row["model"] if many else f"{row['model']}, {row['emotion']}"
