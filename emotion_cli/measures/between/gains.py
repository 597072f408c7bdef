"""What one model's direction says of another's beyond what words say of it: differences of aligned cosines."""

from collections.abc import Sequence

import numpy as np

from emotion_cli.measures.between.alignment import COSINE
from emotion_cli.measures.between.result import MAPPINGS, Result
from emotion_cli.measures.inference.statistic import FIXED, Null, Sampled

GAIN = "aligned_gain"

EXCEEDS_NOTHING = Null(0.0, None, None, None, None, FIXED)
"""Of a gain: the control meets the target as well as the model does; its interval tells."""


def aligned_gains(of_models: Sequence[Result], of_controls: Sequence[Sequence[Result]]) -> list[Result]:
    """Aligned cosines of two models less those of the same target with a control in the place of the carried model.

    `of_controls` holds the results with a control for the first model, then for the second; pairs of layers have the numbers that
    they have `of_models`. Replicates without a group of topics, and splits, are paired: all have the same design and sampling.
    """
    carried = {
        (result.pair, result.emotion, result.mapping, result.fit): result.sampled
        for mapping, results in zip(MAPPINGS, of_controls, strict=True)
        for result in results
        if result.measure == COSINE and result.mapping == mapping
    }
    gains = []
    for result in of_models:
        rival = carried.get((result.pair, result.emotion, result.mapping, result.fit))
        if result.measure == COSINE and rival is not None:
            gains.append(result._replace(measure=GAIN, sampled=_difference(result.sampled, rival), k=None))
    return gains


def _difference(a: Sampled, b: Sampled) -> Sampled:
    return Sampled(a.value - b.value, None, groups=_less(a.groups, b.groups), splits=_less(a.splits, b.splits))


def _less(a: np.ndarray | None, b: np.ndarray | None) -> np.ndarray | None:
    return None if a is None or b is None else a - b
