"""Rows to pages: the report as Markdown and as one HTML file; the same facts give the same bytes. No store here."""

from emotion_cli.reporting.report import html, markdown
from emotion_cli.reporting.report.blocks import plain
from emotion_cli.reporting.report.facts import Facts, Picture
from emotion_cli.reporting.report.language import LANGUAGES, language
from emotion_cli.reporting.report.sections import SECTIONS
from emotion_cli.reporting.report.sections.overview import ANSWERED_BY, in_brief

REPORT_VERSION = 9
"""Raise it when a page is written differently, so that stored reports are written again."""

READS = tuple(sorted({query for section in SECTIONS for query in section.reads}))
"""Every query and table whose rows `pages` wants."""


def pages(facts: Facts, lang: str) -> dict[str, bytes]:
    """The report in one of `LANGUAGES`, by file name."""
    words = language(lang)
    datasets, models = (words.listed(facts.distinct("extractions", name)) for name in ("dataset", "model"))
    title = words.heading("title", datasets=datasets, models=models)
    chapters = [chapter for section in SECTIONS if (chapter := section.chapter(facts, words))]
    texts = {"report.md": markdown.page(title, chapters), "report.html": html.page(title, chapters, words)}
    return {name: text.encode() for name, text in texts.items()}


def answer_in_brief(facts: Facts, lang: str) -> list[str]:
    """The conclusion of the report as sentences without markup; of the facts it needs the rows of `ANSWERED_BY` only."""
    return [plain(sentence) for sentence in in_brief(facts, language(lang))]


__all__ = ["ANSWERED_BY", "LANGUAGES", "READS", "REPORT_VERSION", "Facts", "Picture", "answer_in_brief", "pages"]
