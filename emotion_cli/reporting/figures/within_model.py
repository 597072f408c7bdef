"""How alike two emotions are in one model."""

from collections.abc import Iterable
from textwrap import fill

from emotion_cli.reporting.figures.style import (
    NOT_DEFINED,
    Row,
    band,
    canvas,
    crosses,
    grouped,
    layer_axis,
    legend,
    line,
    number,
    panels,
    saved,
)

MORE_OR_LESS = ("more similar", "less similar")
"""How verdicts begin that say which of the two it is."""


def says_neither(verdict: str | None) -> bool:
    """Whether a verdict calls two emotions neither more nor less similar than equidistant ones."""
    return verdict is None or not verdict.startswith(MORE_OR_LESS)


def emotion_distances(rows: Iterable[Row], title: str) -> dict[str, bytes]:
    """Cosine of every two emotions by layer (rows of `within_model_similarity_by_layer`).

    Above, the plain cosine in its null band; below, the unbiased one with its interval, crossed out where the verdict says
    neither more nor less similar.
    """
    figure, plain, unbiased = panels(title)
    pairs = grouped(rows, "emotion_a", "emotion_b")
    for i, ((emotion_a, emotion_b), members) in enumerate(pairs):
        layers = [row["layer"] for row in members]
        line(plain, i, layers, [row["cosine_similarity"] for row in members], f"{emotion_a} and {emotion_b}")
        band(plain, i, layers, [row["null_low"] for row in members], [row["null_high"] for row in members])
        line(unbiased, i, layers, [row["unbiased_cosine"] for row in members], f"{emotion_a} and {emotion_b}")
        band(unbiased, i, layers, [row["ci_low"] for row in members], [row["ci_high"] for row in members], alpha=0.25)
        unmarked = [row for row in members if says_neither(row["verdict"])]
        crosses(unbiased, [row["layer"] for row in unmarked], [row["unbiased_cosine"] for row in unmarked])
    equidistance = pairs[0][1][0]["equidistance"] if pairs else 0.5
    for axes, names in ((plain, ("cosine_similarity", "null_low")), (unbiased, ("unbiased_cosine", "ci_low"))):
        axes.axhline(equidistance, color="#444444", linewidth=1.2, dashes=(6, 3), zorder=1)
        drawn = [row[name] for _, members in pairs for row in members for name in names]
        lowest = min((value for value in drawn if value is not None), default=0.0)
        axes.set_ylim(max(-1.5, min(-0.05, 1.05 * lowest)), 1.15 if axes is unbiased else 1.05)
        axes.axhline(0, color="#999999", linewidth=0.8, zorder=1)
    plain.annotate(
        f"{equidistance:g}: equidistant emotions",
        (0.99, equidistance),
        xycoords=("axes fraction", "data"),
        xytext=(0, 3),
        textcoords="offset points",
        ha="right",
        fontsize=7.5,
        color="#444444",
    )
    layer_axis(unbiased)
    plain.set_ylabel("cosine similarity")
    unbiased.set_ylabel("unbiased cosine")
    legend(
        unbiased,
        note="shaded above: 95 % of the cosines when labels are permuted within topics\n"
        "shaded below: 95 % interval, topics resampled; crossed out: neither more nor less similar",
    )
    return saved(figure)


def similarity_heatmap(rows: Iterable[Row], title: str) -> dict[str, bytes]:
    """Mean cosine over layers of every two emotions (rows of `within_model_similarity_by_model`), on a scale of -1 to 1.

    Cells whose verdict says neither more nor less similar are hatched, and say why.
    """
    from matplotlib.patches import Rectangle

    figure, axes = canvas(title, width=4.6, height=4.0)
    rows = list(rows)
    verdicts = {(row["emotion_a"], row["emotion_b"]): row["verdict"] for row in rows}
    cosine = {(row["emotion_a"], row["emotion_b"]): row["mean_cosine_similarity"] for row in rows}
    equidistance = rows[0]["equidistance"] if rows else 0.5
    undefined = "-1 by construction" if equidistance == -1 else "not measured"
    emotions = sorted({emotion for pair in cosine for emotion in pair})
    grid = [[1.0 if a == b else number(cosine.get((min(a, b), max(a, b)))) for b in emotions] for a in emotions]
    image = axes.imshow(grid or [[float("nan")]], vmin=-1, vmax=1, cmap="RdBu_r")
    for y, cells in enumerate(grid):
        for x, value in enumerate(cells):
            text = f"{value:.3f}" if value == value else NOT_DEFINED
            colour = "white" if abs(value) > 0.7 else "black"
            pair = (min(emotions[x], emotions[y]), max(emotions[x], emotions[y]))
            is_hatched = pair in verdicts and says_neither(verdicts[pair])
            axes.text(x, y - 0.25 * is_hatched, text, ha="center", va="center", color=colour)
            if is_hatched:
                axes.add_patch(
                    Rectangle((x - 0.5, y - 0.5), 1, 1, fill=False, hatch="///", edgecolor=colour, alpha=0.5, linewidth=0)
                )
                said = fill(verdicts[pair] or undefined, 18)
                axes.text(x, y - 0.08, said, ha="center", va="top", color=colour, fontsize=6.5)
    axes.grid(visible=False)
    axes.set_xticks(range(len(emotions)), emotions, rotation=30, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(emotions)), emotions)
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)
    bar = figure.colorbar(image, ax=axes, shrink=0.85)
    bar.set_label(f"mean cosine over layers ({equidistance:g}: equidistant)" if rows else "")
    axes.set_xlabel("hatched: neither more nor less similar" if any(map(says_neither, verdicts.values())) else "", fontsize=7.5)
    return saved(figure)
