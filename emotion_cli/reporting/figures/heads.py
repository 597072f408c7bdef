"""What each head and MLP writes onto a direction, by block."""

from collections.abc import Iterable

from emotion_cli.reporting.figures.marks import Mark, stamp
from emotion_cli.reporting.figures.measure import Row, number
from emotion_cli.reporting.figures.scale import Scale, on, paint, scale_bar, shade_undefined
from emotion_cli.reporting.figures.sheet import Entry, Sheet, ticks
from emotion_cli.reporting.figures.theme import GRID, INK

LEVEL = 0.05
"""Parts with a smaller p-value have a dot."""

DOT = Mark("o", is_full=True)

COLUMNS = 4
"""Emotions beside each other."""


def heads_by_block(rows: Iterable[Row], subject: str, variant: str) -> Sheet:
    """Difference that each head (columns) and MLP (last column) of each block (rows) makes, a map for each emotion.

    Rows of the query `parts_by_block`, of one test set and one reference. Colours of all emotions have one scale.
    """
    parts = [row for row in rows if row["component"] in ("head", "mlp")]
    emotions = sorted({row["emotion"] for row in parts})
    n_heads = 1 + max((row["head"] for row in parts if row["head"] is not None), default=0)
    n_blocks = max((row["block"] for row in parts), default=1)
    most = max((abs(number(row["value"])) for row in parts if row["value"] is not None), default=0.0) or 1.0
    scale = Scale(-most, most, "RdBu_r", 0.0)
    sheet = Sheet("heads_by_block", subject, variant)
    for i, emotion in enumerate(emotions):
        members = [row for row in parts if row["emotion"] == emotion]
        grid = [[float("nan")] * (n_heads + 1) for _ in range(n_blocks)]
        for row in members:
            grid[row["block"] - 1][_column(row, n_heads)] = number(row["value"])
        panel = sheet.panel(i // COLUMNS, i % COLUMNS, 2.0, 2.6, f"{emotion}, layer {members[0]['layer']}")
        sheet.y_labels[i // COLUMNS] = "block"
        extent = (-0.5, n_heads + 0.5, n_blocks + 0.5, 0.5)
        painted = paint(grid, scale)
        panel.axes.imshow(painted, interpolation="none", aspect="auto", extent=extent)
        panel.axes.set_xlim(-0.5, n_heads + 0.5)
        panel.axes.set_ylim(0.5, n_blocks + 0.5)
        undefined = [(x, y + 1) for y, values in enumerate(grid) for x, value in enumerate(values) if value != value]
        shade_undefined(panel.axes, undefined)
        if undefined:
            sheet.means(Entry("not defined", shade=GRID.light))
        beyond = [row for row in members if row["p_value"] is not None and row["p_value"] < LEVEL]
        dots = [(_column(row, n_heads), row["block"]) for row in beyond]
        stamp(panel.axes, DOT, [(x, y, on(painted[y - 1][x])) for x, y in dots], 1.8)
        panel.framed, panel.x_label = False, "head"
        heads = [(at, label) for at, label in ticks(0, n_heads - 1, 4) if at == int(at) and at < n_heads - 1]
        panel.x_ticks = [*heads, (n_heads, "MLP")]
        panel.y_ticks = [(at, label if i % COLUMNS == 0 else "") for at, label in ticks(1, n_blocks, 5) if at == int(at)]
    sheet.means(Entry(f"p < {LEVEL} against the largest of all parts", "o", INK.light, INK.light))
    scale_bar(sheet, 1 + (len(emotions) - 1) // COLUMNS, 0, 2.0, scale, "difference along the direction")
    return sheet


def _column(row: Row, n_heads: int) -> int:
    return n_heads if row["head"] is None else row["head"]
