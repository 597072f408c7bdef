"""Symbols for what may be said of a value."""

from typing import NamedTuple

MORE = "more than words give"


class Mark(NamedTuple):
    """A marker of matplotlib ("": none), and whether it is full: more is shown than words give."""

    marker: str
    is_full: bool


MARKS = (
    ("a direction", ""),
    ("no direction shown", "x"),
    ("too few", "+"),
    ("more similar", "^"),
    ("less similar", "v"),
    ("as similar", "s"),
    ("undecided", "o"),
    ("the same", "*"),
    ("a shared contrast", "o"),
    ("a similar direction, not shown", "D"),
    ("a similar direction, and not", "d"),
    ("nothing shown", "x"),
    ("not shown", "x"),
    ("not defined", "_"),
)
"""The marker of each verdict, by how the verdict begins."""


def mark_of(verdict: str) -> Mark:
    """The symbol of a verdict."""
    marker = next((marker for beginning, marker in MARKS if verdict.startswith(beginning)), "1")
    return Mark(marker, MORE in verdict)
