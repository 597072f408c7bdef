"""One emotion's direction carried from one model to another, and how alike the models' prompts are arranged."""

from collections.abc import Iterable, Sequence
from textwrap import fill
from typing import TYPE_CHECKING, Any

from emotion_cli.reporting.figures.style import COLOURS, MARKERS, Row, canvas, legend, line, number, saved

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ARRANGEMENTS = (
    ("cka_debiased", "cka", "debiased CKA"),
    ("rsa", "rsa", "RSA"),
    ("cka_labels_removed", "cka_labels", "CKA without label means"),
    ("cka_labels_topics_removed", "cka_labels_topics", "CKA without label and topic means"),
)
"""Columns of `cross_model_geometry_by_layer`, what their intervals' names begin with, and what they are called."""

DEPTH = "relative depth (0: the embeddings, 1: after the last block)"


def aligned_cosine(rows: Sequence[Row], title: str) -> dict[str, bytes]:
    """Aligned cosine of one emotion over relative depth, both ways: interval, null band, ceiling, nearest other emotion, verdict.

    `rows` of `cross_model_alignment_by_layer`, of one emotion, pair of models and fit.
    """
    figure, axes = canvas(title, width=7.0, height=4.4)
    for i, (mapping, members) in enumerate(_lines(rows, "mapping")):
        x, low, high = _depths(members), _values(members, "null_low"), _values(members, "null_high")
        axes.fill_between(x, low, high, color=COLOURS[i], alpha=0.12, linewidth=0)
        line(axes, i, x, [row["aligned_cosine"] for row in members], _arrow(members[0]))
        axes.vlines(x, _values(members, "ci_low"), _values(members, "ci_high"), color=COLOURS[i], linewidth=1.0, alpha=0.7)
        axes.plot(
            x,
            _values(members, "nearest_other"),
            color=COLOURS[i],
            linewidth=1.0,
            linestyle=":",
            marker="x",
            markersize=3,
            label="with the nearest other emotion" if mapping == "a_to_b" else None,
        )
        if mapping == "a_to_b":
            axes.plot(x, _values(members, "ceiling"), color="#444444", linestyle=(0, (5, 2)), linewidth=1.2, label="ceiling")
    _mark_verdicts(axes, rows)
    _over_depth(axes)
    axes.axhline(0, color="#999999", linewidth=0.8)
    axes.set_ylabel("aligned cosine")
    legend(axes, note="bars: 95 % intervals; shaded: 95 % with random signs; ceiling: two thirds of one model; below: verdicts")
    return saved(figure)


def _mark_verdicts(axes: "Axes", rows: Sequence[Row]) -> None:
    """Marks at the foot of the axes, one kind for each verdict of a layer, one row for each mapping."""
    verdicts = sorted({row["verdict"] for row in rows})
    foot = axes.get_ylim()[0]
    step = 0.04 * (1.02 - foot)
    for i, (_, members) in enumerate(_lines(rows, "mapping")):
        for verdict in verdicts:
            x = _depths([row for row in members if row["verdict"] == verdict])
            axes.scatter(
                x,
                [foot - (i + 1) * step] * len(x),
                color=COLOURS[i],
                marker=MARKERS[verdicts.index(verdict) % len(MARKERS)],
                s=12,
            )
    for i, verdict in enumerate(verdicts):
        axes.scatter([], [], color="#444444", marker=MARKERS[i % len(MARKERS)], s=14, label=fill(verdict, 38))


def transfer_auroc(rows: Sequence[Row], title: str) -> dict[str, bytes]:
    """How well each emotion's carried direction separates the other model's prompts, beside that model's own direction."""
    figure, axes = canvas(title, width=7.0, height=4.4)
    for i, (emotion, members) in enumerate(_lines(rows, "emotion")):
        for mapping, carried in _lines(members, "mapping"):
            forth, x, colour = mapping == "a_to_b", _depths(carried), COLOURS[i % len(COLOURS)]
            axes.plot(
                x,
                _values(carried, "transfer_auroc"),
                color=colour,
                marker="o" if forth else "s",
                markersize=3.5,
                linewidth=1.5,
                linestyle="-" if forth else "--",
                label=str(emotion) if forth else None,
            )
            axes.plot(
                x,
                _values(carried, "own_auroc"),
                color=colour,
                linewidth=0.9,
                linestyle=":",
                marker="." if forth else "x",
                markersize=3,
            )
    for mapping, carried in _lines(rows, "mapping"):
        axes.plot([], [], color="#444444", linestyle="-" if mapping == "a_to_b" else "--", label=_arrow(carried[0]))
    edges = [
        (depth, [number(row["transfer_null_high"]) for row in at_depth]) for depth, at_depth in _lines(rows, "relative_depth")
    ]
    axes.fill_between(
        [depth for depth, _ in edges], 0.5, [max(values) for _, values in edges], color="#999999", alpha=0.25, linewidth=0
    )
    axes.axhline(0.5, color="#999999", linewidth=0.8)
    _over_depth(axes)
    axes.set_ylabel("AUROC on the other model's unseen topics")
    legend(axes, note="dotted: that model's own direction; grey: up to the 97.5 % quantile with topics paired at random")
    return saved(figure)


