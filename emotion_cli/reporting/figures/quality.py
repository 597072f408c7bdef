"""Whether there is a direction at all."""

from collections.abc import Iterable

from emotion_cli.reporting.figures.style import (
    COLOURS,
    Row,
    band,
    crosses,
    grouped,
    layer_axis,
    legend,
    line,
    number,
    panels,
    saved,
    side_by_side,
)

LEVELS = (
    ("auroc_surface", "final character, number of words and first word alone", (6, 3)),
    ("auroc_words", "words alone", (2, 2)),
)
"""What the texts give without a model: the column, its name and the dashes of its line; the largest of the emotions' is drawn."""

NONE_SHOWN = ("no direction shown", "too few topics to tell")
"""Verdicts of which no direction follows."""


def direction_quality(rows: Iterable[Row], title: str) -> dict[str, bytes]:
    """AUROC and split-half reliability of each emotion's direction by layer (rows of `direction_quality_by_layer`).

    Above, AUROC on held-out folds with its interval, crossed out where no direction is shown, with lines for what the texts
    alone give; below, split-half reliability. The grey bands are what chance gives, the widest of the emotions' at each layer.
    """
    figure, separation, reliability = panels(title)
    emotions = grouped([row for row in rows if row["layer"] is not None], "emotion")
    layers = sorted({row["layer"] for _, members in emotions for row in members})
    for i, (emotion, members) in enumerate(emotions):
        x = [row["layer"] for row in members]
        line(separation, i, x, [row["auroc"] for row in members], emotion)
        band(separation, i, x, [row["auroc_ci_low"] for row in members], [row["auroc_ci_high"] for row in members], alpha=0.25)
        unmarked = [row for row in members if row["verdict"] in NONE_SHOWN]
        crosses(separation, [row["layer"] for row in unmarked], [row["auroc"] for row in unmarked])
        line(reliability, i, x, [row["split_half"] for row in members], emotion)
    for axes, low, high in ((separation, "auroc_null_low", "auroc_null_high"), (reliability, None, "split_half_null_high")):
        widest = [[row for _, members in emotions for row in members if row["layer"] == layer] for layer in layers]
        upper = [max((row[high] for row in at_layer if row[high] is not None), default=None) for at_layer in widest]
        lower = [
            min((row[low] for row in at_layer if row[low] is not None), default=None) if low else -1.0 for at_layer in widest
        ]
        axes.fill_between(
            layers,
            [number(value) for value in lower],
            [number(value) for value in upper],
            color="#999999",
            alpha=0.3,
            linewidth=0,
        )
    levels = [
        (max(values), said, dashes)
        for column, said, dashes in LEVELS
        if (values := [row[column] for _, members in emotions for row in members if row[column] is not None])
    ]
    for i, (level, said, dashes) in enumerate(sorted(levels)):
        separation.axhline(level, color="#444444", linewidth=1.2, dashes=dashes, zorder=1)
        separation.annotate(
            f"{level:.2f}: {said}",
            (0.99, level),
            xycoords=("axes fraction", "data"),
            # the lower one's words stand below its line, so that they are clear of the other's
            xytext=(0, 3 if i + 1 == len(levels) else -10),
            textcoords="offset points",
            ha="right",
            fontsize=7.5,
            color="#444444",
        )
    least = min(
        (
            row[name]
            for _, members in emotions
            for row in members
            for name in ("auroc", "auroc_null_low")
            if row[name] is not None
        ),
        default=0.5,
    )
    separation.set_ylim(min(0.3, least - 0.05), 1.03)
    weakest = min((row["split_half"] for _, members in emotions for row in members if row["split_half"] is not None), default=0.0)
    reliability.set_ylim(min(-0.1, weakest - 0.05), 1.03)
    reliability.axhline(0, color="#999999", linewidth=0.8, zorder=1)
    layer_axis(reliability)
    separation.set_ylabel("AUROC")
    reliability.set_ylabel("split-half reliability")
    legend(
        reliability,
        note="grey: up to 97.5 % of the values when labels are permuted within topics; coloured: 95 % interval\n"
        "crossed out: no direction shown",
    )
    return saved(figure)


def test_sets(rows: Iterable[Row], title: str) -> dict[str, bytes]:
    """AUROC of each emotion's direction on each test set by layer (rows of `test_sets_by_layer`), beside words alone (dashed)."""
    shown = [row for row in rows if row["layer"] is not None]
    names = sorted({row["test_set"] for row in shown})
    figure, panels = side_by_side(title, len(names), width=4.6, height=4.2)
    for name, axes in zip(names, panels, strict=True):
        for i, (emotion, members) in enumerate(grouped([row for row in shown if row["test_set"] == name], "emotion")):
            x = [row["layer"] for row in members]
            line(axes, i, x, [row["auroc"] for row in members], emotion)
            band(axes, i, x, [row["auroc_ci_low"] for row in members], [row["auroc_ci_high"] for row in members], alpha=0.15)
            words = members[0]["auroc_words"]
            if words is not None:
                axes.axhline(words, color=COLOURS[i % len(COLOURS)], linewidth=1.2, dashes=(2, 2), zorder=1)
        axes.set_title(f"on {name}", loc="left", fontsize=9)
        axes.axhline(0.5, color="#999999", linewidth=0.8, zorder=1)
        axes.set_ylim(min([0.3, *(row["auroc"] - 0.05 for row in shown if row["auroc"] is not None)]), 1.03)
        layer_axis(axes)
    panels[0].set_ylabel("AUROC")
    legend(panels[0], note="dashed, in the colour of the emotion: words of the training texts alone\ncoloured: 95 % interval")
    return saved(figure)
