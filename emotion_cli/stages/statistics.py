"""Measured values as the statistic columns that three tables share."""

from collections.abc import Sequence

from emotion_cli.measures.resampling import Interval, Null
from warehouse.schema import STATISTIC_COLUMNS


def statistic_columns(
    rows: Sequence[tuple[float | None, Null, int] | tuple[float | None, Null, int, Interval]],
) -> dict[str, list]:
    """The statistic columns of (value, null, n) rows, with an interval or without one."""
    columns = []
    for value, null, n, *interval in rows:
        low, high = interval[0] if interval else (None, None)
        columns.append((value, low, high, null.mean, null.low, null.high, null.p_value, n, null.n_draws))
    return {name: [row[i] for row in columns] for i, name in enumerate(STATISTIC_COLUMNS)}
