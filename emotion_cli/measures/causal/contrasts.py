"""One number for each test text to contrasts of labels, and to their intervals over resampled topics."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from emotion_cli.measures.inference.resampling import Names, n_of_scarcest, resampled, strata_of, units_of
from emotion_cli.measures.inference.sampling import Sampling
from emotion_cli.measures.inference.statistic import NO_INTERVAL, Interval, interval_of, widened
from emotion_cli.measures.labels import OTHERS


@dataclass(frozen=True)
class TestTexts:
    """Labels, topics and clusters [text] of a test set, its emotions, and the label that is neutral."""

    __test__ = False  # no test case

    labels: Sequence[str]
    topics: Names
    clusters: Names | None
    emotions: Sequence[str]
    neutral: str
    sampling: Sampling

    @cached_property
    def _codes(self) -> np.ndarray:
        return np.unique(np.asarray(self.labels), return_inverse=True)[1]

    @cached_property
    def _units(self) -> np.ndarray:
        return units_of(self.topics, self.clusters)

    @cached_property
    def _counts(self) -> np.ndarray:
        """How often each text is drawn [1 + draw, text]: once, then as topics are resampled."""
        rng = self.sampling.generator("test topics")
        counts = resampled(strata_of(self._codes, self._units, self.topics), self.sampling.draws, rng)
        return np.vstack([np.ones(len(self.labels)), counts[:, self._units]])

    def is_label(self, label: str) -> np.ndarray:
        """Which texts have a label [text]."""
        return np.asarray(self.labels) == label

    def weights(self, coefficients: dict[str, float]) -> np.ndarray:
        """Weights [text] of a sum of labels' means with these coefficients; NaN where a label has no text."""
        return self._weights(coefficients, self._counts[:1])[0]

    def coefficients(self, emotion: str, reference: str) -> dict[str, float]:
        """Coefficients of labels' means in an emotion against its reference: a label, or the mean of the other emotions."""
        if reference != OTHERS:
            return {emotion: 1.0, reference: -1.0}
        others = [label for label in self.emotions if label != emotion]
        return {emotion: 1.0, **{label: -1.0 / len(others) for label in others}}

    def interval(self, values: np.ndarray, coefficients: dict[str, float]) -> Interval:
        """The 95 % interval of a sum of labels' means of values [text], over resampled topics."""
        used = np.isin(np.asarray(self.labels), list(coefficients))
        if not np.isfinite(values[used]).all() or not used.any():
            return NO_INTERVAL
        drawn = self._weights(coefficients, self._counts)[:, used] @ values[used]
        return widened(float(drawn[0]), interval_of(drawn[1:]), self.n(coefficients))

    def n(self, coefficients: dict[str, float]) -> int:
        """How many topics (or texts without one) the scarcest of the labels has; 0 where one has none."""
        used = np.isin(np.asarray(self.labels), list(coefficients))
        if {label for label, is_used in zip(self.labels, used, strict=True) if is_used} != {*coefficients}:
            return 0
        codes = np.unique(self._codes[used], return_inverse=True)[1]
        return n_of_scarcest(codes, self._units[used])

    def _weights(self, coefficients: dict[str, float], counts: np.ndarray) -> np.ndarray:
        weights = np.zeros_like(counts, dtype=float)
        for label, coefficient in coefficients.items():
            of_label = counts * self.is_label(label)
            total = of_label.sum(1, keepdims=True)
            weights += coefficient * np.divide(of_label, total, out=np.full_like(weights, np.nan), where=total > 0)
        return weights
