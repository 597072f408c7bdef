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
        """How many prompts and tokens are done, with prompts/s, tokens/s and the time left."""
        started, n_prompts, n_tokens = time.monotonic(), 0, 0

        def rates() -> str:
            seconds = max(time.monotonic() - started, 1e-9)
            return f"{n_prompts / seconds:.1f} prompts/s, {n_tokens / seconds:.0f} tokens/s"

        # by tokens, which is what the time goes by
        with self._shown(what, tokens, lambda _: f"{n_prompts} of {prompts} prompts, {rates()}") as show:

            def advance(more_prompts: int, more_tokens: int) -> None:
                nonlocal n_prompts, n_tokens
                n_prompts, n_tokens = n_prompts + more_prompts, n_tokens + more_tokens
                show(more_tokens)

            yield advance
        if not self._rich.is_terminal:
            self.note(f"{what}: {n_prompts} prompts, {n_tokens} tokens in {time.monotonic() - started:.1f} s, {rates()}")

    @contextmanager
    def rows(self, what: str, total: int) -> Iterator[Callable[[int], None]]:
        """How many rows are done, with the time left."""
        with self._shown(what, total, lambda done: f"{done:,} of {total:,} rows") as advance:
            yield advance

    @contextmanager
    def _shown(self, what: str, total: int, text: Callable[[int], str]) -> Iterator[Callable[[int], None]]:
        """A bar with a text about what is done and the time left; lines now and then where stderr is not a terminal."""
        done, started, said = 0, time.monotonic(), time.monotonic()
        if self.quiet or not self._rich.is_terminal:

            def advance(more: int) -> None:
                nonlocal done, said
                done += more
                if time.monotonic() - said > SECONDS_BETWEEN_LINES and done < total:
                    said = time.monotonic()
                    left = (said - started) * (total - done) / max(done, 1)
                    self.note(f"{what}: {text(done)}, {left:.0f} s left")

            yield advance
            return
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[text]}"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=self._rich) as bar:
            task = bar.add_task(escape(what), total=total, text="")

            def draw(more: int) -> None:
                nonlocal done
                done += more
                bar.update(task, advance=more, text=text(done))

            yield draw
