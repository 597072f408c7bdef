"""Blocks as one HTML file that needs nothing else: style and figures are in it, and it may run and request nothing."""

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

from emotion_cli.reporting.report import svg
from emotion_cli.reporting.report.blocks import Chapter, Code, Figure
from emotion_cli.reporting.report.language import Language

if TYPE_CHECKING:
    from jinja2 import Environment


def page(title: str, chapters: Sequence[Chapter], words: Language) -> str:
    """The page, with a list of its chapters."""
    figures = [block for chapter in chapters for block in chapter.blocks if isinstance(block, Figure)]
    drawn = {block.picture.path: svg.element(block.picture.svg, f"f{i}-", block.alt) for i, block in enumerate(figures, 1)}
    template = _environment().get_template("page.html")
    return template.render(title=title, chapters=chapters, words=words, drawn=drawn)


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
    environment.filters["kind"] = lambda block: type(block).__name__
    return environment
