"""The result of a measure of two models, or of one model with itself."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from emotion_cli.measures.inference.statistic import Sampled

Each = Callable[[Callable[[int], None], Iterable[int]], None]
"""Calls a function for each number; may use threads and report progress."""

MAPPINGS = ("a_to_b", "b_to_a")
"""Which way a map goes, or which model's layer chooses."""


class Result(NamedTuple):
    """One measure of one pair of layers, by the pair's number; `k` counts components or dimensions."""

    pair: int
    measure: str
    sampled: Sampled
    emotion: str | None = None
    mapping: str | None = None
    fit: str | None = None
    k: int | None = None
    target_emotion: str | None = None
