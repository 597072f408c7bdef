"""A measure at every layer, and its mean over layers with null and interval from the same draws."""

from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from emotion_cli.measures.inference.statistic import (
    NO_INTERVAL,
    PERMUTED,
    UNEQUAL,
    Interval,
    Null,
    Statistic,
    Tail,
    defined,
    null_of,
)

_mean = partial(np.mean, axis=0)


class Curves(NamedTuple):
    """Values [layer, 1 + draw], the first as the labels are; `n` counts the topics or prompts.

    `bootstrap` [layer, draw] and `interval` make an interval; `is_zero` [layer] tells where the mean over layers has nothing
    to average; `mean` takes that mean; `null` stands in place of draws; `layers` are those of the rows where they are not all;
    `kind` is what the draws are of, `alike` the share of all permutations that give the value itself by construction. Where
    `is_unequal` [layer], labels differ in spread and size, and there is no p-value.
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
    alike: float = 0.0
    is_unequal: np.ndarray | None = None

    def statistics(self, layers: Sequence[int], averaged: Collection[int], tail: Tail) -> list[tuple[int | None, Statistic]]:
        """The statistic of each layer, and of the mean over the averaged ones (None) where that is defined for all layers."""
        boots = self.bootstrap
        rows = [
            (layer, self._statistic(self.values[i], None if boots is None else boots[i], tail, self._unequal([i])))
            for i, layer in enumerate(layers if self.layers is None else self.layers)
        ]
        if self.layers is not None:
            return rows
        covered = np.array([layer in averaged for layer in layers]) & (True if self.is_zero is None else ~self.is_zero)
        if covered.any():
            drawn = None if boots is None else boots[covered].mean(0)
            mean = self._statistic(self.mean(self.values[covered]), drawn, tail, self._unequal(covered))
            rows.append((None, mean))
        return rows

    def _unequal(self, layers: np.ndarray | list[int]) -> bool:
        return self.is_unequal is not None and bool(self.is_unequal[layers].any())

    def _statistic(self, values: np.ndarray, drawn: np.ndarray | None, tail: Tail, is_unequal: bool) -> Statistic:
        value = defined(values[0])
        interval = NO_INTERVAL
        if value is not None and drawn is not None and self.interval is not None:
            interval = self.interval(value, drawn)
        null = self.null or null_of(value, values[1:], tail, self.kind, self.alike)
        if is_unequal:
            null = null._replace(p_value=None, kind=UNEQUAL)
        return Statistic(value, null, self.n, interval)
