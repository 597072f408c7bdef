"""Inner products of one layer's prompts: all that permutations, splits, folds and bootstraps need (METHODS, "Gram first")."""

from typing import NamedTuple

import numpy as np

from emotion_cli.measures.directions import ZERO_RELATIVE_NORM


class Gram(NamedTuple):
    """One layer's prompts.

    `inner` [prompt, prompt] are inner products of rows minus their mean: directions are differences of means, so the mean
    drops out, and with it the rounding that a dimension with a large constant would bring. `norms` [prompt] are lengths of
    the rows as they are. `projections` [prompt, draw] are the rows on random directions.
    """

    inner: np.ndarray
    norms: np.ndarray
    projections: np.ndarray

    def of(self, rows: np.ndarray) -> "Gram":
        """The same of some prompts."""
        return Gram(self.inner[np.ix_(rows, rows)], self.norms[rows], self.projections[rows])

    def zero_length(self, referred: np.ndarray) -> float:
        """The length below which a direction counts as zero, given which prompts [prompt] it is measured against."""
        return ZERO_RELATIVE_NORM * float(self.norms[referred].mean())


def gram(rows: np.ndarray, n_train: int | None = None, gaussian: np.ndarray | None = None) -> Gram:
    """The Gram of prepared rows [prompt, d_model], the first `n_train` of which make the mean; `gaussian` [d_model, draw]."""
    rows = np.asarray(rows, np.float64)
    centred = rows - rows[:n_train].mean(0)
    projections = centred @ gaussian if gaussian is not None else np.empty((len(rows), 0))
    return Gram(centred @ centred.T, np.linalg.norm(rows, axis=1), projections)
