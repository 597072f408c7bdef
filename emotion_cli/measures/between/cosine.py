"""The raw cosine of one direction in two models of equal width, beside its chance value (METHODS section 4)."""

from typing import NamedTuple

import numpy as np

from emotion_cli.measures.inference.statistic import GAUSSIAN, Null


class RawCosine(NamedTuple):
    """Cosine of two directions in two models of equal width, beside what unrelated directions give by construction."""

    value: float | None
    null: Null


def raw_cosine(direction_a: np.ndarray, direction_b: np.ndarray) -> RawCosine:
    """Cosine [d_model] x [d_model] in float64; None for a zero direction. ValueError for unequal widths.

    Unrelated directions in d dimensions have cosine t with (t + 1) / 2 ~ Beta((d - 1) / 2, (d - 1) / 2): mean 0, standard
    deviation 1 / sqrt(d).
    """
    from scipy import stats  # here, because it takes half a second to import

    a, b = np.asarray(direction_a, np.float64), np.asarray(direction_b, np.float64)
    if a.shape != b.shape:
        raise ValueError(f"directions of width {len(a)} and {len(b)} have no cosine")
    d = len(a)
    chance = stats.beta((d - 1) / 2, (d - 1) / 2, loc=-1, scale=2)
    low, high = (float(bound) for bound in chance.ppf([0.025, 0.975]))
    lengths = np.linalg.norm(a) * np.linalg.norm(b)
    value = float(a @ b / lengths) if lengths > 0 else None
    p_value = float(min(1.0, 2 * chance.sf(abs(value)))) if value is not None else None
    return RawCosine(value, Null(0.0, low, high, p_value, None, GAUSSIAN))
