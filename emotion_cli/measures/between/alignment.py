"""Does a direction of one model, carried by a map that never saw the emotion, meet the other model's direction?

No topic serves twice: the map is fitted on one third of the topics, the source's direction comes from the second, the target's
from the last. Nothing that is fitted is reported on what it was fitted on.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np

from emotion_cli.measures.between.maps import ridge, rotations
from emotion_cli.measures.between.result import MAPPINGS, Each, Result
from emotion_cli.measures.between.space import FLAT, Space, coordinates_of, spectrum_of, strength_of
from emotion_cli.measures.between.trials import Batch, Fit, Trials, batches_of, fits_of, trials_of
from emotion_cli.measures.inference.relabelling import Design, Thirds, thirds_of
from emotion_cli.measures.inference.sampling import Sampling
from emotion_cli.measures.inference.statistic import PAIRED, Tail
from emotion_cli.measures.measure import Measure

UNPAIRED = "transfer_auroc, unpaired"
"""Transfer AUROC when the target model's topics are permuted, whole blocks at a time."""

COMPONENTS = 20
"""Most principal components that Procrustes rotates."""


_WAYS = ((MAPPINGS[0], 0, 1), (MAPPINGS[1], 1, 0))
"""Which model's direction is carried, and to which model."""


class Key(NamedTuple):
    """The subject of a row of values; whether it was measured on all draws."""

    emotion: str
    measure: str
    mapping: str | None
    fit: str | None
    k: int | None
    all_draws: bool


Values = tuple[Key, int, np.ndarray]
"""A key, the number of the first trial, and values [trial]."""


class Carried:
    """Directions [trial] that reached the target model: products `scores` [trial, row] with its rows, squared lengths [trial].

    `lengths` [emotion, trial] are those of the target's directions. NaN where a direction is zero.
    """

    def __init__(self, scores: np.ndarray, squares: np.ndarray, lengths: np.ndarray, batch: Batch) -> None:
        self._scores, self._squares, self._lengths, self._batch = scores, squares, lengths, batch

    @cached_property
    def cosines(self) -> np.ndarray:
        """Cosines [emotion, trial] with every emotion's direction."""
        return np.einsum("tr,etr->et", self._scores, self._batch.targets) / (self._lengths * np.sqrt(self._squares))

    def cosine(self) -> np.ndarray:
        """Cosine [trial] with the emotion's direction in the target."""
        return self.cosines[self._batch.number]

    def specificity(self) -> np.ndarray | None:
        """That less the largest cosine with another emotion [trial]; None for one emotion."""
        other_cosines = np.delete(self.cosines, self._batch.number, 0)
        return self.cosine() - other_cosines.max(0) if len(other_cosines) else None

    def auroc(self) -> np.ndarray:
        """AUROC [trial] of the target's prompts of the emotion against those of its reference."""
        batch = self._batch
        values = auroc_of(self._scores, batch.emotion_rows, batch.reference_rows, batch.kept)
        return np.where(np.isfinite(self._squares), values, 0.5)


MEASURES = (
    Measure("aligned_cosine", Tail.UPPER, Carried.cosine),
    Measure("aligned_specificity", Tail.UPPER, Carried.specificity),
    Measure("transfer_auroc", Tail.UPPER, Carried.auroc),
)
"""The measures of carried directions, or None where too few emotions define one."""


def aligned(
    spaces: Sequence[tuple[Space, Space]], design: Design, sampling: Sampling, *, neutral: str, each: Each
) -> list[Result]:
    """Every measure of each emotion for each pair of layers, both directions, all fits.

    `spaces` are the pairs of layers, over the prompts that the design indexes. `each` calls a function for each of some pairs;
    it may use threads, and say how far it is.
    """
    fits = fits_of(design.labels, neutral)
    pairing = np.tile(np.arange(len(design.rows)), (sampling.fewer().draws, 1))
    paired = sampling.generator("pairing").permuted(pairing, axis=1)

    def measured(pair: int, split: Thirds, batches: Sequence[Batch]) -> Iterator[Values]:
        return _carried_both_ways(*spaces[pair], design, split, batches, fits, paired)

    return _means_over_splits(len(spaces), design, fits, measured, sampling, each)


def ceilings(spaces: Sequence[Space], design: Design, sampling: Sampling, *, each: Each) -> list[Result]:
    """The aligned measures between two thirds of ONE model, without a map: an upper bound for any map."""

    def measured(layer: int, split: Thirds, batches: Sequence[Batch]) -> Iterator[Values]:
        space = spaces[layer]
        if space.flat:
            return
        source, target = design.rows[split.source].ravel(), design.rows[split.target].ravel()
        across, of_source, of_target = (
            space.gram[np.ix_(a, b)] for a, b in ((source, target), (source, source), (target, target))
        )
        for batch in batches:
            squares = squares_of(batch.source, of_source)
            squares = np.where(squares > space.zero, squares, np.nan)
            carried = Carried(batch.source @ across, squares, lengths_of(batch, of_target, space.zero), batch)
            for measure in MEASURES:
                if (values := measure.run(carried)) is not None:
                    yield Key(batch.emotion, f"{measure.name}_ceiling", None, None, None, True), batch.first, values

    return _means_over_splits(len(spaces), design, (), measured, sampling, each)


