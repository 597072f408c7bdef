"""Blocks as Markdown (GitHub's dialect): a value comes out as the text that it is, whatever characters are in it."""

import re
import urllib.parse
from collections.abc import Iterable, Sequence

from emotion_cli.reporting.report.blocks import (
    Block,
    Chapter,
    Code,
    Figure,
    Heading,
    Inline,
    Items,
    Listing,
    Paragraph,
    Table,
    Terms,
)


def page(title: str, chapters: Iterable[Chapter]) -> str:
    """The whole page."""
    blocks = [f"# {escaped(title)}"]
    for chapter in chapters:
        blocks += [f"## {escaped(chapter.title)}", *map(block, chapter.blocks)]
    return "\n\n".join(blocks) + "\n"


def block(content: Block) -> str:
    """One block."""
    match content:
        case Heading(text, level):
            return f"{'#' * level} {escaped(text)}"
        case Paragraph(text):
            return _paragraph(text)
        case Items(texts, is_numbered):
            return _list(map(_paragraph, texts), is_numbered=is_numbered)
        case Terms(meanings):
            return _list((f"**{escaped(term)}**: {inline(meaning)}" for term, meaning in meanings), is_numbered=False)
        case Listing(text):
            fence = "`" * max(3, _longest_run(text) + 1)
            return f"{fence}\n{text.rstrip()}\n{fence}"
        case Table():
            return _table(content)
        case Figure(picture, caption, alt):
            return f"![{escaped(alt)}]({urllib.parse.quote(picture.path)})\n\n{_paragraph(caption)}"


def inline(text: Inline) -> str:
    """Running text on one line."""
    return "".join(_code(piece) if isinstance(piece, Code) else _spaced(piece) for piece in text)


def escaped(text: str) -> str:
    """Text on one line in which no character is markup."""
    return _spaced(" ".join(text.split()))


def _spaced(text: str) -> str:
    """The same with the spaces at both ends, where code may follow."""
    line = re.sub(r"\s+", " ", text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    line = re.sub(r"[\\`*\[\]|~$]|(?<!\S)#", r"\\\g<0>", line)
    # an underscore inside a word is plain in this dialect
    return re.sub(r"(?<![^\W_])_|_(?![^\W_])", r"\\_", line)


def _paragraph(text: Inline) -> str:
    # a value that would begin a list or a rule
    return re.sub(r"^(\d*)(?=[-+.)](?:[-\s]|$))", r"\1\\", inline(text).strip())


def _list(texts: Iterable[str], *, is_numbered: bool) -> str:
    return "\n".join(f"{f'{i}.' if is_numbered else '-'} {text}" for i, text in enumerate(texts, 1))


def _code(text: str) -> str:
    line = " ".join(text.split())
    if not line:
        return "(empty)"
    fence, pad = "`" * (_longest_run(line) + 1), " " if "`" in (line[0], line[-1]) else ""
    return f"{fence}{pad}{line}{pad}{fence}"


def _table(table: Table) -> str:
    lines = [
        [escaped(f"{header.group}: {header.text}" if header.group else header.text) for header in table.headers],
        ["---:" if header.is_number else "---" for header in table.headers],
        *([escaped(cell) for cell in row] for row in table.rows),
    ]
    return f"{_paragraph(table.caption)} ({_code(f'emo sql {table.source}')})\n\n" + "\n".join(map(_line, lines))


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _longest_run(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0)
