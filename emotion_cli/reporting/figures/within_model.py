"""How alike two emotions are in one model."""

from collections.abc import Iterable

from emotion_cli.reporting.figures.style import (
    COLOURS,
    NOT_DEFINED,
    Row,
    canvas,
    grouped,
    layer_axis,
    legend,
    line,
    number,
    saved,
)  # fmt: skip


def emotion_distances(rows: Iterable[Row], title: str) -> dict[str, bytes]:
    """Cosine of every two emotions by layer, with its null band (rows of `within_model_similarity_by_layer`)."""
    figure, axes = canvas(title)
    pairs = grouped(rows, "emotion_a", "emotion_b")
    for i, ((emotion_a, emotion_b), members) in enumerate(pairs):
        layers = [row["layer"] for row in members]
        line(axes, i, layers, [row["cosine_similarity"] for row in members], f"{emotion_a} and {emotion_b}")
        low, high = ([number(row[name]) for row in members] for name in ("null_low", "null_high"))
        axes.fill_between(layers, low, high, color=COLOURS[i % len(COLOURS)], alpha=0.10, linewidth=0)
    equidistance = pairs[0][1][0]["equidistance"] if pairs else 0.5
    axes.axhline(equidistance, color="#444444", linewidth=1.2, dashes=(6, 3), zorder=1)
    axes.annotate(f"{equidistance:g}: as different from each other as from the reference", (0.99, equidistance),
                  xycoords=("axes fraction", "data"), xytext=(0, 3), textcoords="offset points", ha="right", fontsize=7.5,
                  color="#444444")  # fmt: skip
    drawn = [row[name] for _, members in pairs for row in members for name in ("cosine_similarity", "null_low")]
    lowest = min((value for value in drawn if value is not None), default=0.0)
    axes.set_ylim(min(-0.05, 1.05 * lowest), 1.05)
    axes.axhline(0, color="#999999", linewidth=0.8, zorder=1)
    layer_axis(axes)
    axes.set_ylabel("cosine similarity")
    legend(axes, note="shaded: 95 % of the cosines when labels are permuted within topics")
    return saved(figure)


def similarity_heatmap(rows: Iterable[Row], title: str) -> dict[str, bytes]:
    """Mean cosine over layers of every two emotions (rows of `within_model_similarity_by_model`), on a scale of -1 to 1."""
    figure, axes = canvas(title, width=4.6, height=4.0)
    cosine = {(row["emotion_a"], row["emotion_b"]): row["mean_cosine_similarity"] for row in rows}
    emotions = sorted({emotion for pair in cosine for emotion in pair})
    grid = [[1.0 if a == b else number(cosine.get((min(a, b), max(a, b)))) for b in emotions] for a in emotions]
    image = axes.imshow(grid or [[float("nan")]], vmin=-1, vmax=1, cmap="RdBu_r")
    for y, cells in enumerate(grid):
        for x, value in enumerate(cells):
            text = f"{value:.3f}" if value == value else NOT_DEFINED
            axes.text(x, y, text, ha="center", va="center", color="white" if abs(value) > 0.7 else "black")
    axes.grid(visible=False)
    axes.set_xticks(range(len(emotions)), emotions, rotation=30, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(emotions)), emotions)
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)
    bar = figure.colorbar(image, ax=axes, shrink=0.85)
    bar.set_label("mean cosine over layers (0.5: equidistant)" if rows else "")
    return saved(figure)
