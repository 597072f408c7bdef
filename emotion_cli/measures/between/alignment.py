"""Does a direction of one model, carried by a map that never saw the emotion, meet the other model's direction?

No topic serves twice: the map is fitted on one third of the topics, the source's direction comes from the second, the target's
from the last. Nothing that is fitted is reported on what it was fitted on.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from emotion_cli.measures.between.flips import axes_of, parts_of, signs_of
from emotion_cli.measures.between.maps import Rows, ridge, rotations
from emotion_cli.measures.between.result import MAPPINGS, Each, Result
from emotion_cli.measures.between.space import FLAT, Space, basis_of, spectrum_of, strength_of
from emotion_cli.measures.between.trials import Fit, Trials, fits_of, ridge_fit, trials_of
from emotion_cli.measures.inference.relabelling import (
    N_SPLITS,
    Design,
    Relabelling,
    Thirds,
    as_labelled,
    exchanged,
    groups_left_out,
    joined,
    thirds_of,
)
from emotion_cli.measures.inference.sampling import Sampling
from emotion_cli.measures.inference.statistic import PAIRED, SIGN_FLIPS, Sampled

COMPONENTS = 20
"""Most principal components that Procrustes rotates."""

COSINE, OTHERS_COSINE, SPECIFICITY = "aligned_cosine", "aligned_cosine_others", "aligned_specificity"
TRANSFER, CELL = "transfer_auroc", "carried_cosine"
"""Names of measures. `CELL` is one cell of the matrix of carried emotions and target emotions."""

UNPAIRED_SPLITS = 15
"""Splits in which topics are paired at random: fewer than the value rests on, so that null is a little wide."""

FLIPPED = (COSINE, OTHERS_COSINE, SPECIFICITY)
"""The measures that random signs test, in the order of their parts."""

_WAYS = ((MAPPINGS[0], 0, 1), (MAPPINGS[1], 1, 0))
"""Which model's direction is carried, and to which model."""


def specificities(cosines: np.ndarray) -> np.ndarray:
    """How much more each emotion meets itself than all emotions meet each other: [emotion, ...] of [emotion, target, ...].

    The cosine with itself, less the mean with other targets, less the mean of other emotions with its target, plus the mean of
    other emotions with other targets (each with itself, too). A contrast that all emotions share drops out. NaN below three
    emotions.
    """
    n = len(cosines)
    if n < 3:
        return np.full((n, *cosines.shape[2:]), np.nan)
    own = cosines[np.arange(n), np.arange(n)]
    to_others = (cosines.sum(1) - own) / (n - 1)
    from_others = (cosines.sum(0) - own) / (n - 1)
    elsewhere = (cosines.sum((0, 1)) - cosines.sum(1) - cosines.sum(0) + own) / (n - 1) ** 2
    return own - to_others - from_others + elsewhere


class Carried(NamedTuple):
    """Every emotion's direction of one split after it was carried, in every trial.

    `cosines` [emotion, target emotion, trial], `others` [emotion, trial] with the target's direction against the other emotions,
    `aurocs` [emotion, trial] of the target's prompts, `unpaired` [emotion, draw] the same of topics paired at random, `parts`
    [measure of FLIPPED, emotion, coordinate] of the first trial; None where not asked for.
    """

    cosines: np.ndarray
    others: np.ndarray
    aurocs: np.ndarray | None = None
    unpaired: np.ndarray | None = None
    parts: np.ndarray | None = None
    k: int | None = None


Way = tuple[str | None, str | None]
"""A mapping, and the name of a fit."""


class _Sums:
    """Sums over splits of what was carried one way, and each split's values of the first trial."""

    def __init__(self, first: Carried) -> None:
        self._totals = [np.zeros_like(values) if isinstance(values, np.ndarray) else None for values in first[:-1]]
        self._counts = [0] * len(self._totals)
        self._firsts: list[list[np.ndarray]] = [[], [], []]
        self._ks: set[int | None] = set()

    def add(self, carried: Carried) -> None:
        """Count one more split."""
        for i, (total, values) in enumerate(zip(self._totals, carried[:-1], strict=True)):
            if total is not None and values is not None:
                total += values
                self._counts[i] += 1
        for firsts, values in zip(self._firsts, carried[:3], strict=True):
            if values is not None:
                firsts.append(values[..., 0])
        self._ks.add(carried.k)

    @property
    def k(self) -> int | None:
        """The fewest components of any split."""
        return min((k for k in self._ks if k is not None), default=None)

    def means(self) -> Carried:
        """Means over the splits."""
        cosines, others, *more = (
            None if total is None else total / n for total, n in zip(self._totals, self._counts, strict=True)
        )
        assert cosines is not None and others is not None
        return Carried(cosines, others, *more, k=self.k)

    def of_splits(self) -> dict[str, np.ndarray]:
        """Values [..., split] of the first trial by measure."""
        cosines, others, *aurocs = (np.stack(firsts, -1) for firsts in self._firsts if firsts)
        own = np.arange(len(cosines))
        by_measure = {CELL: cosines, COSINE: cosines[own, own], SPECIFICITY: specificities(cosines), OTHERS_COSINE: others}
        return by_measure | ({TRANSFER: aurocs[0]} if aurocs else {})


