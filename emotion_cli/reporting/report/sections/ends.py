"""Of many directions of a model, those that separate best and worst; SQL has all."""

from collections.abc import Iterable, Sequence

from emotion_cli.reporting.report.blocks import Block, Paragraph
from emotion_cli.reporting.report.facts import Row, grouped
from emotion_cli.reporting.report.language import Language

MOST_LISTED = 40
"""So many directions of a model, or labels of a set, are listed one by one."""

AT_AN_END = 12
"""So many of more are listed at either end."""


def at_ends(rows: Sequence[Row], by: Sequence[str], column: str) -> list[Row]:
    """The rows as they are; of groups `by` with more than MOST_LISTED those with the highest and the lowest value in a column."""
    shown: list[Row] = []
    for _, members in grouped(rows, by):
        if len(members) > MOST_LISTED:
            ordered = sorted((row for row in members if row[column] is not None), key=lambda row: -row[column])
            members = [*ordered[:AT_AN_END], *ordered[AT_AN_END:][-AT_AN_END:]]
        shown += members
    return shown


def left_out(rows: Sequence[Row], by: Sequence[str], words: Language) -> Iterable[Block]:
    """How many directions of a model are not shown, where some are not."""
    most = max((len(members) for _, members in grouped(rows, by)), default=0)
    if most > MOST_LISTED:
        yield Paragraph(words.sentence("directions_at_ends", shown=2 * AT_AN_END, total=most), is_note=True)


def labels_listed(labels: Iterable[str], words: Language) -> str:
    """Labels in a sentence; of many their number."""
    named = [*labels]
    return words.text("so_many_labels", count=len(named)) if len(named) > MOST_LISTED else words.listed(named)
