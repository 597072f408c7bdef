"""The processor cores and memory of this process."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import parent_process


def cores() -> int:
    """Processor cores that this process may use: a batch system often gives it fewer than the machine has.

    One for each of several processes that share the work.
    """
    if parent_process() is not None:
        return 1
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def memory_of_duckdb() -> Iterator[None]:
    """MemoryError where DuckDB runs out of memory: its own error would read like one of a file or a statement."""
    import duckdb

    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise MemoryError(str(error)) from error
