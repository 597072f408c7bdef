"""A figure as a sheet: title, panels in rows, key and notes, each in a place of its own, measured before it is drawn."""

import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from io import BytesIO, StringIO
from typing import TYPE_CHECKING, Any, NamedTuple

from emotion_cli.reporting.figures import fonts
from emotion_cli.reporting.figures.captions import CAPTIONS
from emotion_cli.reporting.figures.svg import Description, finished
from emotion_cli.reporting.figures.theme import AXIS, FAINT, GRID, GROUND, INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DPI = 120
"""Of the PNG; texts are measured at the same resolution."""

MARGIN = 0.12
"""Inches around everything."""

LEAST_WIDTH = 5.2
"""Inches: a title and a key need them."""

TITLE, SUBTITLE, HEADING, LABEL, TICK, KEY, NOTE = 11.0, 8.5, 9.5, 8.5, 7.5, 8.5, 8.0
"""Sizes of text, in points."""

TICK_LENGTH = 0.035
"""Inches."""

HANDLE = 0.34
"""Inches that the sample of a line takes in the key."""

_SVG: Any = {"svg.hashsalt": "emo", "svg.fonttype": "none", "svg.image_inline": True, "svg.id": None}


class Text(NamedTuple):
    """Lines of text with the inches that they take."""

    lines: str
    width: float
    height: float


class Entry(NamedTuple):
    """A line of the key: a sample, and what it means."""

    meaning: str
    marker: str | None = None
    colour: str = INK.light
    face: str | None = None
    dashes: Any = None
    """Of the line; None: no line."""
    shade: str | None = None
    """Colour of a patch in the place of the line."""
    width: float = 1.5


@dataclass(eq=False)
class Panel:
    """A pair of axes with its place in the grid and its texts."""

    axes: "Axes"
    row: int
    column: int
    width: float
    height: float
    title: str = ""
    x_ticks: Sequence[tuple[float, str]] = ()
    y_ticks: Sequence[tuple[float, str]] = ()
    upright: bool = False
    """Whether the labels below are turned, because they are long."""
    framed: bool = True
    """Whether it has a grid, and edges at the left and below."""
    x_label: str = ""
    """Of this panel alone."""


@dataclass(eq=False)
class Sheet:
    """A figure in the making. `figure()` places everything; `files()` is the same as PNG and SVG."""

    kind: str
    subject: str
    variant: str
    many: bool = False
    """Whether it is drawn as for many labels; its caption says another thing then."""
    panels: list[Panel] = field(default_factory=list)
    headings: dict[int, str] = field(default_factory=dict)
    """A line above a row of panels."""
    y_labels: dict[int, str] = field(default_factory=dict)
    x_label: str = ""
    key: list[Entry] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    missing: str = ""
    """Characters that no font of the machine has; known after drawing."""
    drawn: "Figure | None" = None

    def __post_init__(self) -> None:
        # the figure alone, without pyplot: no window, no state shared between figures
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        self.drawn = Figure(dpi=DPI, facecolor="none")
        FigureCanvasAgg(self.drawn)

    @property
    def description(self) -> Description:
        """Kind, title and caption."""
        caption = CAPTIONS[self.kind]
        return Description(self.kind, f"{caption.title} {self.subject}", caption.text(many=self.many))

    def panel(self, row: int, column: int, width: float, height: float, title: str = "") -> Panel:
        """A new panel of width x height inches."""
        assert self.drawn
        axes = self.drawn.add_axes((0.0, 0.0, 1.0, 1.0), label=f"{row} {column}")
        # ticks, grid and edges are drawn by the layout: matplotlib's own take half of the time of a small panel
        axes.set_axis_off()
        panel = Panel(axes, row, column, width, height, title)
        self.panels.append(panel)
        return panel

    def means(self, entry: Entry) -> None:
        """Add to the key, once."""
        if entry not in self.key:
            self.key.append(entry)

    def figure(self) -> "Figure":
        """The figure with everything in its place."""
        import matplotlib as mpl

        names, self.missing = fonts.families(self._texts())
        with mpl.rc_context({"font.family": names}):
            _Layout(self, tuple(names)).place()
        assert self.drawn
        return self.drawn

    def files(self) -> dict[str, bytes]:
        """The figure as {ending: file}; nothing in the bytes depends on when or where, unless a label needs another font."""
        figure, png, svg = self.figure(), BytesIO(), StringIO()
        description = self.description
        import matplotlib as mpl

        with warnings.catch_warnings(), mpl.rc_context(_SVG):
            # which characters have no font is known, and said in our own words
            warnings.filterwarnings("ignore", message="Glyph .* missing from font")
            figure.savefig(
                png,
                format="png",
                dpi=DPI,
                facecolor=GROUND.light,
                metadata={"Software": None, "Title": description.title, "Description": description.caption},
            )
            figure.savefig(svg, format="svg", metadata={"Date": None})
        return {"png": png.getvalue(), "svg": finished(svg.getvalue(), description)}

    def _texts(self) -> list[str]:
        parts = [
            self.description.title,
            self.variant,
            self.x_label,
            *self.headings.values(),
            *self.y_labels.values(),
            *self.notes,
        ]
        parts += [entry.meaning for entry in self.key]
        for panel in self.panels:
            parts += [
                panel.title,
                panel.x_label,
                *(label for _, label in (*panel.x_ticks, *panel.y_ticks)),
                *(text.get_text() for text in panel.axes.texts),
            ]
        return parts


