"""Work on many small problems, one thread each."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import count

from emotion_cli.job.job import Job
from emotion_cli.measures.between.result import Each
from warehouse.machine import cores


def in_threads(job: Job, title: str, rounds: int = 1) -> Each:
    """Calls a function for many numbers on all cores, with one thread of linear algebra each, and shows how far it is.

    `rounds`: how often it will be called in all.
    """
    calls = count(1)

    def each(work: Callable[[int], None], numbers: Iterable[int]) -> None:
        from threadpoolctl import threadpool_limits

        numbers, call = list(numbers), next(calls)
        numbered = f"{title}, {call} of {rounds}" if rounds > 1 else title
        # many small problems: a thread for each is faster than threads inside each, and the sums do not depend on their number
        with (
            job.listener.progress(numbered, parts=len(numbers)) as advance,
            threadpool_limits(1),
            ThreadPoolExecutor(cores()) as pool,
        ):
            for _ in pool.map(work, numbers):
                advance(1)

    return each
