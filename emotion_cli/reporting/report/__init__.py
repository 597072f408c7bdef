"""Rows to pages: the report as Markdown and as one HTML file; the same facts give the same bytes. No store here."""

from emotion_cli.reporting.report import html, markdown
from emotion_cli.reporting.report.document import Chapter, Picture
from emotion_cli.reporting.report.facts import Facts
from emotion_cli.reporting.report.sections import SECTIONS

REPORT_VERSION = 2
"""Raise it when a page is written differently, so that stored reports are written again."""

READS = tuple(sorted({query for section in SECTIONS for query in section.reads}))
"""Every query and table whose rows `pages` wants."""

TITLE = "Emotion vectors: report"


def pages(facts: Facts) -> dict[str, bytes]:
    """The report by file name."""
    chapters = [Chapter(section.title, tuple(section.write(facts))) for section in SECTIONS]
    return {"report.md": markdown.page(TITLE, chapters).encode(), "report.html": html.page(TITLE, chapters).encode()}


__all__ = ["READS", "REPORT_VERSION", "Facts", "Picture", "pages"]
