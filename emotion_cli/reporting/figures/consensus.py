"""Three or more models and their emotions in the plane that they hold in common."""

from collections.abc import Iterable
from math import cos, sin, tau

from emotion_cli.reporting.figures.groups import FEW
from emotion_cli.reporting.figures.measure import Row
from emotion_cli.reporting.figures.sheet import Entry, Panel, Sheet, ticks
from emotion_cli.reporting.figures.theme import AXIS, GRID, GROUND, INK, MARKERS, SERIES

DEPTHS = (0.25, 0.5, 0.75)
"""Shares of the matched depths at which planes are drawn; fixed, so that nothing is picked by how it looks."""

ARROW = {"arrowstyle": "-|>", "linewidth": 1.2, "shrinkA": 0, "shrinkB": 0}

COLUMNS = 6


def consensus(rows: Iterable[Row], subject: str, variant: str) -> Sheet:
    """Each model's unit direction of each emotion in the consensus plane at three depths, with the mean over models as an arrow.

    `rows` of `consensus_by_layer`, of one consensus. With many emotions, a panel for each of them at the middle depth.
    """
    placed = [row for row in rows if row["layer"] is not None and row["x"] is not None]
    ranks = sorted({row["consensus_rank"] for row in placed})
    models, emotions = (sorted({row[name] for row in placed}) for name in ("model", "emotion"))
    many = len(emotions) > FEW
    sheet = Sheet("consensus", subject, variant, many=many)
    shown = sorted({ranks[int(share * len(ranks))] for share in (DEPTHS[1:2] if many else DEPTHS)}) if ranks else []
    for i, rank in enumerate(shown):
        at_rank = [row for row in placed if row["consensus_rank"] == rank]
        layers = ", ".join(
            f"{row['layer']}" for row in sorted({row["model"]: row for row in at_rank}.values(), key=lambda row: row["model"])
        )
        if many:
            sheet.notes.append(
                f"Layers of the models, in their order: {layers}. The first common axis is to the right, the second upwards."
            )
            for j, emotion in enumerate(emotions):
                panel = _plane(sheet, j // COLUMNS, j % COLUMNS, 1.25, emotion)
                _directions(panel, [row for row in at_rank if row["emotion"] == emotion], [emotion], models)
        else:
            panel = _plane(sheet, 0, i, 2.6, f"layers {layers}")
            panel.x_ticks = ticks(-1, 1, 4)
            panel.y_ticks = ticks(-1, 1, 4) if i == 0 else ()
            _directions(panel, at_rank, emotions, models)
    if not shown:
        _plane(sheet, 0, 0, 2.6, "nothing is defined")
    if shown and not many:
        sheet.x_label, sheet.y_labels[0] = "first common axis", "second common axis"
        sheet.notes.append("Layers in the order of the models.")
        for i, emotion in enumerate(emotions):
            sheet.means(Entry(emotion, colour=SERIES[i].light, dashes="-", width=2.5))
    for i, model in enumerate(models):
        sheet.means(Entry(model, MARKERS[i % len(MARKERS)], INK.light))
    return sheet


def _plane(sheet: Sheet, row: int, column: int, size: float, title: str) -> Panel:
    panel = sheet.panel(row, column, size, size, title)
    panel.framed = False
    angles = [tau * i / 72 for i in range(73)]
    panel.axes.plot([cos(angle) for angle in angles], [sin(angle) for angle in angles], color=AXIS.light, linewidth=0.8)
    for axis in (panel.axes.axhline, panel.axes.axvline):
        axis(0, color=GRID.light, linewidth=0.6)
    panel.axes.set_xlim(-1.12, 1.12)
    panel.axes.set_ylim(-1.12, 1.12)
    return panel


def _directions(panel: Panel, rows: list[Row], emotions: list[str], models: list[str]) -> None:
    for i, emotion in enumerate(emotions):
        colour, members = SERIES[i % len(SERIES)].light, [row for row in rows if row["emotion"] == emotion]
        if not members:
            continue
        x, y = (sum(row[name] for row in members) / len(members) for name in ("x", "y"))
        panel.axes.annotate("", (x, y), (0, 0), arrowprops={"color": colour, **ARROW})
        for row in members:
            marker = MARKERS[models.index(row["model"]) % len(MARKERS)]
            panel.axes.scatter(
                [row["x"]], [row["y"]], color=colour, marker=marker, s=28, edgecolors=GROUND.light, linewidths=0.5, zorder=3
            )
