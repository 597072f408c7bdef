"""Curves that grow by a layer at a time, by direction and measure, and their rows."""

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from emotion_cli.measures.inference.statistic import Tail
from emotion_cli.measures.within.curves import Curves
from emotion_cli.measures.within.quality import Quality


class Key(NamedTuple):
    """Which direction and measure, on which test set, beside which control."""

    emotion: str
    measure: str
    test_set: str | None = None
    control: str | None = None


class Pieces:
    """One layer of each curve after the other; `averaged` are the layers that means cover."""

    def __init__(self, averaged: Collection[int]) -> None:
        self.layers: list[int] = []
        self.averaged = averaged
        self._pieces: dict[Key, list[Curves]] = {}

    def keep(self, key: Key, curves: Curves) -> None:
        """Add the last layer of a curve."""
        self._pieces.setdefault(key, []).append(curves)

    def with_null(self, key: Key, draws: np.ndarray) -> None:
        """Add draws [draw] from the null to the last layer of a curve."""
        pieces = self._pieces[key]
        pieces[-1] = pieces[-1]._replace(values=np.concatenate([pieces[-1].values, draws[None]], axis=1))

    def last(self, key: Key) -> Curves:
        """The last layer of a curve."""
        return self._pieces[key][-1]

    def curves(self) -> Iterator[tuple[Key, Curves]]:
        """Each curve with all layers."""
        return ((key, _joined(pieces)) for key, pieces in self._pieces.items())

    def rows(self, key: Key, curves: Curves, n_sampled: int | None) -> list[Quality]:
        """The rows of a curve; `n_sampled` counts the prompts of a sample that the values are of."""
        statistics = curves.statistics(self.layers, self.averaged, Tail.UPPER)
        return [
            Quality(key.emotion, layer, key.measure, statistic._replace(n_sampled=n_sampled), key.test_set, key.control)
            for layer, statistic in statistics
        ]


def _joined(pieces: Sequence[Curves]) -> Curves:
    """The layers of a measure as one."""
    first = pieces[0]

    def stacked(name: str) -> np.ndarray | None:
        parts = [getattr(piece, name) for piece in pieces]
        return None if any(part is None for part in parts) else np.concatenate(parts)

    values = np.concatenate([piece.values for piece in pieces])
    return first._replace(
        values=values, bootstrap=stacked("bootstrap"), is_zero=stacked("is_zero"), is_unequal=stacked("is_unequal")
    )
