"""Tasks of one stage in processes of their own, each of which makes the same list of tasks and does the one that it is asked for.

Statistics are many small products between which Python works: threads wait for one another, processes do not.
"""

import os
import signal
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import count
from multiprocessing import active_children, get_context, parent_process
from multiprocessing.connection import wait
from multiprocessing.util import Finalize
from pathlib import Path
from threading import Thread

from emotion_cli.errors import EmoError
from emotion_cli.job.extractions import Extraction
from emotion_cli.job.job import Job, Task
from emotion_cli.job.listener import Silence
from emotion_cli.settings import Settings
from emotion_cli.stages import STAGES
from warehouse.machine import cores
from warehouse.store import Store

WORTH = 200_000
"""Prompts times draws below which one process is faster: others need two seconds to start."""


@dataclass(frozen=True)
class Order:
    """What a worker needs to make a job of its own; `stage` is a number, as two stages may have one name.

    Orders of one `number` are the same.
    """

    number: int
    stage: int = field(compare=False)
    root: Path = field(compare=False)
    settings: Settings = field(compare=False)
    extractions: tuple[Extraction, ...] = field(compare=False)
    forced: frozenset[str] = field(compare=False)


class Notes(Silence):
    """A listener that keeps what it hears for the process that asked."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def note(self, text: str) -> None:
        """Keep one sentence."""
        self.heard.append(text)


def are_worth_it(job: Job, tasks: Collection[Task]) -> bool:
    """Whether the tasks are several, and large enough for processes of their own."""
    manifests = [extraction.prompts(job.store).manifest() for extraction in job.measured]
    n_prompts = sum(entry.rows for manifest in manifests if manifest for entry in manifest.files)
    return len(tasks) > 1 and cores() > 1 and n_prompts * job.settings.draws >= WORTH


class Workers:
    """Processes that are started at the first use and serve all stages; they end with this one, however it ends."""

    def __init__(self) -> None:
        self._pool: ProcessPoolExecutor | None = None
        self._numbers = count()

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if self._pool is None:
            return
        if kind is not None:
            for child in active_children():
                child.terminate()
        self._pool.shutdown(cancel_futures=True)

    def do(self, job: Job, stage: int, tasks: Sequence[Task]) -> Iterator[tuple[Task, list[str]]]:
        """Do tasks of a stage, by its number; each as it is done, with the notes that were made meanwhile."""
        if self._pool is None:
            # a process that is forked from one with threads of other libraries may wait for them for ever
            self._pool = ProcessPoolExecutor(cores(), mp_context=get_context("spawn"), initializer=_begin)
        order = Order(next(self._numbers), stage, job.store.root, job.settings, tuple(job.extractions), frozenset(job.forced))
        with _interrupts_later():
            waiting = {self._pool.submit(_do, order, task.writes): task for task in tasks}
        try:
            for future in as_completed(waiting):
                yield waiting[future], future.result()
        except BrokenProcessPool as error:
            raise EmoError(
                "a process that did a part of the work was killed, as the system does where memory runs out; "
                "what was finished is kept",
                hint="free memory, then rerun the command",
            ) from error


@contextmanager
def _interrupts_later() -> Iterator[None]:
    """While open, Ctrl-C waits; processes that are started meanwhile begin so, and would else say a word of their own."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin() -> None:
    """Threads of linear algebra, and ends, of a worker."""
    from threadpoolctl import threadpool_limits

    threadpool_limits(1)
    # Ctrl-C ends it without a word; finished parts are kept
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    # at the end of Python, libraries that were loaded beside each other print pages of what they still hold
    Finalize(None, os._exit, (0,), exitpriority=-1)
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


@lru_cache(1)
def _tasks(order: Order) -> tuple[Job, Notes, Mapping[Path, Task]]:
    notes = Notes()
    job = Job(Store(order.root), order.settings, order.extractions, notes, forced=order.forced)
    return job, notes, {task.writes: task for task in STAGES[order.stage].tasks(job)}


def _do(order: Order, writes: Path) -> list[str]:
    job, notes, tasks = _tasks(order)
    notes.heard.clear()
    tasks[writes].run(job)
    return list(notes.heard)
