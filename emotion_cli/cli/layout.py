"""A table as lines of text that fit a width.

What fits is left as it is. Else columns of one value stand above it, names and texts are wrapped, and columns are left out: ids
first, then ends of intervals and nulls, then those in the middle. Keys, the first value and the last column stay. Where these do
not fit, one record stands below the other.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import cycle, pairwise, zip_longest
from typing import Any, NamedTuple

from rich.cells import cell_len, chop_cells

from emotion_cli.cli.cells import for_people
from emotion_cli.wording import counted

GAP = "  "
LEFT_OUT = "..."
EMPTY = "''"
"""How an empty text is written where a blank would not be seen."""

NARROWEST = 24
"""A column of text is never wrapped to less than this."""

NARROWEST_OF_ALL = 12
"""Only where keys would be left out, a column of text is wrapped to this, between its words or inside them."""

IDS = ("_id", "_sha256")
"""Names of columns that say nothing to people end so."""

BESIDE_A_VALUE = ("_low", "_high", "null_mean", "mc_error")
"""Names of columns that say how sure a value is end so."""

BREAKS = re.compile(r"[^-_/:,=]*[-_/:,=]|[^-_/:,=]+")
"""The pieces of a word that is too long for a line."""

FEWEST_COLUMNS = 3
"""A table that would show fewer of its columns is written as records."""

HEAD, TAIL = 40, 10
"""Rows that are shown of a list that is cut."""

RECORDS = 10
"""Records that are shown of a list that is cut."""


@dataclass(frozen=True)
class Fit:
    """How much room there is: columns of text (None: any number), and whether all columns and all rows are asked for."""

    width: int | None = None
    cut: bool = False
    """Whether long lists of rows are cut."""

    everything: bool = False
    ways: Sequence[str] = ("--columns NAME,NAME", "--all", "--format csv")
    """The options that show what is left out."""

    keys: Collection[str] = ()
    """The columns that say which row is which, where they are known."""


class _Column(NamedTuple):
    name: str
    cells: list[str]
    is_number: bool
    is_key: bool = False

    @property
    def natural(self) -> int:
        return max(_width(self.name), self.values)

    @property
    def values(self) -> int:
        return max((_width(line) for cell in self.cells for line in cell.split("\n")), default=0)

    def least(self, narrowest: int) -> int:
        """The smallest width that can be read: the name is wrapped at its underscores, and long texts are wrapped."""
        values = self.values if self.is_number else min(self.values, narrowest)
        return max(values, *(_width(piece) for piece in _pieces(self.name)))


def lay_out(names: Sequence[str], rows: Sequence[Sequence[Any]], fit: Fit) -> list[str]:
    """The lines of a table; the first and the last say what was left out of it, and which option shows it."""
    if not names:
        return []
    names = [for_people(name) for name in names]
    columns = _columns(names, rows, fit)
    if fit.width is None or not rows:
        return _table(columns, [column.natural for column in columns])
    if _sum([column.natural for column in columns]) <= fit.width:
        return _fitted(columns, len(rows), fit)
    constant = _constant(rows, len(names))
    varying = [i for i in range(len(names)) if i not in constant] or [len(names) - 1]
    above = [i for i in constant if i not in varying]
    lines = _heading([(names[i], for_people(rows[0][i], whole=fit.everything)) for i in above], fit.width)
    return [*lines, *_fitted([columns[i] for i in varying], len(rows), fit)]


def _fitted(columns: list[_Column], n_rows: int, fit: Fit) -> list[str]:
    width = fit.width or 0
    shown, least = list(range(len(columns))), [column.natural for column in columns]
    is_cut = fit.cut and not fit.everything
    if _sum([column.natural for column in columns]) > width:
        shown, least, is_readable = _chosen(columns, width)
        if len(shown) < len(columns) and (fit.everything or not is_readable):
            kept = min(n_rows, RECORDS) if is_cut else n_rows
            return [*_records(columns, kept, n_rows, width), *_foot(len(columns), len(columns), n_rows, kept, fit)]
    kept_rows = _kept_rows(n_rows) if is_cut else None
    kept = n_rows if kept_rows is None else HEAD + TAIL
    if kept_rows is not None:
        columns = [column._replace(cells=[LEFT_OUT if i is None else column.cells[i] for i in kept_rows]) for column in columns]
    foot = _foot(len(columns), len(shown), n_rows, kept, fit)
    table = [columns[i] for i in shown]
    gap_at = _gap(columns, shown)
    if gap_at is not None:
        table.insert(gap_at, _Column(LEFT_OUT, [LEFT_OUT] * len(table[0].cells), is_number=False))
        least.insert(gap_at, len(LEFT_OUT))
    return [*_table(table, _widths(table, least, width)), *foot]


def _gap(columns: Sequence[_Column], shown: Sequence[int]) -> int | None:
    """The place among the shown columns where others than ids are left out."""
    for place, (i, j) in enumerate(pairwise(shown)):
        if any(not column.name.endswith(IDS) for column in columns[i + 1 : j]):
            return place + 1
    return None


def _kept_rows(n_rows: int) -> list[int | None] | None:
    """The rows of a long list that are shown, None for those between; None where all are."""
    return [*range(HEAD), None, *range(n_rows - TAIL, n_rows)] if n_rows > HEAD + TAIL + 1 else None


def _columns(names: Sequence[str], rows: Sequence[Sequence[Any]], fit: Fit) -> list[_Column]:
    keys, whole = _keys(names, rows, fit.keys), fit.width is None or fit.everything
    return [
        _Column(name, [for_people(row[i], whole=whole) for row in rows], is_numeric(row[i] for row in rows), i in keys)
        for i, name in enumerate(names)
    ]


def is_numeric(values: Iterable[Any]) -> bool:
    """Whether a column is aligned to the right: numbers, and NULL beside them."""
    given = [value for value in values if value is not None]
    return bool(given) and all(isinstance(value, int | float | Decimal) and not isinstance(value, bool) for value in given)


def _constant(rows: Sequence[Sequence[Any]], n_columns: int) -> list[int]:
    """The columns that have one value in all of several rows."""
    if len(rows) < 2:
        return []
    first = rows[0]
    return [i for i in range(n_columns) if all(_same(row[i], first[i]) for row in rows)]


def _same(a: Any, b: Any) -> bool:
    return type(a) is type(b) and (a == b or (a != a and b != b))


class _Chosen(NamedTuple):
    """The places of the columns that are shown, the least width of each, and whether they say what a row is about."""

    places: list[int]
    least: list[int]
    is_readable: bool


def _chosen(columns: Sequence[_Column], width: int) -> _Chosen:
    """The columns that fit, in their order: at widths that can be read, or narrower ones where a key would be left out."""
    chosen = _Chosen([], [], is_readable=False)
    for narrowest in (NARROWEST, NARROWEST_OF_ALL) if any(column.is_key for column in columns) else (NARROWEST,):
        least = [column.least(narrowest) for column in columns]
        places = _fitting(columns, least, width)
        needed = {i for i, column in enumerate(columns) if column.is_key} | set(_values(columns)[:1])
        is_readable = needed <= set(places) and len(places) >= FEWEST_COLUMNS
        chosen = _Chosen(places, [least[i] for i in places], is_readable)
        if is_readable or len(places) == len(columns):
            break
    return chosen


def _fitting(columns: Sequence[_Column], least: Sequence[int], width: int) -> list[int]:
    """The places of the columns that fit at these widths."""
    every = list(range(len(columns)))
    without_ids = [i for i in every if columns[i].is_key or not columns[i].name.endswith(IDS)]
    for places in (every, without_ids):
        if _sum([least[i] for i in places]) <= width:
            return places
    keys, values = [i for i in every if columns[i].is_key], _values(columns)
    # of values the first and, where keys are known, the last, which is the verdict if there is one
    first = [*keys, *values[:1], *(values[-1:] if keys else ())]
    taken: list[int] = []
    room = width - len(LEFT_OUT)
    for i in dict.fromkeys([*first, *_from_both_ends(values), *without_ids]):
        # how sure a value is says nothing without the value
        if least[i] + len(GAP) <= room and (i in keys or i in values or {*values} <= {*taken}):
            taken.append(i)
            room -= least[i] + len(GAP)
    return sorted(taken)


def _values(columns: Sequence[_Column]) -> list[int]:
    """The places of the columns that are neither keys nor beside a value."""
    return [i for i, column in enumerate(columns) if not column.is_key and not column.name.endswith((*IDS, *BESIDE_A_VALUE))]


def _from_both_ends(places: Sequence[int]) -> list[int]:
    """Two from the left for one from the right, so that the middle is left out."""
    left = list(places)
    return [left.pop(end) for end, _ in zip(cycle((0, 0, -1)), places, strict=False)]


def _keys(names: Sequence[str], rows: Sequence[Sequence[Any]], known: Collection[str]) -> set[int]:
    """The places of the keys; ids are among them only where rows cannot be told apart without."""
    keys = [i for i, name in enumerate(names) if name in known]
    for_reading = [i for i in keys if not names[i].endswith(IDS)]
    is_enough = len({tuple(str(row[i]) for i in for_reading) for row in rows}) == len(rows)
    return set(for_reading if is_enough else keys)


def _widths(columns: Sequence[_Column], least: Sequence[int], width: int) -> list[int]:
    """The width of each column: the least, and what is left over to those that want more, the narrowest wish first."""
    widths = list(least)
    room = width - _sum(widths)
    wishes = sorted(range(len(columns)), key=lambda i: columns[i].natural - widths[i])
    for n_before, i in enumerate(wishes):
        share = room // (len(wishes) - n_before)
        given = min(columns[i].natural - widths[i], max(share, 0))
        widths[i] += given
        room -= given
    return widths


def _sum(widths: Sequence[int]) -> int:
    return sum(widths) + len(GAP) * (len(widths) - 1)


def _table(columns: Sequence[_Column], widths: Sequence[int]) -> list[str]:
    names = [_wrapped_name(column.name, width) for column, width in zip(columns, widths, strict=True)]
    height = max(map(len, names))
    # names stand on the rule, as short ones do beside wrapped ones
    header = [[""] * (height - len(lines)) + lines for lines in names]
    lines = [_line(parts, columns, widths) for parts in zip(*header, strict=True)]
    lines.append(GAP.join("-" * width for width in widths))
    for i in range(len(columns[0].cells)):
        cells = [wrapped(column.cells[i], width) for column, width in zip(columns, widths, strict=True)]
        lines += [_line(parts, columns, widths) for parts in zip_longest(*cells, fillvalue="")]
    return lines


def _line(parts: Sequence[str], columns: Sequence[_Column], widths: Sequence[int]) -> str:
    padded = []
    for part, column, width in zip(parts, columns, widths, strict=True):
        blanks = " " * (width - _width(part))
        padded.append(blanks + part if column.is_number else part + blanks)
    return GAP.join(padded).rstrip()


def _records(columns: Sequence[_Column], kept: int, n_rows: int, width: int) -> list[str]:
    """Records one below the other, a column a line."""
    indent = min(max(_width(column.name) for column in columns), width // 2)
    lines = []
    for i in range(kept):
        lines.append(f"record {i + 1:,} of {n_rows:,}")
        for column in columns:
            name = _wrapped_name(column.name, indent)
            value = wrapped(column.cells[i], max(width - indent - len(GAP), 1))
            for part, text in zip_longest(name, value, fillvalue=""):
                lines.append(f"{part}{' ' * (indent - _width(part))}{GAP}{text}".rstrip())
        lines.append("")
    return lines[:-1]


def _heading(constants: Sequence[tuple[str, str]], width: int) -> list[str]:
    if not constants:
        return []
    text = "the same in every row: " + ", ".join(f"{name} = {value or EMPTY}" for name, value in constants)
    return [*wrapped(text, width), ""]


def _foot(n_columns: int, shown: int, n_rows: int, kept: int, fit: Fit) -> list[str]:
    parts = [f"{counted(n_columns, 'column')}, {shown} shown"] if shown < n_columns else []
    parts += [f"{counted(n_rows, 'row')}, {kept} shown"] if kept < n_rows else []
    if not parts:
        return []
    ways = [way for way in fit.ways if shown < n_columns or not way.startswith("--columns")]
    return ["", *wrapped(f"{'; '.join(parts)}; more: {', '.join(ways)}", fit.width or 80)]


def wrapped(text: str, width: int) -> list[str]:
    """The lines of a text at a width, broken between words, and inside words that are too long."""
    lines = []
    for line in text.split("\n"):
        if _width(line) <= width:
            lines.append(line)
            continue
        current = ""
        for word in line.split(" "):
            if current and _width(current) + 1 + _width(word) <= width:
                current += f" {word}"
                continue
            if current:
                lines.append(current)
            *whole, current = _broken(BREAKS.findall(word), width)
            lines += whole
        lines.append(current)
    return lines


def _wrapped_name(name: str, width: int) -> list[str]:
    return _broken(_pieces(name), width)


def _broken(pieces: Iterable[str], width: int) -> list[str]:
    """The lines of a word that breaks between its pieces, and inside those that are too long."""
    lines = [""]
    for piece in pieces:
        for part in chop_cells(piece, width):
            if _width(lines[-1]) + _width(part) <= width:
                lines[-1] += part
            else:
                lines.append(part)
    return lines


def _pieces(name: str) -> list[str]:
    """A name in pieces that end in underscores."""
    parts = name.split("_")
    return [*(f"{part}_" for part in parts[:-1]), parts[-1]]


def _width(text: str) -> int:
    """Columns of a terminal; a wide character takes two."""
    return len(text) if text.isascii() else cell_len(text)
