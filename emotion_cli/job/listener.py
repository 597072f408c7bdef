"""Who hears how the work goes."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    pass


class Listener(Protocol):
    """Who hears how the work goes."""

    def note(self, text: str) -> None:
        """Say one sentence to the person."""

    def progress(self, what: str, prompts: int, tokens: int) -> AbstractContextManager[Callable[[int, int], None]]:
        """A bar over that many prompts; call what it gives with (prompts, tokens) done."""
        ...

    def rows(self, what: str, total: int) -> AbstractContextManager[Callable[[int], None]]:
        """A bar over that many rows; call what it gives with the rows done."""
        ...


class Silence:
    """A listener that says nothing."""

    def note(self, text: str) -> None:
        """Say nothing."""

    def progress(self, what: str, prompts: int, tokens: int) -> AbstractContextManager[Callable[[int, int], None]]:
        """Show nothing."""
        return nullcontext(lambda prompts, tokens: None)

    def rows(self, what: str, total: int) -> AbstractContextManager[Callable[[int], None]]:
        """Show nothing."""
        return nullcontext(lambda rows: None)