@cache
def _measured(text: str, size: float, names: tuple[str, ...]) -> float:
    """Inches that a line of text takes."""
    from matplotlib.font_manager import FontProperties

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        return (
            _renderer().get_text_width_height_descent(text, FontProperties(family=list(names), size=size), ismath=False)[0] / DPI
        )


@cache
def _renderer() -> Any:
    from matplotlib.backends.backend_agg import RendererAgg

    return RendererAgg(1, 1, DPI)


class _Layout:
    """The places of a sheet's parts, from the top down, in inches."""

    def __init__(self, sheet: Sheet, names: tuple[str, ...]) -> None:
        from matplotlib.transforms import Affine2D

        self.sheet, self.names = sheet, names
        assert sheet.drawn
        self.figure = sheet.drawn
        # inches from the top left corner; the figure's size is known when everything has its place
        self._to_shares = Affine2D()
        self._inches = self._to_shares + self.figure.transFigure

    def text(self, text: str, size: float, width: float) -> Text:
        """Text in lines of at most `width` inches: broken between words, and inside a word that is longer than a line."""
        lines: list[str] = []
        for paragraph in text.split("\n"):
            line = ""
            for word in re.findall(r"\S+\s*|\s+", paragraph) or [""]:
                if line and self.width((line + word).rstrip(), size) > width:
                    lines.append(line.rstrip())
                    line = ""
                while len(word) > 1 and self.width(word.rstrip(), size) > width:
                    cut = next((n for n in range(len(word) - 1, 1, -1) if self.width(word[:n], size) <= width), 1)
                    lines.append(word[:cut])
                    word = word[cut:]
                line += word
            lines.append(line.rstrip())
        return Text("\n".join(lines), max(self.width(line, size) for line in lines), len(lines) * _line(size))

    def width(self, text: str, size: float) -> float:
        """Inches that a line takes."""
        return _measured(text, size, self.names) if text else 0.0

    def place(self) -> None:
        """Give the figure its size, and every part its place."""
        sheet = self.sheet
        rows, columns = (sorted({getattr(panel, name) for panel in sheet.panels}) for name in ("row", "column"))
        of_row = {row: [panel for panel in sheet.panels if panel.row == row] for row in rows}
        of_column = {column: [panel for panel in sheet.panels if panel.column == column] for column in columns}
        # across
        widths = {column: max(panel.width for panel in of_column[column]) for column in columns}
        x_labels = {id(panel): self.text(panel.x_label, LABEL, max(panel.width, 1.6)) for panel in sheet.panels if panel.x_label}
        titles = {id(panel): self.text(panel.title, HEADING, widths[panel.column]) for panel in sheet.panels if panel.title}
        y_labels = {row: self.text(label, LABEL, max(p.height for p in of_row[row])) for row, label in sheet.y_labels.items()}
        x = MARGIN + max((label.height + 0.06 for label in y_labels.values()), default=0.0)
        left = {}
        for column in columns:
            ticks = [self.width(label, TICK) for panel in of_column[column] for _, label in panel.y_ticks]
            x += max(ticks, default=0.0) + (0.10 if ticks else 0.14)
            overhang = max((self._before(panel) for panel in of_column[column]), default=0.0)
            x = max(x, MARGIN + overhang)
            left[column] = x
            x += widths[column] + 0.12
        panels_width = x - 0.12
        last = max((self._after(panel) for panel in of_column[columns[-1]]), default=0.0)
        width = max(LEAST_WIDTH, panels_width + max(0.1, last) + MARGIN)
        inner = width - 2 * MARGIN
        # down
        parts: list[tuple[float, float, Text, float, dict[str, Any]]] = []
        y = MARGIN
        for text, size, style in (
            (sheet.description.title, TITLE, {}),
            (sheet.variant, SUBTITLE, {"color": FAINT.light}),
        ):
            shown = self.text(text, size, inner)
            parts.append((MARGIN, y, shown, size, style))
            y += shown.height + 0.03
        y += 0.06
        top, beside = {}, []
        for row in rows:
            if sheet.headings.get(row):
                heading = self.text(sheet.headings[row], HEADING, inner)
                parts.append((MARGIN, y, heading, HEADING, {}))
                y += heading.height + 0.05
            high = max((titles[id(panel)].height for panel in of_row[row] if id(panel) in titles), default=0.0)
            for panel in of_row[row]:
                if id(panel) in titles:
                    title = titles[id(panel)]
                    parts.append((left[panel.column], y + high - title.height, title, HEADING, {}))
            y += high + 0.05
            top[row] = y
            tall = max(panel.height for panel in of_row[row])
            if row in y_labels:
                label = y_labels[row]
                beside.append((y + tall / 2, label))
            for panel in of_row[row]:
                if id(panel) in x_labels:
                    parts.append((left[panel.column], y + panel.height + self._below(panel), x_labels[id(panel)], LABEL, {}))
            y += 0.10 + max(
                panel.height + self._below(panel) + (x_labels[id(panel)].height if id(panel) in x_labels else 0.0)
                for panel in of_row[row]
            )
        if sheet.x_label:
            label = self.text(sheet.x_label, LABEL, inner)
            middle = max(MARGIN + label.width / 2, (left[columns[0]] + panels_width) / 2)
            parts.append((min(middle, width - MARGIN - label.width / 2), y - 0.05, label, LABEL, {"ha": "center"}))
            y += label.height + 0.02
        y = self._key(y + 0.08, inner)
        for note in sheet.notes:
            shown = self.text(note, NOTE, inner)
            parts.append((MARGIN, y, shown, NOTE, {"color": FAINT.light}))
            y += shown.height + 0.02
        height = y + MARGIN - 0.02
        self._sized(width, height)
        for x, y, text, size, style in parts:
            self._put(x, y, text.lines, size, **style)
        for middle, label in beside:
            for i, line in enumerate(label.lines.split("\n")):
                self._turned(MARGIN + (i + 0.78) * _line(LABEL), middle, line, LABEL, "center")
        for panel in sheet.panels:
            box = (left[panel.column], top[panel.row], panel.width, panel.height)
            panel.axes.set_position((box[0] / width, 1 - (box[1] + box[3]) / height, box[2] / width, box[3] / height))
            self._ticks(panel, box[0], box[1] + box[3])

    def _sized(self, width: float, height: float) -> None:
        from matplotlib.transforms import Affine2D

        self.figure.set_size_inches(width, height)
        self._to_shares.set_matrix(Affine2D().scale(1 / width, -1 / height).translate(0, 1).get_matrix())

    def _put(self, x: float, y: float, text: str, size: float, **style: Any) -> None:
        """Text whose upper left corner is x, y inches from the figure's; each line on the baseline of its neighbours."""
        for i, line in enumerate(text.split("\n")):
            if not line:
                continue
            baseline = y + i * _line(size) + 0.78 * _line(size)
            self._line(x, baseline, line, fontsize=size, va="baseline", **{"ha": "left", **style})

    def _turned(self, x: float, y: float, line: str, size: float, ha: str) -> None:
        """A line of text that goes up; x is its baseline."""
        style = {"rotation": 90, "rotation_mode": "anchor", "va": "baseline", "ha": ha}
        if line:
            self._line(x, y, line, fontsize=size, **style)

    def _line(self, x: float, y: float, line: str, **style: Any) -> None:
        # a label may hold a dollar sign
        self.figure.text(x, y, line, transform=self._inches, parse_math=False, **{"color": INK.light, **style})

    def _key(self, y: float, inner: float) -> float:
        """The key, entry by entry, in as many lines as it needs; the place below it."""
        from matplotlib.lines import Line2D
        from matplotlib.patches import Rectangle

        x, tall = MARGIN, 0.0
        for entry in sorted(self.sheet.key, key=_order):
            text = self.text(entry.meaning, KEY, inner - HANDLE - 0.08)
            takes = HANDLE + 0.08 + text.width + 0.22
            if x > MARGIN and x + takes - 0.22 > MARGIN + inner:
                x, y, tall = MARGIN, y + tall + 0.04, 0.0
            middle = y + _line(KEY) / 2
            if entry.shade:
                patch = Rectangle(
                    (x, middle - 0.055), HANDLE, 0.11, facecolor=entry.shade, edgecolor="none", transform=self._inches
                )
                self.figure.add_artist(patch)
            if entry.dashes or entry.marker:
                line = Line2D(
                    [x, x + HANDLE / 2, x + HANDLE],
                    [middle] * 3,
                    color=entry.colour,
                    linestyle=entry.dashes or "none",
                    linewidth=entry.width,
                    marker=entry.marker or "",
                    markevery=[1],
                    markersize=9 if entry.marker == "|" else 4.5,
                    markerfacecolor=entry.face or entry.colour,
                    markeredgewidth=1.6 if entry.marker == "|" else 0.9,
                    alpha=0.45 if entry.marker == "|" else None,
                    transform=self._inches,
                )
                self.figure.add_artist(line)
            self._put(x + HANDLE + 0.08, y, text.lines, KEY)
            x += takes
            tall = max(tall, text.height)
        return y + tall + 0.06 if self.sheet.key else y

    def _ticks(self, panel: Panel, x: float, y: float) -> None:
        """Grid, edges, ticks and labels of a panel whose lower left corner is x, y inches from the figure's upper left one."""
        from matplotlib.collections import LineCollection

        axes, at_x, at_y = panel.axes, self._places(panel, "x"), self._places(panel, "y")
        across, up = ([place / size for place in places] for places, size in ((at_x, panel.width), (at_y, panel.height)))

        def strokes(lines: Sequence[Any], colour: str, width: float, z: float) -> None:
            drawn = LineCollection(lines, colors=colour, linewidths=width, transform=axes.transAxes, zorder=z, clip_on=False)
            axes.add_collection(drawn, autolim=False)

        tick = [[(a, 0), (a, -TICK_LENGTH / panel.height)] for a in across] + [
            [(0, b), (-TICK_LENGTH / panel.width, b)] for b in up
        ]
        if panel.framed:
            strokes([[(a, 0), (a, 1)] for a in across] + [[(0, b), (1, b)] for b in up], GRID.light, 0.6, 0.5)
            tick += [[(0, 0), (1, 0)], [(0, 0), (0, 1)]]
        strokes(tick, AXIS.light, 0.8, 2.5)
        for place, (_, label) in zip(at_x, panel.x_ticks, strict=True):
            if panel.upright:
                self._turned(x + place + 0.28 * _line(TICK), y + TICK_LENGTH + 0.04, label, TICK, "right")
            else:
                self._put(x + place, y + TICK_LENGTH + 0.02, label, TICK, ha="center")
        for place, (_, label) in zip(at_y, panel.y_ticks, strict=True):
            self._put(x - TICK_LENGTH - 0.03, y - place - 0.5 * _line(TICK), label, TICK, ha="right")

    def _places(self, panel: Panel, axis: str) -> list[float]:
        """Inches of the ticks from the panel's lower left corner."""
        (low, high), size, ticks = (
            (panel.axes.get_xlim(), panel.width, panel.x_ticks)
            if axis == "x"
            else (panel.axes.get_ylim(), panel.height, panel.y_ticks)
        )
        return [(at - low) / (high - low) * size for at, _ in ticks]

    def _before(self, panel: Panel) -> float:
        """Inches that the labels below begin before the panel."""
        return max((-self._reach(panel, at, label)[0] for at, label in panel.x_ticks[:1]), default=0.0)

    def _after(self, panel: Panel) -> float:
        return max((self._reach(panel, at, label)[1] - panel.width for at, label in panel.x_ticks[-1:]), default=0.0)

    def _reach(self, panel: Panel, at: float, label: str) -> tuple[float, float]:
        low, high = panel.axes.get_xlim()
        middle = (at - low) / (high - low) * panel.width
        half = (_line(TICK) if panel.upright else self.width(label, TICK)) / 2
        return middle - half, middle + half

    def _below(self, panel: Panel) -> float:
        labels = [label for _, label in panel.x_ticks if label]
        if not labels:
            return 0.06
        return 0.09 + (max(self.width(label, TICK) for label in labels) if panel.upright else _line(TICK))


def _order(entry: Entry) -> tuple[bool, bool, bool]:
    """Bands, lines, symbols; what is not there comes last."""
    return not entry.shade, not entry.dashes, entry.meaning.startswith("not defined")


def _line(size: float) -> float:
    """Inches from line to line."""
    return size * 1.15 * 1.17 / 72


def ticks(low: float, high: float, n: int) -> list[tuple[float, str]]:
    """At most about n round values between two, with what is written there."""
    from matplotlib.ticker import MaxNLocator

    values = [float(value) for value in MaxNLocator(n, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)]
    step = values[1] - values[0] if len(values) > 1 else 1.0
    decimals = next((d for d in range(6) if abs(round(step, d) - step) < 1e-9), 6)
    slack = 1e-9 * (high - low)
    return [
        (value, f"{value:.{decimals}f}".replace("-", "\N{MINUS SIGN}"))
        for value in values
        if low - slack <= value <= high + slack
    ]
