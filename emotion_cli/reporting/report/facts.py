"""What a report is made of: rows of bundled queries and tables, the figures, and the MLflow record."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from emotion_cli.reporting.report.document import Picture

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Facts:
    """Rows by the query that they come from, all of one variant (method, reference, pooling), and what was made beside them.

    `tracked` is None where nothing was logged of the numbers as they are now.
    """

    rows: Mapping[str, Sequence[Row]]
    variant: Mapping[str, str]
    settings: Mapping[str, Any]
    pictures: Sequence[Picture] = ()
    tracked: Mapping[str, Any] | None = None
    notes: Sequence[str] = field(default=())

    def of(self, query: str, **equal: Any) -> list[Row]:
        """Rows of a query whose columns have these values."""
        return [row for row in self.rows[query] if all(row[name] == value for name, value in equal.items())]

    def distinct(self, query: str, column: str, **equal: Any) -> list[Any]:
        """Values of a column, each once, in the order of the rows."""
        return list(dict.fromkeys(row[column] for row in self.of(query, **equal)))


def grouped(rows: Iterable[Row], columns: Sequence[str]) -> list[tuple[dict[str, Any], list[Row]]]:
    """Rows by the values of columns, groups in the order of their first rows."""
    listed = list(rows)
    first: dict[tuple, int] = {}
    for row in listed:
        first.setdefault(tuple(row[name] for name in columns), len(first))

    def place(row: Row) -> int:
        return first[tuple(row[name] for name in columns)]

    groups = groupby(sorted(listed, key=place), place)
    return [(dict(zip(columns, list(first)[i], strict=True)), list(members)) for i, members in groups]


def listed(words: Iterable[Any]) -> str:
    """Words as a list in a sentence."""
    texts = [str(word) for word in words]
    return " and ".join([", ".join(texts[:-1]), texts[-1]]) if len(texts) > 1 else "".join(texts)
