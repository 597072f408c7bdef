"""What every stage of statistics shares: its settings, its tasks, and measured values as rows of a table."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from emotion_cli.job.job import Job, Task, parts_task
from emotion_cli.measures.inference.sampling import Sampling
from emotion_cli.measures.inference.statistic import Statistic
from warehouse.schema import STATISTIC_COLUMNS, TABLES
from warehouse.store import Partition, table_of

MEASURES_VERSION = 3
"""Raised when the same inputs give other statistics: those that older versions stored are made again."""


def sampling_of(job: Job, *names: str) -> Sampling:
    """The job's seed and draws for a comparison of these names: one dataset or more."""
    return Sampling(job.settings.seed, job.settings.draws, names)


def statistics_task(
    job: Job,
    stage: str,
    subject: str,
    partition: Partition,
    *,
    reads: Mapping[str, Partition],
    part_names: Sequence[str],
    make: Callable[[Job, str], pa.Table],
    **constants: Any,
) -> Task:
    """A task that makes one file for each wanted part; stale when its inputs, settings or constants change."""
    settings = job.settings
    inputs = {name: getattr(settings, name) for name in ("neutral", "seed", "draws", "over_layers")} | constants
    inputs["measures_version"] = MEASURES_VERSION
    return parts_task(stage, subject, partition, reads=reads, inputs=inputs, part_names=part_names, make=make)


def statistics_table(name: str, rows: Sequence[Any], **constant: Any) -> pa.Table:
    """Rows of a table: each has a `statistic` and, by name, every column that is not in `constant`.

    A row may lack what is NULL in all rows of its kind, such as `control`.
    """
    columns: dict[str, list] = {}
    nullable = TABLES[name].nullable
    for column in TABLES[name].file_column_names:
        if column in constant:
            columns[column] = [constant[column]] * len(rows)
        elif column not in STATISTIC_COLUMNS:
            default = (None,) if column in nullable else ()
            columns[column] = [getattr(row, column, *default) for row in rows]
    values = [_values(row.statistic) for row in rows]
    return table_of(name, columns | {column: [row[i] for row in values] for i, column in enumerate(STATISTIC_COLUMNS)})


def _values(statistic: Statistic) -> tuple:
    """The values of the statistic columns, in their order."""
    null = statistic.null
    return (
        statistic.value,
        *statistic.interval,
        null.kind,
        null.mean,
        null.low,
        null.high,
        null.p_value,
        statistic.n,
        null.n_draws,
        statistic.mc_error,
        statistic.n_sampled,
    )
