"""Each emotion's direction carried from one model to another, and how alike the models' prompts are arranged."""

from collections.abc import Iterable, Sequence
from typing import Any

from emotion_cli.reporting.figures.measure import COMPONENTS, DEPTH, Beside, Level, Measure, Row, Strip, number
from emotion_cli.reporting.figures.profile import profiles
from emotion_cli.reporting.figures.scale import AUROC, COSINE, SHARE, paint, scale_bar
from emotion_cli.reporting.figures.sheet import Sheet
from emotion_cli.reporting.figures.theme import DASHES

ALIGNED = Measure(
    "aligned_cosine",
    "aligned cosine",
    COSINE,
    ("ci_low", "ci_high"),
    ("null_low", "null_high"),
    "its null: random signs of the other direction's coordinates",
    (
        Beside("ceiling", "ceiling: what noise leaves", DASHES[1]),
        Beside("nearest_other", "with the nearest other emotion", DASHES[2]),
    ),
    (Level(0.0, ""),),
    verdict="verdict",
)
TRANSFER = Measure(
    "transfer_auroc",
    "AUROC",
    AUROC,
    null=(None, "transfer_null_high"),
    null_meaning="its null: topics of the two models paired at random",
    beside=(Beside("own_auroc", "the other model's own direction", DASHES[2]),),
    levels=(Level(0.5, ""),),
    spans=(0.4, 1.0),
)
OVERLAP = Measure(
    "overlap",
    "overlap",
    SHARE,
    null=(None, "overlap_null_high"),
    null_meaning="its null: labels exchanged, mean over layers of the 97.5 % quantiles",
    spans=(0.0, 1.0),
)
ARRANGEMENT = Measure(
    "value",
    "similarity",
    SHARE,
    ("low", "high"),
    (None, "null_high"),
    "its null: prompts or topics paired at random",
    levels=(Level(0.0, ""),),
    spans=(0.0, 1.0),
)
ARRANGEMENTS = (
    ("cka_debiased", "cka", "debiased CKA"),
    ("cka_labels_removed", "cka_labels", "CKA, labels taken out"),
    ("cka_labels_topics_removed", "cka_labels_topics", "CKA, both taken out"),
    ("rsa", "rsa", "RSA"),
)
"""Columns of `cross_model_geometry_by_layer`, what their intervals' names begin with, and what they are called."""


def aligned_cosine(rows: Sequence[Row], subject: str, variant: str) -> Sheet:
    """Aligned cosine of each emotion over relative depth, both ways: interval, null, ceiling, nearest other emotion, verdict.

    `rows` of `cross_model_alignment_by_layer`, of one pair of models and one fit.
    """
    return profiles(Sheet("aligned_cosine", subject, variant), _both_ways(ALIGNED, rows), ["emotion"], DEPTH)


def transfer_auroc(rows: Sequence[Row], subject: str, variant: str) -> Sheet:
    """How well each emotion's carried direction separates the other model's prompts, beside that model's own direction."""
    return profiles(Sheet("transfer_auroc", subject, variant), _both_ways(TRANSFER, rows), ["emotion"], DEPTH)


def subspace_overlap(rows: Sequence[Row], subject: str, variant: str) -> Sheet:
    """Overlap of carried subspaces against their dimension, mean over the matched layers, with its null.

    `rows` of `cross_model_subspaces_by_layer` of one pair of models.
    """
    names = ("emotion", "mapping", "k", "model_a", "model_b")
    groups: dict[tuple, list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[name] for name in names), []).append(row)
    means = [
        dict(zip(names, key, strict=True))
        | {name: _mean(row[name] for row in members) for name in ("overlap", "overlap_null_high")}
        for key, members in groups.items()
    ]
    return profiles(Sheet("subspace_overlap", subject, variant), _both_ways(OVERLAP, means), ["emotion"], COMPONENTS)


def geometry(rows: Iterable[Row], subject: str, variant: str) -> Sheet:
    """Debiased CKA, whole and without what labels and topics explain, and RSA at the matched layers, each beside its null."""
    members = [row for row in rows if row["layer_a"] is not None]
    deepest = max((row["layer_a"] for row in members), default=0) or 1
    melted = [
        {
            "relative_depth": row["layer_a"] / deepest,
            # sorted as they stand above
            "measure": (i, said),
            "value": row[column],
            "low": row[f"{short}_low"],
            "high": row[f"{short}_high"],
            "null_high": row[f"{short}_null_high"],
        }
        for row in members
        for i, (column, short, said) in enumerate(ARRANGEMENTS)
    ]
    strip = Strip(ARRANGEMENT, melted)
    sheet = profiles(Sheet("geometry", subject, variant), [strip], ["measure"], DEPTH)
    for panel, (_, _, said) in zip(sheet.panels, ARRANGEMENTS, strict=False):
        panel.title = said
    return sheet


def layer_by_layer(rows: Iterable[Row], kind: str, subject: str, variant: str) -> Sheet:
    """`cka_debiased` or `rsa` of every compared pair of layers, first model upwards (rows of `cross_model_geometry_by_layer`)."""
    compared = [row for row in rows if row["layer_a"] is not None]
    sheet = Sheet(kind, subject, variant)
    layers_a, layers_b = (sorted({row[layer] for row in compared}) for layer in ("layer_a", "layer_b"))
    value = {(row["layer_a"], row["layer_b"]): row[kind] for row in compared}
    grid = [[number(value.get((a, b))) for b in layers_b] for a in layers_a] or [[float("nan")]]
    lowest = min([0.0, *(cell for cells in grid for cell in cells if cell == cell)])
    scale = SHARE._replace(low=lowest)
    cell = min(0.28, 4.2 / max(len(grid), len(grid[0])))
    panel = sheet.panel(0, 0, cell * len(grid[0]), cell * len(grid))
    extent = (-0.5, len(grid[0]) - 0.5, -0.5, len(grid) - 0.5)
    panel.axes.imshow(paint(grid, scale), origin="lower", aspect="auto", interpolation="none", extent=extent)
    panel.axes.set_xlim(*extent[:2])
    panel.axes.set_ylim(*extent[2:])
    panel.x_ticks, panel.y_ticks = (
        [(i, str(layer)) for i, layer in enumerate(layers) if i % max(1, -(-len(layers) // 12)) == 0]
        for layers in (layers_b, layers_a)
    )
    sheet.y_labels[0] = f"layer of {compared[0]['model_a']}" if compared else ""
    panel.framed = False
    panel.x_label = f"layer of {compared[0]['model_b']}" if compared else ""
    scale_bar(sheet, 1, 0, 2.4, scale, "debiased CKA" if kind == "cka_debiased" else "RSA")
    return sheet


def _both_ways(measure: Measure, rows: Iterable[Row]) -> list[Strip]:
    ways: dict[str, list[Row]] = {}
    for row in rows:
        ways.setdefault(row["mapping"], []).append(row)
    return [Strip(measure, members, _arrow(members[0])) for _, members in sorted(ways.items())]


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _arrow(row: Row) -> str:
    models: tuple[Any, Any] = row["model_a"], row["model_b"]
    return " to ".join(models if row["mapping"] == "a_to_b" else models[::-1])
