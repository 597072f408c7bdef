"""The only writer to stderr: notes, progress, errors."""

import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from emotion_cli.cli.next_step import with_store
from emotion_cli.job.listener import Advance, Listener

if TYPE_CHECKING:
    from rich.progress import Progress

SECONDS_BETWEEN_LINES = 15
"""Seconds between lines of progress where stderr is not a terminal; shorter work prints no line."""


BOLD, RED = "1", "1;31"


class Console(Listener):
    """Prints notes; `quiet` prints errors only, `verbose` also unchanged tasks; next commands keep the `store` given."""

    def __init__(self, *, quiet: bool = False, verbose: bool = False, store: Path | None = None) -> None:
        self.quiet, self.verbose, self.store = quiet, verbose, store
        self._said = time.monotonic()
        self._bars: Progress | None = None

    def note(self, text: str) -> None:
        """One sentence about the work."""
        if not self.quiet:
            self._said = time.monotonic()
            _print(with_store(text, self.store))

    def detail(self, text: str) -> None:
        """One sentence that is only printed with --verbose."""
        if self.verbose:
            self.note(text)

    def error(self, message: str, hint: str | None = None) -> None:
        """Print an error and the next command."""
        _print(f"{_styled('error:', RED)} {message}")
        if hint:
            _print(f"{_styled('next:', BOLD)} {with_store(hint, self.store)}")

    @contextmanager
    def progress(self, title: str, **totals: int) -> Iterator[Advance]:
        """A bar during the work, or lines where stderr is not a terminal; after long work one line with its speed."""
        work = _Work(title, totals)
        if self.quiet:
            yield work.add
            return
        with self._bar(work) if _is_terminal() else nullcontext(self._lines(work)) as advance:
            yield advance
        if work.seconds > SECONDS_BETWEEN_LINES:
            self.note(work.summary())

    @contextmanager
    def whole(self, tasks: int, seconds: float) -> Iterator[Advance]:
        """A bar of all work above those of its parts, or lines where stderr is not a terminal."""
        work = _Work("all", {"tasks": tasks, "seconds": seconds}, is_whole=True)
        if self.quiet or not tasks:
            yield work.add
            return
        with self._bar(work) if _is_terminal() else nullcontext(self._lines(work, always=True)) as advance:
            yield advance

    @contextmanager
    def _bar(self, work: "_Work") -> Iterator[Advance]:
        from rich.markup import escape

        with self._display() as bars:
            bar = bars.add_task(escape(work.title), total=work.total, so_far=work.so_far() if work.is_whole else "")

            def advance(*amounts: float) -> None:
                work.add(*amounts)
                bars.update(bar, completed=work.completed, so_far=work.so_far())

            try:
                yield advance
            finally:
                bars.refresh()  # the last state is seen
                bars.remove_task(bar)

    @contextmanager
    def _display(self) -> Iterator["Progress"]:
        """The one display of this run, made by whoever shows a bar first."""
        if self._bars is not None:
            yield self._bars
            return
        # imports that only a terminal needs
        from rich.console import Console as RichConsole
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

        stderr = RichConsole(file=sys.stderr, highlight=False, color_system="auto" if _has_colours() else None)
        description, so_far = TextColumn("{task.description}"), TextColumn("{task.fields[so_far]}")
        # a task may take minutes, and time left is told from those of the last hour
        left = TimeRemainingColumn()
        columns = (description, BarColumn(), TaskProgressColumn(), so_far, left)
        with Progress(*columns, console=stderr, transient=True, speed_estimate_period=3600) as bars:
            self._bars = bars
            try:
                yield bars
            finally:
                self._bars = None

    def _lines(self, work: "_Work", *, always: bool = False) -> Advance:
        """A line after some silence; `always` after as long a time, whatever was said meanwhile."""
        said = time.monotonic()

        def advance(*amounts: float) -> None:
            nonlocal said
            work.add(*amounts)
            if time.monotonic() - (said if always else self._said) > SECONDS_BETWEEN_LINES and work.completed < work.total:
                said = time.monotonic()
                self.note(f"{work.title}: {work.so_far()}, {work.seconds_left():.0f} s left")

        return advance


class _Work:
    """How much of some work is done, in each of its units; of all work the last unit is no more than an estimate."""

    def __init__(self, title: str, totals: Mapping[str, float], *, is_whole: bool = False) -> None:
        self.title, self.totals, self.is_whole = title, totals, is_whole
        self.done: dict[str, float] = dict.fromkeys(totals, 0)
        self.started = time.monotonic()

    def add(self, *amounts: float) -> None:
        for unit, amount in zip(self.totals, amounts, strict=True):
            self.done[unit] += amount

    @property
    def total(self) -> float:
        return [*self.totals.values()][-1]

    @property
    def completed(self) -> float:
        return [*self.done.values()][-1]

    @property
    def seconds(self) -> float:
        return max(time.monotonic() - self.started, 1e-9)

    def seconds_left(self) -> float:
        return self.seconds * (self.total - self.completed) / max(self.completed, 1)

    def speed(self) -> str:
        return ", ".join(f"{amount / self.seconds:,.1f} {unit}/s" for unit, amount in self.done.items())

    def so_far(self) -> str:
        unit, total = next(iter(self.totals.items()))
        amount = f"{self.done[unit]:,} of {total:,} {unit}"
        return amount if self.is_whole else f"{amount}, {self.speed()}"

    def summary(self) -> str:
        amounts = ", ".join(f"{amount:,} {unit}" for unit, amount in self.done.items())
        return f"{self.title}: {amounts} in {self.seconds:.1f} s, {self.speed()}"


def _print(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _styled(text: str, style: str) -> str:
    return f"\033[{style}m{text}\033[0m" if _has_colours() else text


def _has_colours() -> bool:
    """Whether stderr shows them: a terminal that is not dumb, and no NO_COLOR."""
    return _is_terminal() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _is_terminal() -> bool:
    # as Rich, which draws the bar, takes it
    return {"1": True, "0": False}.get(os.environ.get("TTY_COMPATIBLE", ""), sys.stderr.isatty())