def layer_by_layer(rows: Iterable[Row], column: str, name: str, title: str) -> dict[str, bytes]:
    """A measure of every compared pair of layers as a heat map, first model upwards (rows of `cross_model_geometry_by_layer`)."""
    compared = [row for row in rows if row["layer_a"] is not None]
    figure, axes = canvas(title, width=6.4, height=4.6)
    layers_a, layers_b = (sorted({row[layer] for row in compared}) for layer in ("layer_a", "layer_b"))
    value = {(row["layer_a"], row["layer_b"]): row[column] for row in compared}
    grid = [[number(value.get((a, b))) for b in layers_b] for a in layers_a] or [[float("nan")]]
    lowest = min([0.0, *(cell for cells in grid for cell in cells if cell == cell)])
    image = axes.imshow(grid, origin="lower", aspect="auto", vmin=lowest, vmax=1, cmap="cividis", interpolation="nearest")
    axes.grid(visible=False)
    for ticks, layers in ((axes.set_xticks, layers_b), (axes.set_yticks, layers_a)):
        shown = list(range(0, len(layers), max(1, len(layers) // 10)))
        ticks(shown, [str(layers[i]) for i in shown])
    axes.set_xlabel(f"layer of {compared[0]['model_b']}" if compared else "")
    axes.set_ylabel(f"layer of {compared[0]['model_a']}" if compared else "")
    figure.colorbar(image, ax=axes, shrink=0.9).set_label(f"{name} (white: not compared or not defined)")
    return saved(figure)


def geometry(rows: Iterable[Row], title: str) -> dict[str, bytes]:
    """Debiased CKA, whole and without what labels and topics explain, and RSA at the matched layers, beside their nulls."""
    figure, axes = canvas(title, width=7.0, height=4.2)
    members = sorted((row for row in rows if row["layer_a"] is not None), key=lambda row: (row["layer_a"], row["layer_b"]))
    deepest = max((row["layer_a"] for row in members), default=0) or 1
    x = [row["layer_a"] / deepest for row in members]
    for i, (column, short, label) in enumerate(ARRANGEMENTS):
        line(axes, i, x, [row[column] for row in members], label)
        axes.vlines(x, _values(members, f"{short}_low"), _values(members, f"{short}_high"), color=COLOURS[i], linewidth=1.0)
        axes.plot(x, _values(members, f"{short}_null_high"), color=COLOURS[i], linewidth=0.9, linestyle=":")
    _over_depth(axes)
    axes.axhline(0, color="#999999", linewidth=0.8)
    axes.set_ylabel("similarity of the prompts' arrangement")
    legend(axes, note="bars: 95 % intervals; dotted: 97.5 % when paired at random (only: both read the same texts)")
    return saved(figure)


def subspace_overlap(rows: Sequence[Row], title: str) -> dict[str, bytes]:
    """Overlap of carried subspaces against their dimension, mean over the matched layers, with its null.

    `rows` of `cross_model_subspaces_by_layer` of one pair of models.
    """
    figure, axes = canvas(title, width=6.4, height=4.2)
    sizes = sorted({row["k"] for row in rows})
    for i, emotion in enumerate(sorted({row["emotion"] for row in rows})):
        for mapping in sorted({row["mapping"] for row in rows}):
            carried = [row for row in rows if (row["emotion"], row["mapping"]) == (emotion, mapping)]
            forth, colour = mapping == "a_to_b", COLOURS[i % len(COLOURS)]
            overlap, chance = (
                [_mean(row[name] for row in carried if row["k"] == k) for k in sizes] for name in ("overlap", "overlap_null_high")
            )
            axes.plot(
                sizes,
                overlap,
                color=colour,
                linestyle="-" if forth else "--",
                marker="o" if forth else "s",
                markersize=4,
                label=emotion if forth else None,
            )
            axes.plot(sizes, chance, color=colour, linestyle=":", linewidth=1.0, marker="x", markersize=3)
    for mapping in sorted({row["mapping"] for row in rows}):
        row = next(row for row in rows if row["mapping"] == mapping)
        axes.plot([], [], color="#444444", linestyle="-" if mapping == "a_to_b" else "--", label=_arrow(row))
    axes.set_xticks(sizes)
    axes.set_ylim(0, 1.02)
    axes.set_xlabel("components (k)")
    axes.set_ylabel("overlap, mean over layers")
    legend(axes, note="dotted: 97.5 % of the overlaps with labels exchanged")
    return saved(figure)


def _mean(values: Iterable[float | None]) -> float:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else float("nan")


def _lines(rows: Iterable[Row], *names: str) -> list[tuple[Any, list[Row]]]:
    """Rows by the values of columns, sorted, each group by depth."""
    groups: dict[tuple, list[Row]] = {}
    for row in sorted(rows, key=lambda row: (row["relative_depth"], row["layer_a"], row["layer_b"])):
        groups.setdefault(tuple(row[name] for name in names), []).append(row)
    return [(key[0] if len(names) == 1 else key, groups[key]) for key in sorted(groups)]


def _depths(rows: Iterable[Row]) -> list[float]:
    return [row["relative_depth"] for row in rows]


def _values(rows: Iterable[Row], name: str) -> list[float]:
    return [number(row[name]) for row in rows]


def _arrow(row: Row) -> str:
    models = row["model_a"], row["model_b"]
    return " to ".join(models if row["mapping"] == "a_to_b" else models[::-1])


def _over_depth(axes: "Axes") -> None:
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(top=1.02)
    axes.set_xlabel(DEPTH)