def aligned(
    spaces: Sequence[tuple[Space, Space]],
    design: Design,
    sampling: Sampling,
    *,
    neutral: str,
    each: Each,
    splits: int = N_SPLITS,
) -> list[Result]:
    """Every measure of each emotion for each pair of layers, both mappings, all fits.

    `spaces` are the pairs of layers, over the prompts that the design indexes. `each` calls a function for each of some pairs;
    it may use threads, and say how far it is.
    """
    fits = fits_of(design.labels, neutral)
    pairing = np.tile(np.arange(len(design.rows)), (sampling.fewer().draws, 1))
    paired = sampling.generator("pairing").permuted(pairing, axis=1)
    axes: list[tuple[np.ndarray, ...]] = [()] * len(spaces)

    def place(pair: int) -> None:
        axes[pair] = tuple(axes_of(space, design) for space in spaces[pair])

    each(place, range(len(spaces)))
    relabelling = joined([as_labelled(design), groups_left_out(design, sampling)])

    def measured(pair: int, number: int, split: Thirds, trials: Trials) -> Iterator[tuple[Way, Carried]]:
        pairings = paired[: len(paired) if number < UNPAIRED_SPLITS else 0]
        return _carried_both_ways(spaces[pair], axes[pair], design, split, trials, fits, pairings)

    sums = _over_splits(len(spaces), design, relabelling, fits, measured, sampling, each, splits)
    signs = signs_of(design, sampling)
    return [
        result
        for pair, ways in enumerate(sums)
        for way, of_way in ways.items()
        for result in _results(pair, way, of_way, design, signs)
    ]


def aligned_cosines(
    spaces: Sequence[tuple[Space, Space]], design: Design, sampling: Sampling, *, each: Each, splits: int = N_SPLITS
) -> list[Result]:
    """The aligned cosines alone, by ridge: values, jackknife replicates (`sampled.groups`) and values of splits, without a null.

    Replicates of one design and one sampling leave out the same topics, so differences between pairs of models have paired
    intervals.
    """
    fits = [ridge_fit(design.labels)]
    relabelling = joined([as_labelled(design), groups_left_out(design, sampling)])

    def measured(pair: int, _number: int, split: Thirds, trials: Trials) -> Iterator[tuple[Way, Carried]]:
        return _carried_both_ways(spaces[pair], (), design, split, trials, fits, None)

    sums = _over_splits(len(spaces), design, relabelling, fits, measured, sampling, each, splits)
    results = []
    for pair, ways in enumerate(sums):
        for (mapping, fit), of_way in ways.items():
            means, of_splits = of_way.means(), of_way.of_splits()[COSINE]
            for i, emotion in enumerate(design.emotions):
                values = means.cosines[i, i]
                sampled = Sampled(float(values[0]), None, groups=values[1:], splits=of_splits[i])
                results.append(Result(pair, COSINE, sampled, emotion, mapping, fit))
    return results


def ceilings(spaces: Sequence[Space], design: Design, sampling: Sampling, *, each: Each, splits: int = N_SPLITS) -> list[Result]:
    """The aligned measures between two thirds of ONE model, without a map: an upper bound for any map.

    Their null exchanges all labels within blocks: it says whether the model has these directions at all.
    """
    groups = groups_left_out(design, sampling)
    null = exchanged(design, design.labels, sampling.fewer())
    relabelling, first = joined([as_labelled(design), groups, null]), 1 + len(groups)

    def measured(layer: int, _number: int, split: Thirds, trials: Trials) -> Iterator[tuple[Way, Carried]]:
        space = spaces[layer]
        if space.flat:
            return
        source, target = design.rows[split.source].ravel(), design.rows[split.target].ravel()
        across, of_source, of_target = (
            space.gram[np.ix_(a, b)] for a, b in ((source, target), (source, source), (target, target))
        )
        squares = squares_of(trials.source, of_source)
        squares = np.where(squares > space.zero, squares, np.nan)
        scores = trials.source @ across
        yield (None, None), _met(scores, squares, trials, lengths_of(trials, of_target, space.zero), with_aurocs=True)

    results = []
    for layer, ways in enumerate(_over_splits(len(spaces), design, relabelling, (), measured, sampling, each, splits)):
        for of_way in ways.values():
            means, of_splits = of_way.means(), of_way.of_splits()
            for measure, values in _by_measure(means).items():
                for i, emotion in enumerate(design.emotions):
                    sampled = Sampled(
                        float(values[i, 0]), values[i, first:], groups=values[i, 1:first], splits=of_splits[measure][i]
                    )
                    results.append(Result(layer, f"{measure}_ceiling", sampled, emotion))
    return results


