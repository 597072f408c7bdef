"""What a page is made of: headings, paragraphs, lists, tables and figures, whatever format they are written in."""

import string
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from emotion_cli.reporting.report.facts import Picture


class Code(str):
    """A word or command as it is typed."""


Inline = tuple[str, ...]
"""Running text: plain pieces, and pieces of `Code`."""


@dataclass(frozen=True)
class Heading:
    """A heading inside a section; level 3 is the first."""

    text: str
    level: int = 3


@dataclass(frozen=True)
class Paragraph:
    """Running text; `is_note` for what says where numbers come from, `is_lead` for the answer."""

    text: Inline
    is_note: bool = False
    is_lead: bool = False


@dataclass(frozen=True)
class Items:
    """A list of paragraphs."""

    texts: Sequence[Inline]
    is_numbered: bool = False


@dataclass(frozen=True)
class Terms:
    """Terms, each with its meaning."""

    meanings: Sequence[tuple[str, Inline]]


@dataclass(frozen=True)
class Listing:
    """Commands or other text that keeps its lines."""

    text: str


@dataclass(frozen=True)
class Header:
    """The header of a column, and of the neighbours that it belongs with; numbers stand to the right."""

    text: str
    is_number: bool
    group: str = ""


@dataclass(frozen=True)
class Table:
    """Cells under headers, with a caption, and the query that has the rows."""

    caption: Inline
    source: str
    headers: Sequence[Header]
    rows: Sequence[Sequence[str]]
    by: int = 0
    """So many columns at the left say what a part of the rows is about."""

    @property
    def groups(self) -> list[tuple[int, str, int]]:
        """Neighbouring columns with one header above them: the first, that header, how many; a column without one by itself."""
        groups: list[tuple[int, str, int]] = []
        for at, header in enumerate(self.headers):
            if header.group and groups and groups[-1][1] == header.group:
                groups[-1] = (*groups[-1][:2], groups[-1][2] + 1)
            else:
                groups.append((at, header.group, 1))
        return groups

    @property
    def starts(self) -> set[int]:
        """The columns with which a group begins."""
        return {at for at, group, _ in self.groups if group}

    @property
    def parts(self) -> list[tuple[Sequence[str], list[Sequence[str]]]]:
        """Neighbouring rows that are about the same: what, and their other cells."""
        return [
            (about, [row[self.by :] for row in members]) for about, members in groupby(self.rows, key=lambda row: row[: self.by])
        ]


@dataclass(frozen=True)
class Figure:
    """A picture with its caption; `alt` says what it shows."""

    picture: Picture
    caption: Inline
    alt: str


Block = Heading | Paragraph | Items | Terms | Listing | Table | Figure


@dataclass(frozen=True)
class Chapter:
    """A section with its title and an identifier that no other has."""

    id: str
    title: str
    blocks: Sequence[Block]


def filled(template: str, values: Mapping[str, Any]) -> Inline:
    """A sentence with values in its `{}`; what stands between backticks is code, and so is a value of `Code`."""
    return tuple(_joined(_pieces(template, values)))


def plain(text: Inline) -> str:
    """Running text without its markup."""
    return "".join(text)


def _pieces(template: str, values: Mapping[str, Any]) -> Iterator[str]:
    for i, part in enumerate(template.split("`")):
        for literal, field, format_spec, _ in string.Formatter().parse(part):
            shown: Inline = (literal,)
            if field is not None:
                value = values[field]
                shown += (
                    value
                    if isinstance(value, tuple)
                    else (value,)
                    if isinstance(value, Code)
                    else (f"{value:{format_spec or ''}}",)
                )
            yield from (Code(piece) if i % 2 else piece for piece in shown if piece)


def _joined(pieces: Iterable[str]) -> Iterator[str]:
    """Neighbours of one kind as one piece."""
    last: str | None = None
    for piece in pieces:
        if last is not None and type(last) is type(piece):
            last = type(piece)(last + piece)
        else:
            if last is not None:
                yield last
            last = piece
    if last is not None:
        yield last
