"""Blocks of Markdown (GitHub's dialect): a value comes out as the text that it is, whatever characters are in it."""

import re
import string
import urllib.parse
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple


class Markdown(str):
    """Text whose markup counts; every other string that is put into a block is escaped."""


class Column(NamedTuple):
    """A column of a table: its name in the rows, its header, and the format of its numbers (empty: text)."""

    name: str
    header: str
    format: str = ""


class _Filling(string.Formatter):
    def format_field(self, value: Any, format_spec: str) -> str:
        shown = super().format_field(value, format_spec)
        return shown if isinstance(value, Markdown) else escaped(shown)


def escaped(text: str) -> Markdown:
    """Text on one line in which no character is markup."""
    line = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    line = re.sub(r"[\\`*\[\]|~$]|(?<!\S)#", r"\\\g<0>", line)
    # an underscore inside a word is plain in this dialect
    return Markdown(re.sub(r"(?<![^\W_])_|_(?![^\W_])", r"\\_", line))


def code(text: str) -> Markdown:
    """A word or command as it is typed."""
    line = " ".join(text.split())
    if not line:
        return Markdown("(empty)")
    fence, pad = "`" * (_longest_run(line) + 1), " " if "`" in (line[0], line[-1]) else ""
    return Markdown(f"{fence}{pad}{line}{pad}{fence}")


def heading(title: str, level: int = 3) -> Markdown:
    """A heading; level 3 is the first inside a section."""
    return Markdown(f"{'#' * level} {escaped(title)}")


def say(sentence: str, /, source: str = "", **values: Any) -> Markdown:
    """A paragraph: a sentence of ours (Markdown) with values in its `{}`, and the query that its numbers come from."""
    # a value that would begin a list or a rule
    text = re.sub(r"^(\d*)(?=[-+.)](?:[-\s]|$))", r"\1\\", _Filling().format(sentence, **values))
    return Markdown(f"{text} {_source(source)}" if source else text)


def items(paragraphs: Iterable[Markdown], *, numbered: bool = False) -> Markdown:
    """A list of paragraphs."""
    return Markdown("\n".join(f"{f'{i}.' if numbered else '-'} {text}" for i, text in enumerate(paragraphs, 1)))


def listing(text: str) -> Markdown:
    """Commands or other text that keeps its lines."""
    fence = "`" * max(3, _longest_run(text) + 1)
    return Markdown(f"{fence}\n{text.rstrip()}\n{fence}")


def table(rows: Sequence[Mapping[str, Any]], columns: Sequence[Column], source: str) -> Markdown:
    """Rows as a table of these columns, and the query that it shows; undefined values are marked."""
    lines = [[escaped(column.header) for column in columns], ["---:" if column.format else "---" for column in columns]]
    lines += [[_cell(row.get(column.name), column.format) for column in columns] for row in rows]
    return Markdown("\n".join(f"| {' | '.join(line)} |" for line in lines) + f"\n\n{_source(source)}")


def picture(path: str, caption: str) -> Markdown:
    """A figure, by its path from the page's folder."""
    return Markdown(f"![{escaped(caption)}]({urllib.parse.quote(path)})")


def page(title: str, chapters: Iterable[tuple[str, Iterable[Markdown]]]) -> str:
    """The whole page, of chapters with their titles."""
    blocks = [heading(title, 1)]
    for name, contents in chapters:
        blocks += [heading(name, 2), *contents]
    return "\n\n".join(blocks) + "\n"


def _cell(value: Any, format: str) -> Markdown:
    return escaped("not defined" if value is None else f"{value:{format}}")


def _source(query: str) -> str:
    return f"(`emo sql {query}`)"


def _longest_run(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0)
