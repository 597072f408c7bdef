"""What one model's direction says of another's beyond what a control says of it: differences of aligned cosines, one way."""

from collections.abc import Mapping, Sequence

import numpy as np

from emotion_cli.measures.between.alignment import COSINE, lengths_of, squares_of
from emotion_cli.measures.between.maps import ridge
from emotion_cli.measures.between.result import MAPPINGS, Each, Result
from emotion_cli.measures.between.space import FLAT, Space, Spectrum, spectrum_of, strength_of
from emotion_cli.measures.between.trials import Trials, ridge_fit, trials_of
from emotion_cli.measures.inference.relabelling import (
    N_SPLITS,
    Design,
    Thirds,
    as_labelled,
    groups_left_out,
    joined,
    thirds_of,
)
from emotion_cli.measures.inference.sampling import Sampling
from emotion_cli.measures.inference.statistic import FIXED, Null, Sampled

GAIN = "aligned_gain"

EXCEEDS_NOTHING = Null(0.0, None, None, None, None, FIXED)
"""Of a gain: the control meets the target as well as the model does; its interval tells."""


def carried_cosines(
    spaces: Sequence[tuple[Space, Space]], design: Design, sampling: Sampling, *, each: Each, splits: int = N_SPLITS
) -> list[np.ndarray]:
    """Aligned cosines [emotion, split, trial] of each pair of spaces, the first carried to the second by ridge.

    The first trial has all prompts, the others lack a group of topics each. Splits and trials are those of `aligned` with the
    same design and sampling, which gives both ways and more. NaN where a direction is not defined.
    """
    fit = ridge_fit(design.labels)
    relabelling = joined([as_labelled(design), groups_left_out(design, sampling)])
    cosines = [np.full((len(design.emotions), splits, len(relabelling.kept)), np.nan) for _ in spaces]
    for number, split in enumerate(thirds_of(design, sampling, splits)):
        trials = trials_of(design, split, relabelling, [fit])
        # a control with one layer is the source of many pairs
        distinct = {id(source): source for source, _ in spaces if not source.flat}
        sources = {number: _Source(source, split, design) for number, source in distinct.items()}

        def work(
            pair: int,
            number: int = number,
            split: Thirds = split,
            trials: Trials = trials,
            sources: Mapping[int, _Source] = sources,
        ) -> None:
            source, target = spaces[pair]
            if not source.flat and not target.flat:
                cosines[pair][:, number] = _carried(sources[id(source)], target, design, split, trials)

        each(work, range(len(spaces)))
    return cosines


class _Source:
    """The end that is carried, in one split: inner products of its rows, and the spectrum of those that fit the map."""

    def __init__(self, space: Space, split: Thirds, design: Design) -> None:
        fit, source, _ = (design.rows[blocks].ravel() for blocks in split)
        self.zero = space.zero
        self.fit, self.source = space.gram[np.ix_(fit, fit)], space.gram[np.ix_(source, source)]
        self.source_to_fit = space.gram[np.ix_(source, fit)]
        self.spectrum: Spectrum = spectrum_of(self.fit, len(design.labels))


def _carried(source: _Source, target: Space, design: Design, split: Thirds, trials: Trials) -> np.ndarray:
    fit_rows, _, target_rows = (design.rows[blocks].ravel() for blocks in split)
    fit, across, of_target = (
        target.gram[np.ix_(a, b)] for a, b in ((fit_rows, fit_rows), (fit_rows, target_rows), (target_rows, target_rows))
    )
    strength = strength_of(source.spectrum, fit, len(fit_rows) - len(design.labels))
    starts = squares_of(trials.source, source.source)
    lengths, _ = lengths_of(trials, of_target, target.zero)
    cosines = []
    for i, emotion in enumerate(design.emotions):
        rows = trials.fitted[emotion, tuple(design.labels)]
        alpha = ridge(source.fit, strength, trials.source[i] @ source.source_to_fit, rows)
        squares = squares_of(alpha, fit)
        # a map that carries nothing leaves rounding, whose direction means nothing
        squares = np.where((squares > FLAT * starts[i]) & (starts[i] > source.zero), squares, np.nan)
        cosines.append(((alpha @ across) * trials.targets[i]).sum(-1) / (np.sqrt(squares) * lengths[i]))
    return np.array(cosines)


def aligned_gains(
    of_models: Sequence[Result], of_controls: Sequence[Sequence[np.ndarray]], emotions: Sequence[str]
) -> list[Result]:
    """Aligned cosines of two models less those of the same target with a control in the place of the carried model.

    `of_controls` are `carried_cosines` of the first model's control, then of the second's, by the number of the pair of layers.
    All have the same design and sampling, so splits, and replicates without a group of topics, are paired.
    """
    gains = []
    for result in of_models:
        if result.measure == COSINE and result.fit == ridge_fit(()).name and result.mapping is not None:
            values = of_controls[MAPPINGS.index(result.mapping)][result.pair][emotions.index(result.emotion or "")]
            of_model, rival = result.sampled, values.mean(0)
            assert of_model.groups is not None
            assert of_model.splits is not None
            difference = Sampled(
                of_model.value - float(rival[0]), None, groups=of_model.groups - rival[1:], splits=of_model.splits - values[:, 0]
            )
            gains.append(result._replace(measure=GAIN, sampled=difference, k=None))
    return gains
