"""Work on many small problems, one thread each."""

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from emotion_cli.job.job import Job
from emotion_cli.measures.between.result import Each
from warehouse.machine import cores

SECONDS_BETWEEN_NOTES = 15
"""How often long work says how far it is."""


def in_threads(job: Job, what: str, rounds: int = 1) -> Each:
    """Calls a function for many numbers on all cores, with one thread of linear algebra each, and says how far it is.

    `rounds`: how often it will be called in all.
    """
    started = said = time.monotonic()
    calls = 0

    def each(work: Callable[[int], None], numbers: Iterable[int]) -> None:
        from threadpoolctl import threadpool_limits

        nonlocal said, calls
        # many small problems: a thread for each is faster than threads inside each, and the sums do not depend on their number
        with threadpool_limits(1), ThreadPoolExecutor(cores()) as pool:
            for _ in pool.map(work, numbers):
                pass
        calls += 1
        if time.monotonic() - said > SECONDS_BETWEEN_NOTES and calls < rounds:
            said = time.monotonic()
            left = (said - started) / calls * (rounds - calls)
            job.listener.note(f"{what}: {calls} of {rounds} parts, {left:.0f} s left")

    return each
