"""Blocks as one HTML file that needs nothing else: style and figures are in it, and it may run and request nothing."""

import re
from collections.abc import Sequence
from functools import cache
from html import escape
from typing import TYPE_CHECKING

from emotion_cli.reporting.report.blocks import Chapter, Code, Figure
from emotion_cli.reporting.report.language import Language

if TYPE_CHECKING:
    from jinja2 import Environment

STYLE = re.compile(r"<style>(.*?)</style>\s*", re.DOTALL)
DESCRIPTION = re.compile(r"<(title|desc)\b[^>]*>.*?</\1>\s*", re.DOTALL)
WIDTH = re.compile(r'viewBox="0 0 ([\d.]+) ')
POINTS = 72
"""Of an inch, the unit of a figure."""

NO_BREAK = "\N{NO-BREAK SPACE}"

LABEL = re.compile(r'aria-labelledby="[^"]*"')
"""What `emotion_cli.reporting.figures.svg` puts into a figure that may also stand alone."""


def page(title: str, chapters: Sequence[Chapter], words: Language) -> str:
    """The page, with a list of its chapters."""
    figures = [block for chapter in chapters for block in chapter.blocks if isinstance(block, Figure)]
    styles = dict.fromkeys(style for block in figures for style in STYLE.findall(block.picture.svg.decode()))
    template = _environment().get_template("page.html")
    return template.render(title=title, chapters=chapters, words=words, styles=list(styles))


def _inlined(figure: Figure) -> str:
    """A figure as a part of the page: its rules are in the page's style, and its title and caption stand beside it."""
    svg = DESCRIPTION.sub("", STYLE.sub("", figure.picture.svg.decode()))
    label = f'aria-label="{escape(figure.alt)}"'
    return LABEL.sub(lambda _: label, svg, count=1)


def _inches(figure: Figure) -> float:
    """How wide a figure is where its letters are as large as they were made."""
    return float(WIDTH.findall(figure.picture.svg.decode())[0]) / POINTS


def _together(text: str) -> str:
    """Text in which no line begins with a percent sign or with a number that something is compared with."""
    return re.sub(
        r" (%|[<>=]+) ?", lambda match: match[0].replace(" ", NO_BREAK) if match[1] != "%" else f"{NO_BREAK}{match[0][1:]}", text
    )


@cache
def _environment() -> "Environment":
    # it takes a while to import, and most commands write no report
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("emotion_cli.reporting.report", ""),
        autoescape=True,
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.tests["code"] = lambda piece: isinstance(piece, Code)
    environment.filters["inlined"] = _inlined
    environment.filters["inches"] = _inches
    environment.filters["together"] = _together
    environment.filters["kind"] = lambda block: type(block).__name__
    return environment
