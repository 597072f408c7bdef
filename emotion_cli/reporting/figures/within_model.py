"""How alike two emotions are in one model."""

from collections.abc import Iterable

from emotion_cli.reporting.figures.groups import FEW
from emotion_cli.reporting.figures.marks import Mark, mark_of, stamp
from emotion_cli.reporting.figures.measure import LAYER, Level, Measure, Row, Strip, number
from emotion_cli.reporting.figures.profile import profiles
from emotion_cli.reporting.figures.scale import COSINE, Scale, on, paint, scale_bar, shade_undefined
from emotion_cli.reporting.figures.sheet import Entry, Sheet
from emotion_cli.reporting.figures.theme import INK
from emotion_cli.reporting.likeness import in_order

SHOWN = 24
"""So many pairs of many are drawn by layer: those that are most and least similar on average, half of each."""

NUMBERED = 7
"""Up to so many emotions, a cell of the heat map holds numbers."""

MOST_MARKED = 40
"""With more emotions, what most cells of the heat map have is said once, and the others are marked."""

LEAST_CELL = 0.15
"""Inches: a line of a label."""

NOT_SHOWN = "no direction shown"
"""The verdict of a pair whose cosine is one of noise."""


def emotion_similarity(rows: Iterable[Row], subject: str, variant: str) -> Sheet:
    """Cosine of every two emotions by layer (rows of `within_model_similarity_by_layer`).

    Above, the unbiased one with its interval and verdict; below, the plain one beside its null. Of more than SHOWN pairs, those
    at both ends.
    """
    rows = list(rows)
    equidistance = rows[0]["equidistance"] if rows else 0.5
    sheet = Sheet("emotion_similarity", subject, variant)
    level = (
        Level(0.0, ""),
        Level(equidistance, f"{equidistance:.2g}: emotions equally far from each other and from the reference"),
    )
    scale = _centred(equidistance, (row["unbiased_cosine"] for row in rows))
    unbiased = Measure(
        "unbiased_cosine", "cosine without noise", scale, ("ci_low", "ci_high"), levels=level, spans=(0.0, 1.0), verdict="verdict"
    )
    plain = Measure(
        "cosine_similarity",
        "plain cosine",
        scale,
        null=("null_low", "null_high"),
        null_meaning="the pair's null: labels permuted within topics",
        levels=level,
        spans=(0.0, 1.0),
    )
    pairs = {(row["emotion_a"], row["emotion_b"]) for row in rows}
    if len(pairs) > FEW:
        known, unknown = _ordered(rows)
        ordered = known or unknown
        shown = [*known, *unknown] if len(pairs) <= SHOWN else [*ordered[: SHOWN // 2], *ordered[SHOWN // 2 :][-SHOWN // 2 :]]
        if len(shown) < len(pairs):
            rows = [row for row in rows if (row["emotion_a"], row["emotion_b"]) in shown]
            sheet.notes.append(
                f"{len(shown)} of {len(pairs)} pairs: the most and the least similar on average over layers, where both "
                "directions are shown. Picked ends look more extreme than they are. The heat map shows all pairs."
            )
        return profiles(sheet, [Strip(unbiased, rows)], ["emotion_a", "emotion_b"], LAYER, shown)
    return profiles(sheet, [Strip(unbiased, rows), Strip(plain, rows)], ["emotion_a", "emotion_b"], LAYER)


def _ordered(rows: Iterable[Row]) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]]]:
    """The pairs by the mean of their unbiased cosines, the most similar first, and those without any.

    Layers without a direction of both are left out.
    """
    values: dict[tuple[str, ...], list[float]] = {}
    for row in rows:
        of_pair = values.setdefault((row["emotion_a"], row["emotion_b"]), [])
        is_known = row["unbiased_cosine"] is not None and row["verdict"] != NOT_SHOWN
        of_pair += [row["unbiased_cosine"]] if is_known else []
    means = {pair: sum(known) / len(known) for pair, known in values.items() if known}
    return sorted(means, key=lambda pair: (-means[pair], pair)), sorted(values.keys() - means.keys())


def _centred(equidistance: float, values: Iterable[float | None]) -> Scale:
    """From the mirror image of 1, or what is less, down to -1, to 1."""
    least = min((value for value in values if value is not None), default=1.0)
    return COSINE._replace(low=max(-1.0, min(2 * equidistance - 1, least)), centre=equidistance)


