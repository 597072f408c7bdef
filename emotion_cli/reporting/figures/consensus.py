"""Three or more models and their emotions in the plane that they hold in common."""

from collections.abc import Iterable
from math import cos, sin, tau

from emotion_cli.reporting.figures.style import COLOURS, MARKERS, Row, saved, side_by_side

SHOWN = (0.25, 0.5, 0.75)
"""Shares of the matched depths at which planes are drawn; fixed, so that nothing is picked by how it looks."""

ARROW = {"arrowstyle": "-|>", "linewidth": 1.2, "shrinkA": 0, "shrinkB": 0}


def consensus(rows: Iterable[Row], title: str) -> dict[str, bytes]:
    """Each model's unit direction of each emotion in the consensus plane at three depths, with the mean over models as an arrow.

    `rows` of `consensus_by_layer`, of one consensus. Each panel has a plane of its own.
    """
    placed = [row for row in rows if row["layer"] is not None and row["x"] is not None]
    ranks = sorted({row["consensus_rank"] for row in placed})
    shown = sorted({ranks[int(share * len(ranks))] for share in SHOWN}) if ranks else []
    models, emotions = (sorted({row[name] for row in placed}) for name in ("model", "emotion"))
    figure, axes = side_by_side(title, max(1, len(shown)), width=2.9, height=3.9)
    for panel, rank in zip(axes, shown, strict=False):
        at_rank = [row for row in placed if row["consensus_rank"] == rank]
        angles = [tau * i / 100 for i in range(101)]
        panel.plot([cos(angle) for angle in angles], [sin(angle) for angle in angles], color="#999999", linewidth=0.8)
        for axis in (panel.axhline, panel.axvline):
            axis(0, color="#dddddd", linewidth=0.6)
        for i, emotion in enumerate(emotions):
            colour, members = COLOURS[i % len(COLOURS)], [row for row in at_rank if row["emotion"] == emotion]
            if members:
                x, y = (sum(row[name] for row in members) / len(members) for name in ("x", "y"))
                panel.annotate("", (x, y), (0, 0), arrowprops={"color": colour, **ARROW})
            for row in members:
                panel.scatter(
                    [row["x"]],
                    [row["y"]],
                    color=colour,
                    marker=MARKERS[models.index(row["model"]) % len(MARKERS)],
                    s=28,
                    edgecolors="white",
                    linewidths=0.5,
                    zorder=3,
                )
        layer_of = {row["model"]: row["layer"] for row in at_rank}
        layers = ", ".join(str(layer_of[model]) for model in models)
        panel.set_title(f"layers {layers}", fontsize=8)
        panel.set_xlim(-1.1, 1.1)
        panel.set_ylim(-1.1, 1.1)
        panel.set_aspect("equal")
        panel.grid(visible=False)
        panel.set_xlabel("first common axis")
    axes[0].set_ylabel("second common axis")
    for i, emotion in enumerate(emotions):
        axes[0].plot([], [], color=COLOURS[i % len(COLOURS)], linewidth=2.5, label=emotion)
    for i, model in enumerate(models):
        axes[0].scatter([], [], color="#444444", marker=MARKERS[i % len(MARKERS)], s=28, label=model)
    note = "arrows: mean over models; circle: a direction that lies in the plane wholly; layers in the order of the models"
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(
        handles,
        labels,
        loc="outside lower left",
        ncols=max(1, len(models) + len(emotions)),
        fontsize=8,
        title=note,
        title_fontsize=7,
        alignment="left",
    )
    return saved(figure)
