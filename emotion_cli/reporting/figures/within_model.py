"""How alike two emotions are in one model."""

from collections.abc import Iterable

from emotion_cli.reporting.figures.marks import Mark, mark_of
from emotion_cli.reporting.figures.profile import (
    COSINE,
    FEW,
    LAYER,
    Level,
    Measure,
    Row,
    Scale,
    Strip,
    number,
    on,
    paint,
    profiles,
    scale_bar,
    stamp,
)
from emotion_cli.reporting.figures.sheet import Entry, Sheet
from emotion_cli.reporting.figures.theme import INK

SHOWN = 24
"""So many pairs of many are drawn by layer: those that are most and least similar on average, half of each."""

NUMBERED = 7
"""Up to so many emotions, a cell of the heat map holds numbers."""


def emotion_similarity(rows: Iterable[Row], subject: str, variant: str) -> Sheet:
    """Cosine of every two emotions by layer (rows of `within_model_similarity_by_layer`).

    Above, the unbiased one with its interval and verdict; below, the plain one beside its null. Of more than SHOWN pairs, those at
    both ends.
    """
    rows = list(rows)
    equidistance = rows[0]["equidistance"] if rows else 0.5
    sheet = Sheet("emotion_similarity", subject, variant)
    level = (
        Level(0.0, ""),
        Level(equidistance, f"{equidistance:.2g}: emotions equally far from each other and from the reference"),
    )
    scale = _centred(equidistance)
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
        shown = _ends(rows)
        if len(shown) < len(pairs):
            rows = [row for row in rows if (row["emotion_a"], row["emotion_b"]) in shown]
            sheet.notes.append(
                f"{len(shown)} of {len(pairs)} pairs: half of them are the most similar on average over layers, half the least. Picked "
                f"ends look more extreme than they are. The heat map shows all pairs."
            )
        return profiles(sheet, [Strip(unbiased, rows)], ["emotion_a", "emotion_b"], LAYER)
    return profiles(sheet, [Strip(unbiased, rows), Strip(plain, rows)], ["emotion_a", "emotion_b"], LAYER)


def _ends(rows: Iterable[Row]) -> set[tuple[str, str]]:
    """The most and the least similar pairs, by the mean of their unbiased cosines; those without any come last."""
    values: dict[tuple[str, str], list[float]] = {}
    for row in rows:
        of_pair = values.setdefault((row["emotion_a"], row["emotion_b"]), [])
        of_pair += [row["unbiased_cosine"]] if row["unbiased_cosine"] is not None else []
    ordered = sorted(
        (pair for pair, known in values.items() if known), key=lambda pair: (sum(values[pair]) / len(values[pair]), pair)
    )
    return set(values) if len(values) <= SHOWN else {*ordered[: SHOWN // 2], *ordered[-SHOWN // 2 :]}


def _centred(equidistance: float) -> Scale:
    return COSINE._replace(low=2 * equidistance - 1 if equidistance > 0 else -1.0, high=1.0, centre=equidistance)


def similarity_heatmap(rows: Iterable[Row], subject: str, variant: str) -> Sheet:
    """Mean unbiased cosine over layers of every two emotions (rows of `within_model_similarity_by_model`): value, interval, verdict.

    The lower triangle only; colours are centred on the cosine of equidistant emotions.
    """
    of_pair = {tuple(sorted((row["emotion_a"], row["emotion_b"]))): row for row in rows}
    emotions = sorted({emotion for pair in of_pair for emotion in pair})
    equidistance = next(iter(of_pair.values()))["equidistance"] if of_pair else 0.5
    scale = _centred(equidistance)
    sheet = Sheet("similarity_heatmap", subject, variant, many=len(emotions) > NUMBERED)
    n = max(1, len(emotions) - 1)
    cell = 0.98 if n < NUMBERED else max(0.21, min(0.45, 7.0 / n))
    panel = sheet.panel(0, 0, cell * n, (0.62 if n < NUMBERED else cell) * n)
    nan = float("nan")
    grid = [
        [
            number(of_pair[emotions[x], emotions[y + 1]]["mean_unbiased_cosine"])
            if (emotions[x], emotions[y + 1]) in of_pair
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
    for y in range(len(emotions) - 1):
        for x in range(y + 1):
            row = of_pair.get((emotions[x], emotions[y + 1]))
            colour = on(painted[y][x])
            if row is None:
                continue
            if sheet.many:
                at = (x, y, colour)
            else:
                value = row["mean_unbiased_cosine"]
                axes.text(
                    x - 0.06,
                    y - 0.02,
                    "not defined" if value is None else f"{value:.2f}",
                    color=colour,
                    fontsize=8.5,
                    ha="center",
                    va="bottom",
                )
                axes.text(x, y + 0.06, _interval(row), color=colour, fontsize=7, ha="center", va="top")
                at = (x + 0.33, y - 0.17, colour)
            verdict = row["verdict"] or ("-1 by construction" if equidistance == -1 else "no verdict")
            if row["mean_unbiased_cosine"] is None:
                verdict = "not defined"
            symbols.setdefault((mark_of(verdict), verdict), []).append(at)
    for (mark, verdict), places in sorted(symbols.items()):
        stamp(axes, mark, places, 4.0 if sheet.many else 5.0)
        sheet.means(Entry(verdict, mark.marker, INK.light, INK.light if mark.is_full else "none"))
    panel.x_ticks = [(x, emotions[x]) for x in range(len(emotions) - 1)]
    panel.y_ticks = [(y, emotions[y + 1]) for y in range(len(emotions) - 1)]
    panel.upright = len(emotions) > NUMBERED or any(len(emotion) > 11 for emotion in emotions)
    scale_bar(sheet, 1, 0, 2.4, scale, f"mean cosine without noise (white: {equidistance:.2g}, equally far)")
    return sheet


def _interval(row: Row) -> str:
    low, high = row["ci_low"], row["ci_high"]
    if low is None and high is None:
        return "no interval"
    return " to ".join("?" if end is None else f"{end:.2f}" for end in (low, high))
