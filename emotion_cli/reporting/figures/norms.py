"""How long emotion vectors are."""

from collections.abc import Iterable

from emotion_cli.reporting.figures.style import Row, canvas, grouped, layer_axis, legend, line, saved


def layer_norms(rows: Iterable[Row], title: str) -> dict[str, bytes]:
    """L2 norm of each emotion's vector by layer (rows of `vector_norms_by_layer`), as {ending: file}."""
    figure, axes = canvas(title)
    for i, (emotion, members) in enumerate(grouped(rows, "emotion")):
        line(axes, i, [row["layer"] for row in members], [row["l2_norm"] for row in members], emotion)
    layer_axis(axes)
    axes.set_ylim(bottom=0)
    axes.set_ylabel("L2 norm of the emotion vector")
    legend(axes)
    return saved(figure)
