"""Rows in groups by the values of columns, and what the groups are called."""

from collections.abc import Iterable, Sequence

from emotion_cli.reporting.figures.measure import Along, Row

FEW = 6
"""So many groups have a panel each; more are the rows of a map."""


def in_order(rows: Iterable[Row], along: Along) -> list[Row]:
    """Rows by their place along the axis."""
    return sorted(rows, key=lambda row: row[along.column])


def groups_of(rows: Iterable[Row], by: Sequence[str]) -> list[tuple]:
    """The groups of some rows, sorted."""
    return sorted({group_of(row, by) for row in rows})


def group_of(row: Row, by: Sequence[str]) -> tuple:
    """The values of these columns."""
    return tuple(row[name] for name in by)


def named(group: Sequence[str]) -> str:
    """What stands above a panel."""
    return " and ".join(map(str, group))
