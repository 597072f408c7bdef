"""Rows as tables: a layout says which columns a table has and how their numbers are written."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from emotion_cli.reporting.report.blocks import Header, Table
from emotion_cli.reporting.report.facts import Row
from emotion_cli.reporting.report.language import Language

VERDICT = "verdict"
"""The format of a cell that holds a verdict of a query."""


@dataclass(frozen=True)
class Column:
    """A header and the columns of the rows under it: a value, the two ends of an interval, or a value and both ends.

    `group` is the header above it and its neighbours, `about` a name in that header. `ends` is the format of an
    interval that is not the value's.
    """

    header: str
    names: tuple[str, ...]
    format: str = ""
    group: str = ""
    about: str = ""
    ends: str = ""


@dataclass(frozen=True)
class Layout:
    """A table: the message that is its caption, the query that it shows, and its columns."""

    caption: str
    source: str
    columns: tuple[Column, ...]
    by: int = 0
    """So many columns at the left say what a part of the rows is about."""

    def of(self, rows: Sequence[Row], words: Language, **values: Any) -> Table:
        """The table of some rows; `values` fill the caption."""
        headers = [
            Header(
                words.column(column.header),
                bool(column.format) and column.format != VERDICT,
                words.column(column.group, about=column.about) if column.group else "",
            )
            for column in self.columns
        ]
        cells = [[_cell(row, column, words) for column in self.columns] for row in rows]
        return Table(words.caption(self.caption, **values), self.source, headers, cells, self.by)


def text(header: str, name: str | None = None, *, group: str = "", about: str = "") -> Column:
    """A column of words."""
    return Column(header, (name or header,), group=group, about=about)


def number(header: str, format: str, *names: str, group: str = "", about: str = "", ends: str = "") -> Column:
    """A column of numbers in this format; of two names it is an interval, of three a value with its interval."""
    return Column(header, names or (header,), format, group, about, ends)


def _cell(row: Row, column: Column, words: Language) -> str:
    values = [row[name] for name in column.names]
    if values[0] is None:
        return words.text("not_defined")
    if column.format == VERDICT:
        return words.verdict(values[0])
    formats = [column.format, *[column.ends or column.format] * (len(values) - 1)]
    shown = ["" if value is None else _number(value, format) for value, format in zip(values, formats, strict=True)]
    match shown:
        case [value] | [value, "", ""]:
            return value
        case [low, high]:
            return words.text("interval", low=low, high=high)
        case [value, low, high]:
            return words.text("value_and_interval", value=value, low=low, high=high)
    raise ValueError(f"a cell of {len(shown)} values")


def _number(value: Any, format: str) -> str:
    """A value in a format; what is rounded to 0 has no minus."""
    if not isinstance(value, float):
        return f"{value:{format}}"
    # a format that asks for a plus keeps it: `z` stands behind the sign
    sign, rest = ("+", format[1:]) if format.startswith("+") else ("", format)
    return f"{value:{sign}z{rest}}"
