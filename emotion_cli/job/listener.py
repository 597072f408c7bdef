"""Receivers of notes and progress."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

Advance = Callable[..., None]
"""Called with the amounts done since the last call, in the order of the totals."""


class Listener(Protocol):
    """Receivers of notes and progress."""

    def note(self, text: str) -> None:
        """Say one sentence to the person."""

    def progress(self, title: str, **totals: int) -> AbstractContextManager[Advance]:
        """Show how far some work is, of totals by unit (`prompts=80, tokens=900`); time goes by the last unit."""
        ...

    def whole(self, tasks: int, seconds: float) -> AbstractContextManager[Advance]:
        """Show how far all work is, of so many tasks that take about so many seconds; what `progress` shows stands below."""
        ...


class Silence(Listener):
    """A listener that says nothing."""

    def note(self, text: str) -> None:
        """Say nothing."""

    def progress(self, title: str, **totals: int) -> AbstractContextManager[Advance]:
        """Show nothing."""
        return nullcontext(lambda *amounts: None)

    def whole(self, tasks: int, seconds: float) -> AbstractContextManager[Advance]:
        """Show nothing."""
        return nullcontext(lambda *amounts: None)
