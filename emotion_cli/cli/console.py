"""The only writer to stderr: notes, progress, errors."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console as RichConsole
from rich.markup import escape

from emotion_cli.cli.next_step import with_store

SECONDS_BETWEEN_LINES = 15
"""How often progress is said where there is no terminal to draw a bar on."""


class Console:
    """Says what happens; quiet says errors only, verbose also what is left alone; next commands keep the `store` given."""

    def __init__(self, *, quiet: bool = False, verbose: bool = False, store: Path | None = None) -> None:
        self.quiet, self.verbose, self.store = quiet, verbose, store
        self._rich = RichConsole(file=sys.stderr, highlight=False, soft_wrap=True)

    def note(self, text: str) -> None:
        """One sentence about the work."""
        if not self.quiet:
            self._rich.print(escape(with_store(text, self.store)))

    def detail(self, text: str) -> None:
        """One sentence for those who asked for more."""
        if self.verbose:
            self.note(text)

    def error(self, message: str, hint: str | None = None) -> None:
        """What went wrong, and the next command to type."""
        self._rich.print(f"[bold red]error:[/] {escape(message)}")
        if hint:
            self._rich.print(f"[bold]next:[/] {escape(with_store(hint, self.store))}")

    @contextmanager
    def progress(self, what: str, prompts: int, tokens: int) -> Iterator[Callable[[int, int], None]]:
        """A bar with prompts/s, tokens/s and the time left; lines instead where stderr is no terminal."""
        if self.quiet:
            yield lambda prompts, tokens: None
        elif self._rich.is_terminal:
            with self._bar(what, tokens) as advance:
                yield advance
        else:
            with self._lines(what, prompts, tokens) as advance:
                yield advance

    @contextmanager
    def rows(self, what: str, total: int) -> Iterator[Callable[[int], None]]:
        """A bar with rows/s and the time left; lines now and then where stderr is no terminal."""
        done, started, said = 0, time.monotonic(), time.monotonic()
        if self.quiet or not self._rich.is_terminal:

            def note(rows: int) -> None:
                nonlocal done, said
                done += rows
                if time.monotonic() - said > SECONDS_BETWEEN_LINES and done < total:
                    said = time.monotonic()
                    left = (said - started) * (total - done) / max(done, 1)
                    self.note(f"{what}: {done:,} of {total:,} rows, {left:.0f} s left")

            yield note
            return
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("rows"), TimeRemainingColumn())
        with Progress(*columns, console=self._rich) as bar:
            task = bar.add_task(escape(what), total=total)
            yield lambda rows: bar.update(task, advance=rows)

    @contextmanager
    def _bar(self, what: str, tokens: int) -> Iterator[Callable[[int, int], None]]:
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[rates]}"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=self._rich) as bar:
            # by tokens, which is what the time goes by
            task = bar.add_task(escape(what), total=tokens, rates="")
            rates = _Rates()

            def advance(prompts: int, tokens: int) -> None:
                rates.add(prompts, tokens)
                bar.update(task, advance=tokens, rates=rates.text())

            yield advance

    @contextmanager
    def _lines(self, what: str, prompts: int, tokens: int) -> Iterator[Callable[[int, int], None]]:
        rates, said = _Rates(), time.monotonic()

        def advance(done: int, tokens_done: int) -> None:
            nonlocal said
            rates.add(done, tokens_done)
            if time.monotonic() - said > SECONDS_BETWEEN_LINES and rates.prompts < prompts:
                said = time.monotonic()
                left = rates.seconds * (tokens - rates.tokens) / max(rates.tokens, 1)
                self.note(f"{what}: {rates.prompts} of {prompts} prompts, {rates.text()}, {left:.0f} s left")

        yield advance
        self.note(f"{what}: {rates.prompts} prompts, {rates.tokens} tokens in {rates.seconds:.1f} s, {rates.text()}")


class _Rates:
    def __init__(self) -> None:
        self.started, self.prompts, self.tokens = time.monotonic(), 0, 0

    def add(self, prompts: int, tokens: int) -> None:
        self.prompts, self.tokens = self.prompts + prompts, self.tokens + tokens

    @property
    def seconds(self) -> float:
        return max(time.monotonic() - self.started, 1e-9)

    def text(self) -> str:
        return f"{self.prompts / self.seconds:.1f} prompts/s, {self.tokens / self.seconds:.0f} tokens/s"
