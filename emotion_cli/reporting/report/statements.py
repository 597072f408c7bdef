"""Sentences that follow from numbers: each looks at the rows of one query and says something only where it applies."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from emotion_cli.reporting.report.blocks import Inline, Items
from emotion_cli.reporting.report.facts import Facts, Row, grouped
from emotion_cli.reporting.report.language import Language

Numbers = dict[str, Any]


@dataclass(frozen=True)
class Statement:
    """A message, the query that its numbers come from, and when it applies; one sentence for each group of rows.

    `numbers` gets the rows of one group (its `by` columns have one value each) and answers what the message needs, or None
    where there is nothing to say. So a sentence is never written without the numbers that it rests on.
    """

    message: str
    query: str
    numbers: Callable[[Sequence[Row], Language], Numbers | None]
    by: tuple[str, ...] = ()


def said(statements: Iterable[Statement], facts: Facts, words: Language, **equal: Any) -> list[Inline]:
    """What statements say of the rows whose columns have the given values, in the order of the statements."""
    return [
        words.sentence(statement.message, **(group | numbers))
        for statement in statements
        for group, members in grouped(facts.of(statement.query, **equal), statement.by)
        if (numbers := statement.numbers(members, words)) is not None
    ]


def listed(
    statements: Iterable[Statement], facts: Facts, words: Language, *, is_numbered: bool = False, **equal: Any
) -> list[Items]:
    """The same as a list; no list where no statement applies."""
    texts = said(statements, facts, words, **equal)
    return [Items(texts, is_numbered)] if texts else []


def reads(*groups: Iterable[Statement]) -> tuple[str, ...]:
    """The queries that statements look at."""
    return tuple(dict.fromkeys(statement.query for group in groups for statement in group))
