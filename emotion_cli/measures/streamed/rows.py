"""The rows of one layer, read a batch at a time in an order that keeps each topic together."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence

import numpy as np

BATCH_BYTES = 2**26
"""Of a batch in double precision."""


class Rows(ABC):
    """Prepared activations of one layer [prompt, width]; a batch ends where a unit of resampling ends.

    `order` [place] are prompts in the order in which they are read, `ends` [unit] the places behind each unit's last prompt.
    """

    def __init__(self, order: np.ndarray, ends: np.ndarray, width: int) -> None:
        self.order, self.ends, self.width = order, ends, width

    def __len__(self) -> int:
        return len(self.order)

    @abstractmethod
    def _read(self, start: int, stop: int) -> np.ndarray:
        """The rows of some places."""

    def batches(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Prompts [row], and their rows [row, width] in double precision."""
        size = max(1, BATCH_BYTES // (8 * self.width))
        start = 0
        while start < len(self.order):
            following = self.ends[self.ends <= start + size]
            stop = int(following[-1]) if len(following) and following[-1] > start else int(self.ends[self.ends > start][0])
            yield self.order[start:stop], np.asarray(self._read(start, stop), np.float64)
            start = stop

    def take(self, prompts: np.ndarray) -> np.ndarray:
        """The rows of some prompts, in their order [prompt, width]."""
        place = np.empty(len(self.order), int)
        place[self.order] = np.arange(len(self.order))
        places = place[prompts]
        taken = np.empty((len(prompts), self.width))
        by_place = np.argsort(places)
        breaks = np.flatnonzero(np.diff(places[by_place]) != 1) + 1
        for run in np.split(by_place, breaks):
            if len(run):
                taken[run] = self._read(int(places[run[0]]), int(places[run[-1]]) + 1)
        return taken

    def changed(self, rows: np.ndarray) -> np.ndarray:
        """Other rows as these were changed, from rows [row, width] as they are stored."""
        return np.asarray(rows, np.float64)

    def mapped(self, change: Callable[[np.ndarray], np.ndarray]) -> "Rows":
        """The same rows, each changed by a function of rows [row, width] that keeps the width."""
        return _Mapped(self, change)


class _Mapped(Rows):
    def __init__(self, rows: Rows, change: Callable[[np.ndarray], np.ndarray]) -> None:
        super().__init__(rows.order, rows.ends, rows.width)
        self._rows, self._change = rows, change

    def changed(self, rows: np.ndarray) -> np.ndarray:
        return self._change(self._rows.changed(rows))

    def _read(self, start: int, stop: int) -> np.ndarray:
        return self._change(np.asarray(self._rows._read(start, stop), np.float64))


class ArrayRows(Rows):
    """Rows in memory [prompt, width]; `units` [prompt] number what is kept together, None: each prompt."""

    def __init__(self, rows: np.ndarray, units: np.ndarray | None = None) -> None:
        order, ends = reading_order(np.arange(len(rows)) if units is None else units)
        super().__init__(order, ends, rows.shape[1])
        self._array = rows

    def _read(self, start: int, stop: int) -> np.ndarray:
        return self._array[self.order[start:stop]]


class JoinedRows(Rows):
    """Some prompts of some layers' rows, one after the other.

    `parts` are rows, and the prompts of them that count; `units` [prompt] number what is kept together.
    """

    def __init__(self, parts: Sequence[tuple[Rows, np.ndarray]], units: np.ndarray) -> None:
        order, ends = reading_order(np.unique(units, return_inverse=True)[1])
        super().__init__(order, ends, parts[0][0].width)
        self._parts = parts

    def _read(self, start: int, stop: int) -> np.ndarray:
        prompts, first = self.order[start:stop], 0
        read = np.empty((len(prompts), self.width))
        for rows, chosen in self._parts:
            mine = (prompts >= first) & (prompts < first + len(chosen))
            read[mine] = rows.take(chosen[prompts[mine] - first])
            first += len(chosen)
        return read


def reading_order(units: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Prompts by unit, and the places behind each unit's last prompt; `units` [prompt] are numbers from 0."""
    return np.argsort(units, kind="stable"), np.cumsum(np.bincount(units))