def _over_splits(
    n_pairs: int,
    design: Design,
    relabelling: Relabelling,
    fits: Sequence[Fit],
    measured: Callable[[int, int, Thirds, Trials], Iterable[tuple[Way, Carried]]],
    sampling: Sampling,
    each: Each,
    splits: int,
) -> list[dict[Way, _Sums]]:
    """Sums over the splits of what is measured on each pair in each split (by number), by way."""
    sums: list[dict[Way, _Sums]] = [{} for _ in range(n_pairs)]
    for number, split in enumerate(thirds_of(design, sampling, splits)):
        trials = trials_of(design, split, relabelling, fits)

        def work(pair: int, number: int = number, split: Thirds = split, trials: Trials = trials) -> None:
            for way, carried in measured(pair, number, split, trials):
                sums[pair].setdefault(way, _Sums(carried)).add(carried)

        each(work, range(n_pairs))
    return sums


def _by_measure(means: Carried) -> Mapping[str, np.ndarray]:
    """Values [emotion, trial] by measure."""
    own = np.arange(len(means.cosines))
    values = {
        COSINE: means.cosines[own, own],
        OTHERS_COSINE: means.others,
        SPECIFICITY: specificities(means.cosines),
    }
    return values if means.aurocs is None else values | {TRANSFER: means.aurocs}


def _results(pair: int, way: Way, sums: _Sums, design: Design, signs: np.ndarray) -> Iterator[Result]:
    """Results of one way between two layers, for all emotions.

    Transfer AUROC has the null that the map carries nothing: labels stay, and topics are paired at random. Where labels lie
    apart any direction separates them, well or badly, and exchanged labels would not know that.
    """
    means, of_splits = sums.means(), sums.of_splits()
    by_measure = _by_measure(means)
    for i, emotion in enumerate(design.emotions):
        key = Result(pair, "", Sampled(np.nan, None), emotion, *way, means.k)
        for measure, values in by_measure.items():
            sampled = Sampled(float(values[i, 0]), None, groups=values[i, 1:], splits=of_splits[measure][i])
            if measure == TRANSFER:
                assert means.unpaired is not None
                sampled = sampled._replace(draws=means.unpaired[i], kind=PAIRED)
            else:
                assert means.parts is not None
                parts = means.parts[FLIPPED.index(measure), i]
                sampled = sampled._replace(draws=signs[:, : len(parts)] @ parts, parts=parts, kind=SIGN_FLIPS)
            yield key._replace(measure=measure, sampled=sampled)
        for j, target in enumerate(design.emotions):
            values = means.cosines[i, j]
            cell = Sampled(float(values[0]), None, groups=values[1:], splits=of_splits[CELL][i, j])
            yield key._replace(measure=CELL, sampled=cell, target_emotion=target)


def _carried_both_ways(
    spaces: tuple[Space, Space],
    axes: Sequence[np.ndarray],
    design: Design,
    split: Thirds,
    trials: Trials,
    fits: Sequence[Fit],
    paired: np.ndarray | None,
) -> Iterator[tuple[Way, Carried]]:
    """Everything in one split, both mappings, all fits.

    `axes` are the models' coordinates of prompts, for the parts of cosines, which are not made without them. `paired` [draw,
    block] pairs blocks at random, for transfer AUROC, which is not made where that is None.
    """
    if any(space.flat for space in spaces):
        return
    ends = [_End(space, counterpart, split, design, fits) for space, counterpart in (spaces, spaces[::-1])]
    lengths = [lengths_of(trials, end.target, end.zero) for end in ends]
    starts = [squares_of(trials.source, end.source) for end in ends]
    for fit in fits:
        maps = [_maps(ends, fit, trials, i) for i in range(len(design.emotions))]
        for way, (mapping, i, j) in enumerate(_WAYS):
            alpha, squares = (np.array(values) for values in zip(*(by_way[way][:2] for by_way in maps), strict=True))
            # a map that carries nothing leaves rounding, whose direction means nothing
            is_defined = (squares > FLAT * starts[i]) & (starts[i] > ends[i].zero)
            squares = np.where(is_defined, squares, np.nan)
            with_aurocs = paired is not None and fit.decides
            carried = _met(alpha @ ends[j].fit_to_target, squares, trials, lengths[j], with_aurocs=with_aurocs)
            if with_aurocs and paired is not None and len(paired):
                carried = carried._replace(unpaired=_unpaired(ends[j], design, split, trials, alpha[:, 0], paired))
            if axes:
                parts = _parts(axes[j], ends[j], trials, alpha[:, 0], np.sqrt(squares[:, 0]), lengths[j], carried, design)
                carried = carried._replace(parts=parts)
            yield (mapping, fit.name), carried._replace(k=maps[0][way].k)


