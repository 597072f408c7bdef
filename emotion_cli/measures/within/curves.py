"""A measure at every layer, and its mean over layers with null and interval from the same draws."""

from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from emotion_cli.measures.inference.statistic import NO_INTERVAL, PERMUTED, Interval, Null, Statistic, Tail, defined, null_of

_mean = partial(np.mean, axis=0)


class Curves(NamedTuple):
    """Values [layer, 1 + draw], the first as the labels are; `n` counts the topics or prompts.

    `bootstrap` [layer, draw] and `interval` make an interval; `is_zero` [layer] tells where the mean over layers has nothing
    to average; `mean` takes that mean; `null` stands in place of draws; `layers` are those of the rows where they are not all;
    `kind` is what the draws are of.
    """

    values: np.ndarray
    n: int
    bootstrap: np.ndarray | None = None
    interval: Callable[[float, np.ndarray], Interval] | None = None
    is_zero: np.ndarray | None = None
    mean: Callable[[np.ndarray], np.ndarray] = _mean
    null: Null | None = None
    layers: Sequence[int | None] | None = None
    kind: str = PERMUTED

    def statistics(self, layers: Sequence[int], averaged: Collection[int], tail: Tail) -> list[tuple[int | None, Statistic]]:
        """The statistic of each layer, and of the mean over the averaged ones (None) where that is defined for all layers."""
        boots = self.bootstrap
        rows = [
            (layer, self._statistic(self.values[i], None if boots is None else boots[i], tail))
            for i, layer in enumerate(layers if self.layers is None else self.layers)
        ]
        if self.layers is not None:
            return rows
        covered = np.array([layer in averaged for layer in layers]) & (True if self.is_zero is None else ~self.is_zero)
        if covered.any():
            mean = self._statistic(self.mean(self.values[covered]), None if boots is None else boots[covered].mean(0), tail)
            rows.append((None, mean))
        return rows

    def _statistic(self, values: np.ndarray, drawn: np.ndarray | None, tail: Tail) -> Statistic:
        value = defined(values[0])
        interval = NO_INTERVAL
        if value is not None and drawn is not None and self.interval is not None:
            interval = self.interval(value, drawn)
        return Statistic(value, self.null or null_of(value, values[1:], tail, self.kind), self.n, interval)
