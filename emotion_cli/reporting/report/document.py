"""What a page consists of, before it is Markdown or HTML: blocks of plain text, escaped by whoever writes them out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Code:
    """A word or command that stands as it is typed."""

    text: str


Inline = str | Code
"""Running text; any markup in a string is text."""


@dataclass(frozen=True)
class Heading:
    """A heading inside a section; level 3 is the first below the section's own."""

    text: str
    level: int = 3


@dataclass(frozen=True)
class Paragraph:
    """Sentences; `source` names the query that their numbers come from."""

    parts: tuple[Inline, ...]
    source: str = ""


@dataclass(frozen=True)
class Items:
    """A list of paragraphs."""

    members: tuple[Paragraph, ...]
    numbered: bool = False


@dataclass(frozen=True)
class Listing:
    """Commands or other text that keeps its lines."""

    text: str


@dataclass(frozen=True)
class Grid:
    """A table: headers, cells as text, which columns are numbers, and the query that it shows."""

    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: tuple[bool, ...]
    source: str


@dataclass(frozen=True)
class Picture:
    """A figure: its SVG, where its PNG is from the page's folder, and what it shows."""

    path: str
    svg: bytes
    caption: str
    dataset: str = ""


Block = Heading | Paragraph | Items | Listing | Grid | Picture


@dataclass(frozen=True)
class Chapter:
    """One section of the page under its title."""

    title: str
    blocks: tuple[Block, ...]


def say(*parts: Inline, source: str = "") -> Paragraph:
    """A paragraph of these parts."""
    return Paragraph(parts, source)


@dataclass(frozen=True)
class Shown:
    """A column of a table: name in the rows, header, and format of its numbers (empty: text)."""

    name: str
    header: str
    format: str = ""


def grid(rows: Sequence[Any], columns: Sequence[Shown], source: str) -> Grid:
    """Rows as a table of these columns; a value that is not defined is said to be so."""
    cells = tuple(tuple(cell(row.get(column.name), column.format) for column in columns) for row in rows)
    return Grid(tuple(column.header for column in columns), cells, tuple(bool(column.format) for column in columns), source)


def cell(value: Any, format: str) -> str:
    """A value as text; numbers in the given format."""
    if value is None:
        return "not defined"
    return f"{value:{format}}" if format else str(value)