def _means_over_splits(
    n_pairs: int,
    design: Design,
    fits: Sequence[Fit],
    measured: Callable[[int, Thirds, Sequence[Batch]], Iterable[Values]],
    sampling: Sampling,
    each: Each,
) -> list[Result]:
    """Mean over the splits of what is measured on each pair in each split."""
    trials = {emotion: trials_of(design, emotion, sampling) for emotion in design.emotions}
    splits = thirds_of(design, sampling)
    sums: list[dict[Key, np.ndarray]] = [{} for _ in range(n_pairs)]
    for split in splits:
        batches = [batch for emotion in design.emotions for batch in batches_of(design, split, emotion, trials[emotion], fits)]

        def work(pair: int, split: Thirds = split, batches: Sequence[Batch] = batches) -> None:
            for key, first, values in measured(pair, split, batches):
                if key not in sums[pair]:
                    of_emotion = trials[key.emotion]
                    n = len(of_emotion.relabelling) if key.all_draws else of_emotion.shared
                    sums[pair][key] = np.zeros(len(values) if key.measure == UNPAIRED else n)
                sums[pair][key][first : first + len(values)] += values / len(splits)

        each(work, range(n_pairs))
    return [result for pair, means in enumerate(sums) for result in _results(pair, means, trials)]


def _results(pair: int, means: Mapping[Key, np.ndarray], trials: Mapping[str, Trials]) -> Iterator[Result]:
    """Values [trial] by key as results.

    Transfer AUROC has the null that the map carries nothing: labels stay, and topics are paired at random. Where labels lie
    apart any direction separates them, well or badly, and exchanged labels would not know that.
    """
    for key, values in means.items():
        if key.measure == UNPAIRED:
            continue
        sampled = trials[key.emotion].sampled(values, specific=key.measure.startswith("aligned_specificity"))
        unpaired = means.get(key._replace(measure=UNPAIRED)) if key.measure == "transfer_auroc" else None
        if unpaired is not None:
            sampled = sampled._replace(draws=unpaired, kind=PAIRED)
        yield Result(pair, key.measure, sampled, key.emotion, key.mapping, key.fit, key.k)


def _carried_both_ways(
    a: Space, b: Space, design: Design, split: Thirds, batches: Sequence[Batch], fits: Sequence[Fit], paired: np.ndarray
) -> Iterator[Values]:
    """Every measure in one split, both directions, all fits; `paired` [draw, block] pairs blocks at random."""
    if a.flat or b.flat:
        return
    ends = [_End(space, counterpart, split, design, fits) for space, counterpart in ((a, b), (b, a))]
    unpaired = [design.rows[paired[:, blocks]].reshape(len(paired), -1) for blocks in (split.fit, split.target)]
    for batch in batches:
        lengths = [lengths_of(batch, end.target, end.zero) for end in ends]
        towards = [batch.source @ end.source_to_fit for end in ends]
        for fit in fits:
            if batch.all_draws and not fit.all_draws:
                continue
            maps = _rotated(ends, fit, batch) if fit.rotates else _regressed(ends, fit, batch, towards)
            for (mapping, i, j), (scores, squares, k, alpha) in zip(_WAYS, maps, strict=False):
                source, target = ends[i], ends[j]
                lengths_here = squares_of(batch.source, source.source)
                # a map that carries nothing leaves rounding, whose direction means nothing
                is_defined = (squares > FLAT * lengths_here) & (lengths_here > source.zero)
                carried = Carried(scores, np.where(is_defined, squares, np.nan), lengths[j], batch)
                key = Key(batch.emotion, "", mapping, fit.name, k, fit.all_draws)
                for measure in MEASURES:
                    # a null for it under Procrustes would need new components for every pairing
                    if fit.rotates and measure.name == "transfer_auroc":
                        continue
                    if (values := measure.run(carried)) is not None:
                        yield key._replace(measure=measure.name), batch.first, values
                if alpha is not None and batch.first == 0:
                    spread = np.zeros((len(paired), len(target.gram)))
                    np.put_along_axis(spread, unpaired[0], alpha[:1], 1)
                    by_chance = np.take_along_axis(spread @ target.gram, unpaired[1], 1)
                    values = auroc_of(by_chance, batch.emotion_rows[:1], batch.reference_rows[:1], batch.kept[:1])
                    yield key._replace(measure=UNPAIRED), 0, values


