"""Rows to pages: the report as Markdown and as one HTML file; the same facts give the same bytes. No store here."""

from urllib.parse import quote

from emotion_cli.reporting.report import html, markdown
from emotion_cli.reporting.report.facts import Facts, Picture
from emotion_cli.reporting.report.sections import SECTIONS

REPORT_VERSION = 5
"""Raise it when a page is written differently, so that stored reports are written again."""

READS = tuple(sorted({query for section in SECTIONS for query in section.reads}))
"""Every query and table whose rows `pages` wants."""

TITLE = "Emotion vectors: report"


def pages(facts: Facts) -> dict[str, bytes]:
    """The report by file name."""
    text = markdown.page(TITLE, [(section.title, section.write(facts)) for section in SECTIONS])
    page = html.page(text, {quote(picture.path): picture.svg for picture in facts.pictures})
    return {"report.md": text.encode(), "report.html": page.encode()}


__all__ = ["READS", "REPORT_VERSION", "Facts", "Picture", "pages"]
