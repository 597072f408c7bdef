"""What carried states do to log-odds: means over topics beside flipped signs, shares of the whole, and how good a guess was."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from emotion_cli.measures.inference.resampling import Names, resampled, units_of
from emotion_cli.measures.inference.sampling import Sampling
from emotion_cli.measures.inference.statistic import (
    NO_INTERVAL,
    NO_NULL,
    Interval,
    Null,
    Statistic,
    Tail,
    Test,
    defined,
    interval_of,
    null_of,
    widened,
)

TOPIC_SIGNS = "topic_signs"
"""What a mean over topics is compared with: the sign of each topic's value is flipped at random, a cluster's as one."""

FEWEST_CELLS = 3
"""Cells that a correlation needs."""


@dataclass(frozen=True)
class Topics:
    """The topics of an emotion's pairs, and how they are resampled and flipped."""

    names: Sequence[str]
    clusters: Names | None
    sampling: Sampling

    @cached_property
    def units(self) -> np.ndarray:
        """Number of each topic's unit [topic]: its cluster, or itself."""
        return units_of(self.names, self.clusters)

    @property
    def n_pairs(self) -> int:
        """How many topics there are."""
        return len(self.names)

    @property
    def n(self) -> int:
        """How many units there are."""
        return int(self.units.max()) + 1

    @cached_property
    def counts(self) -> np.ndarray:
        """How often each topic is drawn [draw, topic]."""
        rng = self.sampling.generator("pairs")
        return resampled(np.zeros(self.n, int), self.sampling.draws, rng)[:, self.units]

    @cached_property
    def signs(self) -> np.ndarray:
        """The sign of each topic [draw, topic]."""
        rng = self.sampling.generator("signs")
        return rng.choice([-1.0, 1.0], size=(self.sampling.draws, self.n))[:, self.units]

    @property
    def test(self) -> Test:
        """The test by flipped signs: of all of them one leaves every topic as it is."""
        return Test(TOPIC_SIGNS, 2.0**-self.n)

    def drawn_means(self, values: np.ndarray) -> np.ndarray:
        """Means of values [.., topic] over resampled topics [draw, ..]."""
        drawn = self.counts / self.counts.sum(1, keepdims=True)
        return np.moveaxis(values @ drawn.T, -1, 0)

    def interval(self, values: np.ndarray) -> Interval:
        """The 95 % interval of the mean of values [topic]."""
        if not np.isfinite(values).all():
            return NO_INTERVAL
        return widened(float(values.mean()), interval_of(self.drawn_means(values)), self.n)


def beside_signs(values: np.ndarray, topics: Topics) -> list[Statistic]:
    """The mean of each cell's values [cell, topic], against the largest of all cells where signs of topics are flipped."""
    means = values.mean(1)
    flipped = topics.signs @ values.T / values.shape[1]
    nulls = against_largest(means, flipped, topics.test)
    return [
        Statistic(defined(mean), null, topics.n, topics.interval(of_cell))
        for mean, null, of_cell in zip(means.tolist(), nulls, values, strict=True)
    ]


def beside_directions(values: np.ndarray, draws: np.ndarray, topics: Topics, test: Test) -> list[Statistic]:
    """The same against means of other directions' values [draw, cell], the largest of all cells; topics as they are."""
    nulls = against_largest(values.mean(1), draws, test)
    return [
        Statistic(defined(float(of_cell.mean())), null, topics.n, topics.interval(of_cell))
        for null, of_cell in zip(nulls, values, strict=True)
    ]


def against_largest(values: np.ndarray, draws: np.ndarray, test: Test) -> list[Null]:
    """Each cell's band [cell] under the null of its draws [draw, cell]; p, of the upper tail, is of the largest over cells.

    The largest is of distances from a cell's null mean in the null's standard deviations, so that cells count alike.
    """
    mean, spread = draws.mean(0), draws.std(0)
    varies = spread > 1e-9 * max(float(np.abs(values).max(initial=0.0)), 1e-12)
    z, z_draws = (
        np.divide(numbers - mean, spread, out=np.zeros_like(numbers), where=varies) for numbers in (values, np.asarray(draws))
    )
    largest = z_draws[:, varies].max(1) if varies.any() else np.zeros(len(draws))
    rows = []
    for cell, value in enumerate(values.tolist()):
        null = null_of(defined(value), draws[:, cell], Tail.UPPER, *test)
        if null.p_value is not None:
            corrected = null_of(float(z[cell]), largest, Tail.UPPER, *test).p_value if varies[cell] else 1.0
            null = null._replace(p_value=corrected)
        rows.append(null)
    return rows


def share(values: np.ndarray, total: np.ndarray, topics: Topics) -> Statistic:
    """Mean of values [topic] over the mean of the whole change [topic]; NULL where the interval of the whole holds 0."""
    whole = topics.interval(total)
    if whole.low is None or whole.high is None or whole.low <= 0 <= whole.high:
        return Statistic(None, NO_NULL, topics.n)
    value = float(values.mean() / total.mean())
    drawn = topics.drawn_means(values) / topics.drawn_means(total)
    return Statistic(value, NO_NULL, topics.n, widened(value, interval_of(drawn), topics.n))


class Agreement(NamedTuple):
    """How well guesses to first order meet what was seen: their correlation over cells, and the seen for each guessed unit."""

    r: float | None
    slope: float | None


def agreement(seen: np.ndarray, guessed: np.ndarray) -> Agreement:
    """Correlation and slope of seen on guessed values [cell]; None where cells are few or do not vary."""
    if len(seen) < FEWEST_CELLS or min(seen.std(), guessed.std()) <= 1e-12:
        return Agreement(None, None)
    covariance = float(((seen - seen.mean()) * (guessed - guessed.mean())).mean())
    return Agreement(covariance / float(seen.std() * guessed.std()), covariance / float(guessed.var()))
