"""Debiased CKA of two layers over many prompts: from products of width by width, without inner products of all prompts.

Song et al. (2012) write unbiased HSIC with sums over pairs of prompts. Each is a function of sums over prompts: of outer products
of the two rows, of the rows, of their squared lengths, and of rows times the other's squared length. So what is left without a
group of prompts is a difference.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from emotion_cli.measures.between.space import FLAT
from emotion_cli.measures.streamed.moments import mean_of
from emotion_cli.measures.streamed.rows import BATCH_BYTES, Rows


class Whole(NamedTuple):
    """Debiased CKA of all shared prompts (NaN where the prompts of a layer do not differ), and without each group [group]."""

    value: float
    without: np.ndarray


class _Sums(NamedTuple):
    """Sums over prompts with rows in two layers: their number, outer products, rows, squared lengths, rows times lengths."""

    n: int
    outer: np.ndarray
    first: np.ndarray
    second: np.ndarray
    first_squares: float
    second_squares: float
    both_squares: float
    first_weighted: np.ndarray
    second_weighted: np.ndarray

    def plus(self, other: "_Sums", sign: int = 1) -> "_Sums":
        return _Sums._make(mine + sign * theirs for mine, theirs in zip(self, other, strict=True))

    def hsic(self) -> float:
        """Unbiased HSIC, but for the factor n (n - 3)."""
        pairs = float(np.vdot(self.outer, self.outer)) - self.both_squares
        totals = (self.first @ self.first - self.first_squares) * (self.second @ self.second - self.second_squares)
        along = self.first @ self.outer @ self.second - self.first @ self.first_weighted
        along += self.both_squares - self.second @ self.second_weighted
        return float(pairs + totals / ((self.n - 1) * (self.n - 2)) - 2 * along / (self.n - 2))


def _sums(x: np.ndarray, y: np.ndarray) -> _Sums:
    of_x, of_y = (np.einsum("pw,pw->p", rows, rows) for rows in (x, y))
    squares = float(of_x.sum()), float(of_y.sum()), float(of_x @ of_y)
    return _Sums(len(x), x.T @ y, x.sum(0), y.sum(0), *squares, of_y @ x, of_x @ y)


class _Products(NamedTuple):
    """Sums of the first layer with the second, of the first with itself, and of the second with itself."""

    across: _Sums
    first: _Sums
    second: _Sums

    def plus(self, other: "_Products", sign: int = 1) -> "_Products":
        return _Products(*(mine.plus(theirs, sign) for mine, theirs in zip(self, other, strict=True)))

    def cka(self) -> float:
        lengths = self.first.hsic() * self.second.hsic()
        return self.across.hsic() / float(np.sqrt(lengths)) if lengths > 0 else np.nan


def debiased_cka(a: Rows, b: Rows, places: np.ndarray, groups: np.ndarray) -> Whole:
    """Debiased CKA of two layers: what `between.geometry.cka` gives, of all shared prompts.

    `places` [prompt of a] are those prompts' numbers in b (below 0: not shared), `groups` [prompt of a] the number of the group
    that each is left out with.
    """
    is_shared = places >= 0
    of_b = np.zeros(len(b), bool)
    of_b[places[is_shared]] = True
    means = mean_of(a, is_shared), mean_of(b, of_b)
    in_order = a.order[is_shared[a.order]]

    def products(prompts: np.ndarray) -> _Products:
        total: _Products | None = None
        for chunk in _chunks(prompts, max(a.width, b.width)):
            x, y = a.take(chunk) - means[0], b.take(places[chunk]) - means[1]
            part = _Products(_sums(x, y), _sums(x, x), _sums(y, y))
            total = part if total is None else total.plus(part)
        assert total is not None
        return total

    whole, numbers = products(in_order), np.unique(groups[is_shared]).tolist()
    for mean, sums in zip(means, (whole.first, whole.second), strict=True):
        spread = sums.first_squares / sums.n
        if spread <= FLAT * (spread + float(mean @ mean)):
            return Whole(np.nan, np.full(len(numbers), np.nan))
    without = [whole.plus(products(in_order[groups[in_order] == number]), -1).cka() for number in numbers]
    return Whole(whole.cka(), np.array(without))


def _chunks(prompts: np.ndarray, width: int) -> Iterator[np.ndarray]:
    size = max(1, BATCH_BYTES // (8 * width))
    return (prompts[start : start + size] for start in range(0, len(prompts), size))
