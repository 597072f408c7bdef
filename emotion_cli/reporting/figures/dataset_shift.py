"""One model's directions on two datasets."""

from collections.abc import Iterable

from emotion_cli.reporting.figures.style import COLOURS, Row, canvas, grouped, layer_axis, legend, line, number, saved

MARKS = (
    (0.8, "whole interval above 0.8: the same direction"),
    (0.0, "0: unrelated directions"),
)
"""Heights at which a line says what it means."""


def dataset_shift(rows: Iterable[Row], title: str) -> dict[str, bytes]:
    """Cosine without noise of each emotion's direction on a dataset and on the rest of another, by layer, with its interval.

    Rows of `dataset_shift_by_layer`, of one pair of datasets and one model.
    """
    figure, axes = canvas(title)
    emotions = grouped(rows, "emotion")
    for i, (emotion, members) in enumerate(emotions):
        layers = [row["layer"] for row in members]
        line(axes, i, layers, [row["cosine_unbiased"] for row in members], emotion)
        low, high = ([number(row[name]) for row in members] for name in ("ci_low", "ci_high"))
        axes.fill_between(layers, low, high, color=COLOURS[i % len(COLOURS)], alpha=0.15, linewidth=0)
    nulls = [row for _, members in emotions for row in members if row["null_low"] is not None]
    layers = sorted({row["layer"] for row in nulls})
    if layers:
        lows, highs = (
            [pick(row[name] for row in nulls if row["layer"] == layer) for layer in layers]
            for pick, name in ((min, "null_low"), (max, "null_high"))
        )
        axes.fill_between(layers, lows, highs, color="#999999", alpha=0.2, linewidth=0)
    axes.axhline(1.0, color="#444444", linewidth=1.0, dashes=(6, 3), zorder=1)
    for height, text in MARKS:
        axes.axhline(height, color="#444444", linewidth=1.0, dashes=(6, 3), zorder=1)
        axes.annotate(
            text,
            (0.99, height),
            xycoords=("axes fraction", "data"),
            xytext=(0, -11),
            textcoords="offset points",
            ha="right",
            fontsize=7.5,
            color="#444444",
        )
    ends = [number(row[name]) for _, members in emotions for row in members for name in ("cosine_unbiased", "ci_low", "ci_high")]
    drawn = [0.0, 1.0, *(value for value in ends if value == value), *(row["null_low"] for row in nulls)]
    axes.set_ylim(max(-1.5, min(drawn)) - 0.05, min(2.0, max(drawn)) + 0.1)
    layer_axis(axes)
    axes.set_ylabel("cosine without noise")
    legend(axes, note="shaded: 95 % intervals over topics; grey: 95 % when the rest's labels are permuted")
    return saved(figure)
