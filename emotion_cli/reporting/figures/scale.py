"""Colours of a map's cells, and the scale below it."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from emotion_cli.reporting.figures.sheet import Sheet, ticks
from emotion_cli.reporting.figures.theme import FAINT, GRID, ON_DARK, ON_LIGHT

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes


class Scale(NamedTuple):
    """Colours of a map: of the least, the middle and the greatest value."""

    low: float
    high: float
    colours: str
    centre: float | None = None
    logarithmic: bool = False


SHARE = Scale(0.0, 1.0, "cividis")
AUROC = Scale(0.0, 1.0, "RdBu_r", 0.5)
COSINE = Scale(-1.0, 1.0, "RdBu_r", 0.0)


def paint(grid: "Sequence[Sequence[float] | np.ndarray]", scale: Scale) -> Any:
    """Red, green, blue and opacity (0 to 255) of each value; one that is not a number has no colour."""
    import numpy as np
    from matplotlib import colormaps

    values = np.asarray(grid, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        painted = colormaps[scale.colours](_share(values, scale), bytes=True)
    painted[np.isnan(values)] = 0
    return painted


def _share(values: Any, scale: Scale) -> Any:
    """Where values lie between the ends of a scale, 0 to 1, with its centre at 0.5."""
    import numpy as np

    low, high = scale.low, scale.high
    if scale.logarithmic:
        values, low, high = np.log(values), np.log(low), np.log(high)
    if scale.centre is None:
        return np.clip((values - low) / (high - low), 0, 1)
    # equal steps from the centre are equally strong on both sides
    reach = max(high - scale.centre, scale.centre - low)
    return np.clip(0.5 + (values - scale.centre) / (2 * reach), 0, 1)


def on(colour: Sequence[int]) -> str:
    """The colour of text on a cell."""
    red, green, blue, opacity = (int(part) for part in colour)
    return FAINT.light if not opacity else ON_DARK if 0.299 * red + 0.587 * green + 0.114 * blue < 130 else ON_LIGHT


def scale_bar(sheet: Sheet, row: int, column: int, width: float, scale: Scale, label: str) -> None:
    """The scale of a map, below it."""
    import numpy as np

    panel = sheet.panel(row, column, min(width, 2.4), 0.10, label)
    steps = np.linspace(0, 1, 65)
    low, high = (float(np.log10(end)) if scale.logarithmic else end for end in (scale.low, scale.high))
    values = low + (high - low) * steps
    panel.axes.imshow(
        paint([10**values if scale.logarithmic else values], scale), interpolation="none", aspect="auto", extent=(low, high, 0, 1)
    )
    panel.axes.set_xlim(low, high)
    panel.axes.set_ylim(0, 1)
    if scale.logarithmic:
        panel.x_ticks = [(at, f"{float(f'{10**at:.2g}'):g}") for at in (low, (low + high) / 2, high)]
    else:
        panel.x_ticks = ticks(low, high, 4)
    panel.framed = False


def shade_undefined(axes: "Axes", cells: Iterable[tuple[float, float]]) -> None:
    """Give cells (x and y of the middle) a shade that no scale has, so that "not defined" does not look like a value."""
    from matplotlib.collections import PolyCollection

    half = 0.5
    squares = [[(x - half, y - half), (x + half, y - half), (x + half, y + half), (x - half, y + half)] for x, y in cells]
    if squares:
        axes.add_collection(PolyCollection(squares, facecolor=GRID.light, edgecolor="none", zorder=1.5), autolim=False)
