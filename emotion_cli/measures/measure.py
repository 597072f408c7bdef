"""A measure as data: a new one is a function and a line in the tuple of its module."""

from collections.abc import Callable
from typing import Any, NamedTuple

from emotion_cli.measures.inference.statistic import Tail


class Measure(NamedTuple):
    """A name as it is stored, which tail of the null counts, and the function that computes it."""

    name: str
    tail: Tail
    run: Callable[..., Any]
