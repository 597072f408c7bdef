"""A scale that a score is placed on: the scores of texts or tokens that are known, and the norms that make a token a sink.

An empirical quantile, not mean and standard deviation: a few tokens whose norm is tens of times larger would decide those.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

SINK = 5.0
"""A token is a sink where its norm is above this many times the median one: most of attention goes there, whatever it says."""

TO_DEVIATION = 1.4826
"""Median absolute deviation to standard deviation, for a normal distribution."""

BAND = (0.025, 0.975)
"""The quantiles between which 95 % of the known scores lie."""


@dataclass(frozen=True)
class Scale:
    """Known scores [score] along one direction; NaN is left out."""

    scores: np.ndarray

    @cached_property
    def known(self) -> np.ndarray:
        """The scores that are numbers, sorted."""
        return np.sort(self.scores[np.isfinite(self.scores)])

    @cached_property
    def median(self) -> float:
        """Their median."""
        return float(np.median(self.known))

    @cached_property
    def deviation(self) -> float:
        """Their median absolute deviation, in units of a standard deviation."""
        return TO_DEVIATION * float(np.median(np.abs(self.known - self.median)))

    def quantiles(self, scores: np.ndarray) -> np.ndarray:
        """Share of the known scores below each score, as (below + equal / 2 + 1/2) / (n + 1); NaN for NaN and without any.

        It is never 0 or 1: n known scores cannot tell more. A new score of the same distribution has a uniform quantile.
        """
        if not len(self.known):
            return np.full(np.shape(scores), np.nan)
        below, up_to = (np.searchsorted(self.known, scores, side) for side in ("left", "right"))
        return np.where(np.isfinite(scores), ((below + up_to) / 2 + 0.5) / (len(self.known) + 1), np.nan)

    def robust_z(self, scores: np.ndarray) -> np.ndarray:
        """Distance from the median in robust standard deviations; NaN without any, and where half of them are equal."""
        if not len(self.known) or not self.deviation > 0:
            return np.full(np.shape(scores), np.nan)
        return (np.asarray(scores) - self.median) / self.deviation


def is_sink(norms: np.ndarray, median: float) -> np.ndarray:
    """Which tokens are sinks, of their norms and the median norm of neutral training tokens."""
    return np.asarray(norms) > SINK * median
