"""Rows to pictures: the same rows give the same bytes, in PNG and SVG. Nothing here knows the store."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from io import BytesIO
from itertools import groupby
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FIGURES_VERSION = 1
"""Raise it when a figure is drawn differently, so that stored figures are drawn again."""

Row = Mapping[str, Any]

# Okabe and Ito's palette: told apart by most colour-blind readers; dashes and markers tell lines apart in grey
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_DASHES = ("-", "--", ":", "-.")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")

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

_NOTHING = "not defined"


def layer_norms(rows: Iterable[Row], title: str) -> dict[str, bytes]:
    """L2 norm of each emotion's vector by layer (rows of `vector_norms_by_layer`), as {ending: file}."""
    figure, axes = _canvas(title)
    for i, (emotion, members) in enumerate(_grouped(rows, "emotion")):
        _line(axes, i, [row["layer"] for row in members], [row["l2_norm"] for row in members], emotion)
    _layer_axis(axes)
    axes.set_ylim(bottom=0)
    axes.set_ylabel("L2 norm of the emotion vector")
    _legend(axes)
    return _saved(figure)


def emotion_distances(rows: Iterable[Row], title: str) -> dict[str, bytes]:
    """Cosine of every two emotions by layer, with its null band (rows of `within_model_similarity_by_layer`)."""
    figure, axes = _canvas(title)
    pairs = _grouped(rows, "emotion_a", "emotion_b")
    for i, ((emotion_a, emotion_b), members) in enumerate(pairs):
        layers = [row["layer"] for row in members]
        _line(axes, i, layers, [row["cosine_similarity"] for row in members], f"{emotion_a} and {emotion_b}")
        low, high = ([_number(row[name]) for row in members] for name in ("null_low", "null_high"))
        axes.fill_between(layers, low, high, color=_COLOURS[i % len(_COLOURS)], alpha=0.10, linewidth=0)
    equidistance = pairs[0][1][0]["equidistance"] if pairs else 0.5
    axes.axhline(equidistance, color="#444444", linewidth=1.2, dashes=(6, 3), zorder=1)
    axes.annotate(f"{equidistance:g}: as different from each other as from the reference", (0.99, equidistance),
                  xycoords=("axes fraction", "data"), xytext=(0, 3), textcoords="offset points", ha="right", fontsize=7.5,
                  color="#444444")  # fmt: skip
    drawn = [row[name] for _, members in pairs for row in members for name in ("cosine_similarity", "null_low")]
    lowest = min((value for value in drawn if value is not None), default=0.0)
    axes.set_ylim(min(-0.05, 1.05 * lowest), 1.05)
    axes.axhline(0, color="#999999", linewidth=0.8, zorder=1)
    _layer_axis(axes)
    axes.set_ylabel("cosine similarity")
    _legend(axes, note="shaded: 95 % of the cosines when labels are permuted within topics")
    return _saved(figure)


def similarity_heatmap(rows: Iterable[Row], title: str) -> dict[str, bytes]:
    """Mean cosine over layers of every two emotions (rows of `within_model_similarity_by_model`), on a scale of -1 to 1."""
    figure, axes = _canvas(title, width=4.6, height=4.0)
    cosine = {(row["emotion_a"], row["emotion_b"]): row["mean_cosine_similarity"] for row in rows}
    emotions = sorted({emotion for pair in cosine for emotion in pair})
    grid = [[1.0 if a == b else _number(cosine.get((min(a, b), max(a, b)))) for b in emotions] for a in emotions]
    image = axes.imshow(grid or [[float("nan")]], vmin=-1, vmax=1, cmap="RdBu_r")
    for y, line in enumerate(grid):
        for x, value in enumerate(line):
            text = f"{value:.3f}" if value == value else _NOTHING
            axes.text(x, y, text, ha="center", va="center", color="white" if abs(value) > 0.7 else "black")
    axes.grid(visible=False)
    axes.set_xticks(range(len(emotions)), emotions, rotation=30, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(emotions)), emotions)
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)
    bar = figure.colorbar(image, ax=axes, shrink=0.85)
    bar.set_label("mean cosine over layers (0.5: equidistant)" if rows else "")
    return _saved(figure)


