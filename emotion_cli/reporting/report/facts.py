"""The facts of a report: rows of bundled queries and tables, the figures, and the MLflow record."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Picture:
    """A figure: its PNG relative to the page's folder, its SVG, its kind, what it is of, and its caption in English."""

    path: str
    svg: bytes
    kind: str
    models: tuple[str, ...]
    datasets: tuple[str, ...]
    """The training sets that it is of; of a smaller one and the rest of a larger one in this order."""
    caption: str
    has_maps: bool = False
    """Whether its labels are so many that each is a row of a map."""

    @property
    def dataset(self) -> str:
        """The training set whose figures it is among."""
        return self.datasets[-1]


@dataclass(frozen=True)
class Facts:
    """Rows by the query that they come from, all of one variant (method, reference, pooling), and the other outputs of the job.

    `tracked` is None where nothing was logged of the numbers as they are now.
    """

    rows: Mapping[str, Sequence[Row]]
    variant: Mapping[str, str]
    settings: Mapping[str, Any]
    pictures: Sequence[Picture] = ()
    tracked: Mapping[str, Any] | None = None
    is_centred: bool = False
    """Whether the method takes the mean over dimensions away, which not every model does itself."""

    def of(self, query: str, **equal: Any) -> list[Row]:
        """Rows of a query whose columns have these values."""
        return [row for row in self.rows[query] if all(row[name] == value for name, value in equal.items())]

    def distinct(self, query: str, column: str, **equal: Any) -> list[Any]:
        """Values of a column, each once, in the order of the rows."""
        return list(dict.fromkeys(row[column] for row in self.of(query, **equal)))


def grouped(rows: Iterable[Row], columns: Sequence[str]) -> list[tuple[dict[str, Any], list[Row]]]:
    """Rows by the values of columns, groups in the order of their first rows."""
    groups: dict[tuple, list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[name] for name in columns), []).append(row)
    return [(dict(zip(columns, key, strict=True)), members) for key, members in groups.items()]
