"""What each head and MLP writes onto a direction, by block."""

from collections.abc import Iterable

from emotion_cli.reporting.figures.style import Row, grouped, number, saved, side_by_side

LEVEL = 0.05
"""Parts with a smaller p-value have a dot."""


def heads_by_block(rows: Iterable[Row], title: str) -> dict[str, bytes]:
    """Difference that each head (columns) and MLP (last column) of each block (rows) makes, a picture an emotion.

    Rows of the query `parts_by_block`, of one test set and one reference. Colours of all emotions have one scale.
    """
    import numpy as np

    parts = [row for row in rows if row["component"] in ("head", "mlp")]
    emotions = grouped(parts, "emotion")
    n_heads = 1 + max((row["head"] for row in parts if row["head"] is not None), default=0)
    most = max((abs(number(row["value"])) for row in parts if row["value"] is not None), default=1.0) or 1.0
    figure, panels = side_by_side(title, max(len(emotions), 1), 3.6, 4.6)
    for axes, (emotion, members) in zip(panels, emotions, strict=False):
        n_blocks = max(row["block"] for row in members)
        values = np.full((n_blocks, n_heads + 1), np.nan)
        for row in members:
            place = row["block"] - 1, n_heads if row["head"] is None else row["head"]
            values[place] = number(row["value"])
            if row["p_value"] is not None and row["p_value"] < LEVEL:
                axes.plot(place[1], place[0] + 1, "o", color="#000000", markersize=2.5)
        extent = (-0.5, n_heads + 0.5, 0.5, n_blocks + 0.5)
        drawn = axes.imshow(values, cmap="PuOr_r", vmin=-most, vmax=most, aspect="auto", origin="lower", extent=extent)
        axes.grid(visible=False)
        axes.set_xticks([*range(n_heads), n_heads], [*map(str, range(n_heads)), "MLP"], fontsize=7.5)
        axes.set_title(f"{emotion}, layer {members[0]['layer']}", loc="left", fontsize=9)
        axes.set_xlabel("head")
        if axes is panels[-1]:
            figure.colorbar(drawn, ax=panels, shrink=0.8, label=f"difference along the direction (dot: p < {LEVEL})")
    panels[0].set_ylabel("block")
    return saved(figure)
