"""Measured values as the statistic columns that three tables share."""

from emotion_cli.measures.resampling import Null
from warehouse.schema import STATISTIC_COLUMNS


def statistic_columns(rows: list[tuple[float | None, Null, int]]) -> dict[str, list]:
    """The statistic columns of (value, null, n) rows that have no interval."""
    columns = [(value, None, None, null.mean, null.low, null.high, null.p_value, n, null.n_draws) for value, null, n in rows]
    return {name: [row[i] for row in columns] for i, name in enumerate(STATISTIC_COLUMNS)}