def similarity_heatmap(rows: Iterable[Row], subject: str, variant: str) -> Sheet:
    """Mean unbiased cosine over layers of every two emotions (rows of `within_model_similarity_by_model`).

    Value, interval and verdict of each pair, in the lower triangle; colours are centred on the cosine of equidistant emotions.
    Many emotions stand in the order of their dendrogram.
    """
    of_pair = {_pair(row["emotion_a"], row["emotion_b"]): row for row in rows}
    emotions = sorted({emotion for pair in of_pair for emotion in pair})
    equidistance = next(iter(of_pair.values()))["equidistance"] if of_pair else 0.5
    scale = _centred(equidistance, (row["mean_unbiased_cosine"] for row in of_pair.values()))
    sheet = Sheet("similarity_heatmap", subject, variant, many=len(emotions) > NUMBERED)
    if sheet.many:
        shown = {pair: row["mean_unbiased_cosine"] for pair, row in of_pair.items() if row["verdict"] != NOT_SHOWN}
        emotions = in_order(emotions, shown)
        sheet.notes.append("Neighbours are alike: the order is that of a dendrogram, by average linkage.")
    n = max(1, len(emotions) - 1)
    cell = 0.98 if n < NUMBERED else max(LEAST_CELL, min(0.45, 7.0 / n))
    panel = sheet.panel(0, 0, cell * n, (0.62 if n < NUMBERED else cell) * n)
    nan = float("nan")
    grid = [
        [
            number(of_pair[pair]["mean_unbiased_cosine"])
            if x <= y and (pair := _pair(emotions[x], emotions[y + 1])) in of_pair
            else nan
            for x in range(n)
        ]
        for y in range(len(emotions) - 1)
    ] or [[nan]]
    painted = paint(grid, scale)
    axes = panel.axes
    axes.imshow(painted, interpolation="none", aspect="auto", extent=(-0.5, n - 0.5, n - 0.5, -0.5))
    axes.set_xlim(-0.5, n - 0.5)
    axes.set_ylim(n - 0.5, -0.5)
    panel.framed = False
    symbols: dict[tuple[Mark, str], list[tuple[float, float, str]]] = {}
    undefined: list[tuple[float, float]] = []
    for y in range(len(emotions) - 1):
        for x in range(y + 1):
            row = of_pair.get(_pair(emotions[x], emotions[y + 1]))
            colour = on(painted[y][x])
            if row is None:
                continue
            if sheet.many:
                at = (x, y, colour)
            else:
                for text, size, below in _cell(row):
                    axes.text(x, y + below, text, color=colour, fontsize=size, ha="center", va="top" if below > 0 else "bottom")
                at = (x + 0.36, y - 0.17, colour)
            verdict = row["verdict"] or ("-1 by construction" if equidistance == -1 else "no verdict")
            if row["mean_unbiased_cosine"] is None:
                undefined.append((x, y))
                verdict = "not defined"
            if sheet.many or verdict != "not defined":
                symbols.setdefault((mark_of(verdict), verdict), []).append(at)
    shade_undefined(axes, undefined)
    if len(emotions) > MOST_MARKED:
        most = max(symbols, key=lambda symbol: len(symbols[symbol]))
        del symbols[most]
        sheet.means(Entry(f"no symbol: {most[1]}"))
    for (mark, verdict), places in sorted(symbols.items()):
        stamp(axes, mark, places, min(4.0, 16 * cell) if sheet.many else 5.0)
        sheet.means(Entry(verdict, mark.marker, INK.light, INK.light if mark.is_full else "none"))
    panel.x_ticks = [(x, emotions[x]) for x in range(len(emotions) - 1)]
    panel.y_ticks = [(y, emotions[y + 1]) for y in range(len(emotions) - 1)]
    panel.upright = len(emotions) > NUMBERED or any(len(emotion) > 11 for emotion in emotions)
    interval = "" if sheet.many else ", and its 95 % interval"
    scale_bar(sheet, 1, 0, 2.4, scale, f"mean cosine without noise{interval} (white: {equidistance:.2g}, equally far)")
    return sheet


def _pair(first: str, second: str) -> tuple[str, str]:
    """Two emotions as they stand in a row."""
    return (first, second) if first < second else (second, first)


def _cell(row: Row) -> list[tuple[str, float, float]]:
    """What stands in a cell of a pair: the text, its size, and where, below the middle."""
    value, low, high = (row[name] for name in ("mean_unbiased_cosine", "ci_low", "ci_high"))
    if value is None:
        return [("not defined", 7.0, 0.0)]
    interval = "no interval" if low is None and high is None else f"{_shown(low)} to {_shown(high)}"
    return [(_shown(value), 8.5, -0.02), (interval, 7.0, 0.06)]


def _shown(value: float | None) -> str:
    return "?" if value is None else f"{value:.2f}".replace("-", "\N{MINUS SIGN}")
