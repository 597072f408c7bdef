"""Measured values as the statistic columns that tables share."""

from collections.abc import Iterable

from emotion_cli.measures.inference.resampling import Statistic
from warehouse.schema import STATISTIC_COLUMNS


def statistic_columns(statistics: Iterable[Statistic]) -> dict[str, list]:
    """The statistic columns of measured values."""
    columns = [
        (
            one.value,
            one.interval.low,
            one.interval.high,
            one.null.mean,
            one.null.low,
            one.null.high,
            one.null.p_value,
            one.n,
            one.null.n_draws,
        )
        for one in statistics
    ]
    return {name: [row[i] for row in columns] for i, name in enumerate(STATISTIC_COLUMNS)}