def _met(
    scores: np.ndarray, squares: np.ndarray, trials: Trials, lengths: tuple[np.ndarray, np.ndarray], *, with_aurocs: bool
) -> Carried:
    """What carried directions meet: `scores` [emotion, trial, row] are products with the target's rows.

    `squares` [emotion, trial] are their squared lengths, `lengths` [emotion, trial] those of the target's directions, and of its
    directions against the other emotions. NaN where a direction is zero.
    """
    against_reference, against_others = lengths
    reached = np.sqrt(squares)
    cosines = np.einsum("etr,ftr->eft", scores, trials.targets, optimize=True)
    cosines /= reached[:, None] * against_reference
    others = np.einsum("etr,etr->et", scores, trials.others) / (reached * against_others)
    aurocs = None
    if with_aurocs:
        places = zip(scores, trials.emotion_rows, trials.reference_rows, strict=True)
        aurocs = np.array([auroc_of(own, emotion, reference, trials.kept) for own, emotion, reference in places])
        # a direction that is not defined separates nothing
        aurocs = np.where(np.isfinite(squares), aurocs, 0.5)
    return Carried(cosines, others, aurocs)


def _unpaired(end: "_End", design: Design, split: Thirds, trials: Trials, alpha: np.ndarray, paired: np.ndarray) -> np.ndarray:
    """Transfer AUROC [emotion, draw] with the target's topics paired at random, whole blocks at a time."""
    fit, target = (design.rows[paired[:, blocks]].reshape(len(paired), -1) for blocks in (split.fit, split.target))
    values = []
    for i, own in enumerate(alpha):
        spread = np.zeros((len(paired), len(end.gram)))
        np.put_along_axis(spread, fit, own[None], 1)
        by_chance = np.take_along_axis(spread @ end.gram, target, 1)
        values.append(auroc_of(by_chance, trials.emotion_rows[i, :1], trials.reference_rows[i, :1], trials.kept[:1]))
    return np.array(values)


def _parts(
    axes: np.ndarray,
    end: "_End",
    trials: Trials,
    alpha: np.ndarray,
    reached: np.ndarray,
    lengths: tuple[np.ndarray, np.ndarray],
    carried: Carried,
    design: Design,
) -> np.ndarray:
    """What each coordinate adds to the measures of FLIPPED [measure, emotion, coordinate], labels as they are."""
    n = 1 + design.rows.size
    fit_rows, _, target_rows = end.rows
    start = alpha @ axes[fit_rows]
    towards, towards_others = trials.targets[:, 0] @ axes[target_rows], trials.others[:, 0] @ axes[target_rows]
    against_reference, against_others = (length[:, 0] for length in lengths)
    scale = reached[:, None] * against_reference
    cells = parts_of(start[:, None], towards, carried.cosines[..., 0], scale, n)
    others = parts_of(start, towards_others, carried.others[:, 0], reached * against_others, n)
    own = np.arange(len(cells))
    return np.stack([cells[own, own], others, specificities(cells)])


class _Map(NamedTuple):
    """Directions of one emotion carried one way: weights [trial, row] of the target's rows of F, squares [trial], components."""

    alpha: np.ndarray
    squares: np.ndarray
    k: int | None = None


def _maps(ends: Sequence["_End"], fit: Fit, trials: Trials, emotion: int) -> list[_Map]:
    """Directions of one emotion, by number, carried from a to b and back."""
    rows = trials.fitted[ends[0].emotions[emotion], fit.labels]
    return (_rotated if fit.rotates else _regressed)(ends, fit, trials.source[emotion], rows)