class _Map(NamedTuple):
    """Directions carried one way: products [trial, row] with the target's rows, squares [trial], components, coefficients."""

    scores: np.ndarray
    squares: np.ndarray
    k: int | None = None
    alpha: np.ndarray | None = None


def _rotated(ends: Sequence["_End"], fit: Fit, batch: Batch) -> Iterator[_Map]:
    """Directions carried by Procrustes, from a to b and back; none where a model has no component."""
    coordinates = [end.learnt[fit.labels].coordinates for end in ends]
    k = min(points.shape[1] for points in coordinates)
    if k == 0:
        return
    points = [columns[:, :k] for columns in coordinates]
    fit_rows, source_rows, target_rows = ends[0].rows
    turns = rotations(points[0][fit_rows], points[1][fit_rows], batch.rows[fit.labels])
    for (_, i, j), turn in zip(_WAYS, (turns, turns.transpose(0, 2, 1)), strict=True):
        start = batch.source @ points[i][source_rows]
        carried = (start[:, None] @ turn)[:, 0]
        yield _Map(carried @ points[j][target_rows].T, (carried**2).sum(1), k)


def _regressed(ends: Sequence["_End"], fit: Fit, batch: Batch, towards: Sequence[np.ndarray]) -> Iterator[_Map]:
    """Directions carried by ridge regression, from a to b and back, given their products `towards` [trial, row] with F."""
    for _, i, j in _WAYS:
        learnt = ends[i].learnt[fit.labels]
        alpha = ridge(ends[i].fit, learnt.inverse, learnt.strength, towards[i], batch.rows[fit.labels])
        yield _Map(alpha @ ends[j].fit_to_target, squares_of(alpha, ends[j].fit), alpha=alpha)


def auroc_of(scores: np.ndarray, positive: np.ndarray, negative: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """AUROC [trial] of scores [trial, row]: rows `positive` [trial, block] against `negative` [trial, many], of blocks kept."""
    gap = np.where(kept, 0.0, np.nan)
    above = np.take_along_axis(scores, positive, 1) + gap
    below = np.take_along_axis(scores, negative, 1) + np.repeat(gap, negative.shape[1] // kept.shape[1], 1)
    # NaN is neither above nor below: a block left out counts for nothing
    won = (above[:, :, None] > below[:, None]).sum((1, 2)) + (above[:, :, None] >= below[:, None]).sum((1, 2))
    pairs = np.isfinite(above).sum(1) * np.isfinite(below).sum(1)
    return won / (2 * np.maximum(pairs, 1))


def lengths_of(batch: Batch, gram: np.ndarray, zero: float) -> np.ndarray:
    """Lengths [emotion, trial] of the target's directions; NaN for zero directions."""
    squares = np.stack([squares_of(weights, gram) for weights in batch.targets])
    return np.sqrt(np.where(squares > zero, squares, np.nan))


def squares_of(weights: np.ndarray, gram: np.ndarray) -> np.ndarray:
    """Squared lengths [trial] of weighted sums of rows."""
    return ((weights @ gram) * weights).sum(1)


class _Learnt(NamedTuple):
    """The inputs of one kind of map from one model, for all emotions; coordinates [prompt, k] are of all prompts."""

    strength: float
    inverse: np.ndarray
    coordinates: np.ndarray


class _End:
    """One model's end of the maps of one split: inner products of rows (block x label) of the thirds, and the fitted parts."""

    def __init__(self, space: Space, counterpart: Space, split: Thirds, design: Design, fits: Sequence[Fit]) -> None:
        self.rows = fit, source, target = tuple(design.rows[blocks].ravel() for blocks in split)
        self.gram = gram = space.gram
        self.zero = space.zero
        self.fit, self.source, self.target = (gram[np.ix_(rows, rows)] for rows in (fit, source, target))
        self.source_to_fit, self.fit_to_target = gram[np.ix_(source, fit)], gram[np.ix_(fit, target)]
        self.learnt: dict[tuple[str, ...], _Learnt] = {}
        table = fit.reshape(-1, len(design.labels))
        for labels in dict.fromkeys(fit.labels for fit in fits):
            rows = table[:, [design.column(label) for label in labels]].ravel()
            spectrum = spectrum_of(gram[np.ix_(rows, rows)], len(labels))
            free = len(rows) - len(labels)
            strength = strength_of(spectrum, counterpart.gram[np.ix_(rows, rows)], free)
            k = min(COMPONENTS, free // 2, len(spectrum.values))
            self.learnt[labels] = _Learnt(
                strength,
                np.linalg.inv(self.fit + strength * np.eye(len(fit))),
                coordinates_of(gram[:, rows], spectrum, len(labels), k),
            )
