"""The shared parts of all figures: canvas, lines, axes, legends, and saving to the same bytes."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from io import BytesIO
from itertools import groupby
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Row = Mapping[str, Any]

# Okabe and Ito's palette: most colour-blind readers can distinguish it; dashes and markers distinguish lines in grey
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
DASHES = ("-", "--", ":", "-.")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")

_STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "text.parse_math": False,  # a label may hold a dollar sign
    "svg.hashsalt": "emo",
    "svg.fonttype": "path",
}

NOT_DEFINED = "not defined"


@cache
def _styled() -> None:
    import matplotlib as mpl

    mpl.rcParams.update(_STYLE)


def canvas(title: str, width: float = 6.4, height: float = 4.0) -> "tuple[Figure, Axes]":
    """An empty figure of width x height inches with one pair of axes."""
    # the figure alone, without pyplot: no window, no state shared between figures
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    _styled()
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_axisbelow(True)
    axes.set_title(title, loc="left")
    return figure, axes


def panels(title: str, width: float = 6.4, height: float = 6.4) -> "tuple[Figure, Axes, Axes]":
    """An empty figure of width x height inches with two pairs of axes, one above the other, that share x."""
    figure, upper = canvas(title, width, height)
    figure.delaxes(upper)
    upper, lower = figure.subplots(2, 1, sharex=True)
    upper.set_title(title, loc="left")
    for axes in (upper, lower):
        axes.set_axisbelow(True)
    return figure, upper, lower


def side_by_side(title: str, n: int, width: float, height: float) -> "tuple[Figure, list[Axes]]":
    """An empty figure with n pairs of axes of width x height inches beside each other."""
    figure, first = canvas("", max(5.2, n * width), height)
    figure.delaxes(first)
    axes = list(figure.subplots(1, n, squeeze=False)[0])
    figure.suptitle(title, x=0.01, ha="left", fontsize=10)
    return figure, axes


def band(axes: "Axes", i: int, x: Sequence[Any], low: Sequence[Any], high: Sequence[Any], alpha: float = 0.10) -> None:
    """Shade between two curves in the i-th colour; None is a gap."""
    axes.fill_between(
        [number(value) for value in x],
        [number(value) for value in low],
        [number(value) for value in high],
        color=COLOURS[i % len(COLOURS)],
        alpha=alpha,
        linewidth=0,
    )


def line(axes: "Axes", i: int, x: Sequence[Any], y: Sequence[Any], label: str) -> None:
    """Draw the i-th line in its own colour, dash and marker; None is a gap."""
    axes.plot(
        [number(value) for value in x],
        [number(value) for value in y],
        label=label,
        color=COLOURS[i % len(COLOURS)],
        linestyle=DASHES[i % len(DASHES)],
        marker=MARKERS[i % len(MARKERS)],
        markersize=3.5,
        linewidth=1.5,
    )


def crosses(axes: "Axes", x: Sequence[Any], y: Sequence[Any]) -> None:
    """Cross out points of a line; None is left out."""
    axes.plot([number(value) for value in x], [number(value) for value in y], "x", color="#000000", markersize=6, zorder=4)


def layer_axis(axes: "Axes") -> None:
    """Mark x as layers, with layer 0 as the embeddings."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda layer, _: "0\nembeddings" if layer == 0 else f"{layer:g}"))
    axes.set_xlabel("layer (decoder blocks applied)")


def legend(axes: "Axes", note: str = "") -> None:
    """Put the legend below the axes, with a note on how to read the picture."""
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        axes.legend(
            handles,
            labels,
            loc="upper left",
            bbox_to_anchor=(0, -0.22),
            ncols=min(3, len(labels)),
            fontsize=8.5,
            title=note or None,
            title_fontsize=7.5,
            alignment="left",
            borderaxespad=0,
        )


def saved(figure: "Figure") -> dict[str, bytes]:
    """The figure as {ending: file}; nothing in the bytes depends on when or where."""
    files = {}
    for ending, options in {"png": {"dpi": 150, "metadata": {"Software": None}}, "svg": {"metadata": {"Date": None}}}.items():
        sink = BytesIO()
        figure.savefig(sink, format=ending, bbox_inches="tight", **options)
        files[ending] = sink.getvalue()
    return files


def grouped(rows: Iterable[Row], *names: str) -> list[tuple[Any, list[Row]]]:
    """Rows by the values of columns, sorted, each group by layer."""

    def key(row: Row) -> Any:
        values = [row[name] for name in names]
        return tuple(values) if len(values) > 1 else values[0]

    ordered = sorted(rows, key=lambda row: (key(row), row["layer"]))
    return [(value, list(members)) for value, members in groupby(ordered, key)]


def number(value: float | None) -> float:
    """A value to draw; NaN, which is not drawn, for None."""
    return float("nan") if value is None else float(value)
