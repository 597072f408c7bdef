"""A page as Markdown (GitHub's dialect), with pictures as links to their files."""

import re
import urllib.parse
from collections.abc import Iterable

from emotion_cli.reporting.report.document import Block, Chapter, Code, Grid, Heading, Inline, Items, Listing, Paragraph, Picture


def page(title: str, chapters: Iterable[Chapter]) -> str:
    """The whole page."""
    parts = [f"# {escaped(title)}"]
    for chapter in chapters:
        parts += [f"## {escaped(chapter.title)}", *map(_block, chapter.blocks)]
    return "\n\n".join(parts) + "\n"


def escaped(text: str) -> str:
    """Text in which no character means markup, on one line."""
    one_line = " ".join(text.split())
    safe = re.sub(r"([\\`*\[\]|~$])", r"\\\1", one_line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"))
    # an underscore inside a word is plain in this dialect
    return re.sub(r"(?<![^\W_])_|_(?![^\W_])", r"\\_", safe)


def _block(block: Block) -> str:
    match block:
        case Heading():
            return f"{'#' * block.level} {escaped(block.text)}"
        case Paragraph():
            return _paragraph(block)
        case Items():
            marks = [f"{i}." if block.numbered else "-" for i in range(1, len(block.members) + 1)]
            return "\n".join(f"{mark} {_paragraph(member)}" for mark, member in zip(marks, block.members, strict=True))
        case Listing():
            fence = "`" * max(3, _longest_run(block.text) + 1)
            return f"{fence}\n{block.text.rstrip()}\n{fence}"
        case Grid():
            return f"{_grid(block)}\n\n{_source(block.source)}"
        case Picture():
            return f"![{escaped(block.caption)}]({urllib.parse.quote(block.path)})"


def _paragraph(paragraph: Paragraph) -> str:
    text = "".join(_inline(part) for part in paragraph.parts)
    # what would begin a heading, list or rule
    text = re.sub(r"^(\d*)(?=[#+=.)-])", r"\1\\", text)
    return f"{text} {_source(paragraph.source)}" if paragraph.source else text


def _inline(part: Inline) -> str:
    if not isinstance(part, Code):
        # the spaces between parts count
        lead, tail = part[: len(part) - len(part.lstrip())], part[len(part.rstrip()) :] if part.strip() else ""
        return f"{' ' * bool(lead)}{escaped(part)}{' ' * bool(tail)}"
    text = " ".join(part.text.split()).replace("|", "\\|")
    fence = "`" * (_longest_run(text) + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def _source(query: str) -> str:
    return f"(`emo sql {query}`)"


def _grid(table: Grid) -> str:
    lines = [[escaped(header) for header in table.headers], ["---:" if number else "---" for number in table.numeric]]
    lines += [[escaped(text) for text in row] for row in table.rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _longest_run(text: str) -> int:
    return max((len(run) for run in re.findall("`+", text)), default=0)