def _rotated(ends: Sequence["_End"], fit: Fit, source: np.ndarray, rows: Rows) -> list[_Map]:
    """Directions carried by Procrustes, given their weights `source` [trial, row]; NaN where a model has no component."""
    learnt = [end.learnt[fit.labels] for end in ends]
    k = min(part.basis.shape[1] for part in learnt)
    if k == 0:
        return [_Map(np.full((len(source), len(end.fit)), np.nan), np.full(len(source), np.nan), 0) for end in ends]
    points = [end.fit @ part.basis[:, :k] for end, part in zip(ends, learnt, strict=True)]
    turns = rotations(points[0], points[1], rows)
    maps = []
    for (_, i, j), turn in zip(_WAYS, (turns, turns.transpose(0, 2, 1)), strict=True):
        start = source @ (ends[i].source_to_fit @ learnt[i].basis[:, :k])
        carried = (start[:, None] @ turn)[:, 0]
        maps.append(_Map(carried @ learnt[j].basis[:, :k].T, (carried**2).sum(1), k))
    return maps


def _regressed(ends: Sequence["_End"], fit: Fit, source: np.ndarray, rows: Rows) -> list[_Map]:
    """Directions carried by ridge regression, given their weights `source` [trial, row]."""
    maps = []
    for _, i, j in _WAYS:
        learnt = ends[i].learnt[fit.labels]
        alpha = ridge(ends[i].fit, learnt.strength, source @ ends[i].source_to_fit, rows)
        maps.append(_Map(alpha, squares_of(alpha, ends[j].fit)))
    return maps


def auroc_of(scores: np.ndarray, positive: np.ndarray, negative: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """AUROC [trial] of scores [trial, row]: rows `positive` [trial, block] against `negative` [trial, many], of blocks kept."""
    gap = np.where(kept, 0.0, np.nan)
    above = np.take_along_axis(scores, positive, 1) + gap
    below = np.take_along_axis(scores, negative, 1) + np.repeat(gap, negative.shape[1] // kept.shape[1], 1)
    # NaN is neither above nor below: a block left out counts for nothing
    won = sum(np.count_nonzero(wins(above[:, :, None], below[:, None]), axis=(1, 2)) for wins in (np.greater, np.greater_equal))
    pairs = np.isfinite(above).sum(1) * np.isfinite(below).sum(1)
    return won / (2 * np.maximum(pairs, 1))


def lengths_of(trials: Trials, gram: np.ndarray, zero: float) -> tuple[np.ndarray, np.ndarray]:
    """Lengths [emotion, trial] of the target's directions against the reference, and against the others; NaN for zero ones."""
    of_reference, of_others = (squares_of(weights, gram) for weights in (trials.targets, trials.others))
    a, b = (np.sqrt(np.where(squares > zero, squares, np.nan)) for squares in (of_reference, of_others))
    return a, b


def squares_of(weights: np.ndarray, gram: np.ndarray) -> np.ndarray:
    """Squared lengths [...] of weighted sums [..., row] of rows."""
    return ((weights @ gram) * weights).sum(-1)


class _Learnt(NamedTuple):
    """The inputs of one kind of map from one model, for all emotions: components are `basis` [row of F, k] of rows."""

    strength: float
    basis: np.ndarray


class _End:
    """One model's end of the maps of one split: inner products of rows (block x label) of the thirds, and the fitted parts."""

    def __init__(self, space: Space, counterpart: Space, split: Thirds, design: Design, fits: Sequence[Fit]) -> None:
        self.rows = fit, source, target = tuple(design.rows[blocks].ravel() for blocks in split)
        self.emotions = design.emotions
        self.gram = gram = space.gram
        self.zero = space.zero
        self.fit, self.source, self.target = (gram[np.ix_(rows, rows)] for rows in (fit, source, target))
        self.source_to_fit, self.fit_to_target = gram[np.ix_(source, fit)], gram[np.ix_(fit, target)]
        self.learnt: dict[tuple[str, ...], _Learnt] = {}
        table = np.arange(len(fit)).reshape(-1, len(design.labels))
        for labels in dict.fromkeys(fit.labels for fit in fits):
            places = table[:, [design.column(label) for label in labels]].ravel()
            spectrum = spectrum_of(self.fit[np.ix_(places, places)], len(labels))
            free = len(places) - len(labels)
            rows = fit[places]
            strength = strength_of(spectrum, counterpart.gram[np.ix_(rows, rows)], free)
            basis = np.zeros((len(fit), max(0, min(COMPONENTS, free // 2, len(spectrum.values)))))
            basis[places] = basis_of(spectrum, len(labels), basis.shape[1])
            self.learnt[labels] = _Learnt(strength, basis)