def cross_model(rows: Iterable[Row], norms: Iterable[Row], title: str) -> dict[str, bytes]:
    """Raw cosine of one emotion in two models by layer; where no two have equal width, each model's norms by depth.

    `rows` of `cross_model_similarity_by_layer`, `norms` of `vector_norms_by_layer`, both of one emotion.
    """
    figure, axes = _canvas(title)
    pairs = _grouped(rows, "model_a", "model_b")
    if pairs:
        for i, ((model_a, model_b), members) in enumerate(pairs):
            layers = [row["layer"] for row in members]
            _line(axes, i, layers, [row["cosine_similarity"] for row in members], f"{model_a} and {model_b}")
        spread = max(row["chance_stddev"] for _, members in pairs for row in members)
        axes.axhspan(-1.96 * spread, 1.96 * spread, color="#999999", alpha=0.25, linewidth=0)
        extreme = max([abs(row["cosine_similarity"] or 0) for _, members in pairs for row in members] + [4 * spread])
        axes.set_ylim(-1.1 * extreme, 1.1 * extreme)
        axes.axhline(0, color="#999999", linewidth=0.8)
        _layer_axis(axes)
        axes.set_ylabel("raw cosine at the same layer")
        _legend(axes, note="grey: 95 % of the cosines of unrelated directions")
        return _saved(figure)
    for i, (model, members) in enumerate(_grouped(norms, "model")):
        _line(axes, i, [row["relative_depth"] for row in members], [row["relative_norm"] for row in members], model)
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("relative depth (0: the embeddings, 1: after the last block)")
    axes.set_ylabel("norm relative to reference prompts")
    _legend(axes, note="the models' widths differ: their raw cosine is not defined")
    return _saved(figure)


@cache
def _styled() -> None:
    import matplotlib as mpl

    mpl.rcParams.update(_STYLE)


def _canvas(title: str, width: float = 6.4, height: float = 4.0) -> "tuple[Figure, Axes]":
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


def _line(axes: "Axes", i: int, x: Sequence[Any], y: Sequence[Any], label: str) -> None:
    axes.plot([_number(value) for value in x], [_number(value) for value in y], label=label, color=_COLOURS[i % len(_COLOURS)],
              linestyle=_DASHES[i % len(_DASHES)], marker=_MARKERS[i % len(_MARKERS)], markersize=3.5, linewidth=1.5)  # fmt: skip


def _layer_axis(axes: "Axes") -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda layer, _: "0\nembeddings" if layer == 0 else f"{layer:g}"))
    axes.set_xlabel("layer (decoder blocks applied)")


def _legend(axes: "Axes", note: str = "") -> None:
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        axes.legend(handles, labels, loc="upper left", bbox_to_anchor=(0, -0.22), ncols=min(3, len(labels)), fontsize=8.5,
                    title=note or None, title_fontsize=7.5, alignment="left", borderaxespad=0)  # fmt: skip


def _saved(figure: "Figure") -> dict[str, bytes]:
    files = {}
    for ending, options in {"png": {"dpi": 150, "metadata": {"Software": None}}, "svg": {"metadata": {"Date": None}}}.items():
        sink = BytesIO()
        figure.savefig(sink, format=ending, bbox_inches="tight", **options)
        files[ending] = sink.getvalue()
    return files


def _grouped(rows: Iterable[Row], *names: str) -> list[tuple[Any, list[Row]]]:
    def key(row: Row) -> Any:
        values = [row[name] for name in names]
        return tuple(values) if len(values) > 1 else values[0]

    ordered = sorted(rows, key=lambda row: (key(row), row["layer"]))
    return [(value, list(members)) for value, members in groupby(ordered, key)]


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)
