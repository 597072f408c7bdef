"""Does a direction of one model, carried by a map that never saw the emotion, meet the other model's direction?

No topic serves twice: the map is fitted on one third of the topics, the source's direction comes from the second, the target's
from the last. Nothing that is fitted is reported on what it was fitted on.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from emotion_cli.measures.between.maps import Rows, ridge, rotations, rows_of
from emotion_cli.measures.between.space import FLAT, Space, coordinates_of, spectrum_of, strength_of
from emotion_cli.measures.directions import OTHERS
from emotion_cli.measures.inference.relabelling import (
    Design,
    Relabelling,
    Thirds,
    as_labelled,
    contrast,
    exchanged,
    groups_left_out,
    joined,
    thirds_of,
)
from emotion_cli.measures.inference.resampling import generator

Each = Callable[[Callable[[int], None], Iterable[int]], None]
"""Calls a function for each of some numbers; it may use threads, and say how far it is."""

DIRECTIONS = ("a_to_b", "b_to_a")

MEASURES = ("aligned_cosine", "aligned_specificity", "transfer_auroc")

UNPAIRED = "transfer_auroc, unpaired"
"""Transfer AUROC when the target model's topics are permuted, whole blocks at a time."""

CHUNK = 256
"""Relabellings that are solved at once: few enough to need little memory."""

COMPONENTS = 20
"""Most principal components that Procrustes rotates."""

FEWER = 10
"""Nulls of all maps but ridge, and of specificity, take this many times fewer draws: each costs more and decides less."""


class Curve(NamedTuple):
    """One measure of one pair of layers: as it is, under each relabelling [draw], and without each group of topics [group].

    NaN where not defined. `k` is the number of components that Procrustes rotates.
    """

    pair: int
    emotion: str
    measure: str
    direction: str | None
    fit: str | None
    k: int | None
    value: float
    draws: np.ndarray
    groups: np.ndarray


class Fit(NamedTuple):
    """How a map is fitted: `rotates` (Procrustes) or ridge, on rows with these labels less the emotion's own."""

    name: str
    rotates: bool
    labels: tuple[str, ...]
    all_draws: bool


class Trials(NamedTuple):
    """All relabellings of one emotion in the order in which they are solved, and what each stretch of them is for.

    First those that every fit takes: as labelled, without each group of topics, the first draws of the null, emotions
    interchanged; then the other draws of the null.
    """

    relabelling: Relabelling
    n_groups: int
    n_first: int
    n_specific: int

    @property
    def shared(self) -> int:
        """How many of them every fit takes."""
        return 1 + self.n_groups + self.n_first + self.n_specific

    def curve(self, values: np.ndarray, measure: str) -> tuple[float, np.ndarray, np.ndarray]:
        """Value, draws from the null and replicates without a group, of the values [trial] of one measure."""
        first = 1 + self.n_groups
        first_end = first + self.n_first
        null = np.concatenate([values[first:first_end], values[self.shared :]])
        if measure.startswith("aligned_specificity") and self.n_specific:
            null = values[first_end : self.shared]
        return float(values[0]), null, values[1:first]


class Key(NamedTuple):
    """What a row of values is about; whether it was measured on all draws."""

    emotion: str
    measure: str
    direction: str | None
    fit: str | None
    k: int | None
    all_draws: bool


class Batch(NamedTuple):
    """Some trials of one emotion in one split, ready for any pair of layers; rows are block x label of one third."""

    emotion: str
    own: int  # which of the emotions it is
    first: int  # which of the emotion's trials is the first here
    rows: dict[tuple[str, ...], Rows]  # of the fit's third, by the labels that are fitted on
    source: np.ndarray  # [trial, row]: weights of the emotion's direction
    targets: np.ndarray  # [emotion, trial, row]: weights of every emotion's direction
    own_rows: np.ndarray  # [trial, block]: rows of the target's third with the emotion's label
    reference_rows: np.ndarray  # [trial, block x label]: rows of it with a label of the reference
    kept: np.ndarray  # [trial, block]: blocks of it that are not left out
    all_draws: bool  # whether only fits with all draws take these trials


def fits_of(labels: Sequence[str], neutral: str) -> list[Fit]:
    """The maps: on all labels but the emotion's, and on neutral prompts only where the label is there."""
    fits = [Fit("ridge", False, tuple(labels), True), Fit("procrustes", True, tuple(labels), False)]
    if neutral in labels:
        fits += [Fit("ridge_neutral", False, (neutral,), False), Fit("procrustes_neutral", True, (neutral,), False)]
    return fits


def trials_of(
    design: Design, emotion: str, emotions: Sequence[str], reference: str, *, dataset: str, seed: int, draws: int
) -> Trials:
    """The relabellings behind value, null and interval of one emotion.

    The null exchanges the emotion's label with the reference's within blocks; with reference `others`, all emotions' labels.
    Specificity has the null that emotions are interchangeable, whatever they share against the reference.
    """
    fewer = max(1, draws // FEWER)
    labels = emotions if reference == OTHERS else (emotion, reference)
    null = exchanged(design, labels, dataset=dataset, seed=seed, draws=draws)
    groups = groups_left_out(design, dataset=dataset, seed=seed)
    parts = [as_labelled(design), groups, null.part(slice(fewer))]
    specific = reference != OTHERS and len(emotions) > 1
    if specific:
        parts.append(exchanged(design, emotions, dataset=dataset, seed=seed, draws=fewer))
    parts.append(null.part(slice(fewer, None)))
    return Trials(joined(parts), len(groups), len(parts[2]), fewer if specific else 0)


def means_over_splits(
    n_pairs: int,
    splits: Sequence[Thirds],
    prepare: Callable[[Thirds], Sequence[Batch]],
    measured: Callable[[int, Thirds, Sequence[Batch]], Iterable[tuple[Key, int, np.ndarray]]],
    trials: Mapping[str, Trials],
    each: Each,
) -> list[dict[Key, np.ndarray]]:
    """Mean over the splits of what is measured on each pair: values [trial] by key."""
    sums: list[dict[Key, np.ndarray]] = [{} for _ in range(n_pairs)]
    for split in splits:
        batches = prepare(split)

        def work(pair: int, split: Thirds = split, batches: Sequence[Batch] = batches) -> None:
            for key, first, values in measured(pair, split, batches):
                total = sums[pair].get(key)
                if total is None:
                    own = trials[key.emotion]
                    n = len(own.relabelling) if key.all_draws else own.shared
                    total = sums[pair][key] = np.zeros(len(values) if key.measure == UNPAIRED else n)
                total[first : first + len(values)] += values / len(splits)

        each(work, range(n_pairs))
    return sums


def aligned(
    spaces: Sequence[tuple[Space, Space]],
    design: Design,
    *,
    emotions: Sequence[str],
    reference: str,
    neutral: str,
    dataset: str,
    seed: int,
    draws: int,
    each: Each,
) -> list[Curve]:
    """Aligned cosine, specificity and transfer AUROC of each emotion for each pair of layers, both directions, all fits.

    `spaces` are the pairs of layers, over the prompts that the design indexes. `each` calls a function for each of some pairs;
    it may use threads, and say how far it is.
    """
    splits = thirds_of(design, dataset=dataset, seed=seed)
    fits = fits_of(design.labels, neutral)
    trials = {
        emotion: trials_of(design, emotion, emotions, reference, dataset=dataset, seed=seed, draws=draws) for emotion in emotions
    }
    blocks = np.arange(len(design.rows))
    paired = generator(seed, dataset, "pairing").permuted(np.tile(blocks, (max(1, draws // FEWER), 1)), axis=1)
    sums = means_over_splits(
        len(spaces),
        splits,
        lambda split: [
            batch for one in emotions for batch in batches_of(design, split, one, emotions, reference, trials[one], fits)
        ],
        lambda pair, split, batches: _measured(*spaces[pair], design, split, batches, fits, paired),
        trials,
        each,
    )
    return curves_of(sums, trials)


def ceilings(
    spaces: Sequence[Space],
    design: Design,
    *,
    emotions: Sequence[str],
    reference: str,
    dataset: str,
    seed: int,
    draws: int,
    each: Each,
) -> list[Curve]:
    """What the aligned measures are between two thirds of ONE model, without a map: no map can be expected to do better."""
    trials = {
        emotion: trials_of(design, emotion, emotions, reference, dataset=dataset, seed=seed, draws=draws) for emotion in emotions
    }

    def measured(layer: int, split: Thirds, batches: Sequence[Batch]) -> Iterator[tuple[Key, int, np.ndarray]]:
        space = spaces[layer]
        if space.flat:
            return
        source, target = design.rows[split.source].ravel(), design.rows[split.target].ravel()
        across, own, other = (space.gram[np.ix_(a, b)] for a, b in ((source, target), (source, source), (target, target)))
        for batch in batches:
            squares = squares_of(batch.source, own)
            squares = np.where(squares > space.zero, squares, np.nan)
            values = judged(batch.source @ across, squares, lengths_of(batch, other, space.zero), batch)
            for measure, found in zip(MEASURES, values, strict=True):
                if found is not None:
                    yield Key(batch.emotion, f"{measure}_ceiling", None, None, None, True), batch.first, found

    sums = means_over_splits(
        len(spaces),
        thirds_of(design, dataset=dataset, seed=seed),
        lambda split: [
            batch for one in emotions for batch in batches_of(design, split, one, emotions, reference, trials[one], ())
        ],
        measured,
        trials,
        each,
    )
    return curves_of(sums, trials)


def curves_of(sums: Sequence[Mapping[Key, np.ndarray]], trials: Mapping[str, Trials]) -> list[Curve]:
    """Values [trial] by pair and key as curves.

    Transfer AUROC has the null that the map carries nothing: labels stay, and topics are paired at random. Where labels lie
    apart any direction separates them, well or badly, and exchanged labels would not know that.
    """
    curves = []
    for pair, found in enumerate(sums):
        for key, values in found.items():
            if key.measure == UNPAIRED:
                continue
            value, draws, groups = trials[key.emotion].curve(values, key.measure)
            draws = found.get(key._replace(measure=UNPAIRED), draws) if key.measure == "transfer_auroc" else draws
            curves.append(Curve(pair, key.emotion, key.measure, key.direction, key.fit, key.k, value, draws, groups))
    return curves


def batches_of(
    design: Design,
    split: Thirds,
    emotion: str,
    emotions: Sequence[str],
    reference: str,
    trials: Trials,
    fits: Sequence[Fit],
) -> Iterator[Batch]:
    """The trials of one emotion in one split, some at a time."""
    contrasts = np.array([contrast(design.labels, one, emotions, reference) for one in emotions])
    own = list(emotions).index(emotion)
    number = design.labels.index(emotion)
    for start, stop in ((0, trials.shared), (trials.shared, len(trials.relabelling))):
        for first in range(start, stop, CHUNK):
            chunk = trials.relabelling.part(slice(first, min(first + CHUNK, stop)))
            used = fits if start == 0 else [fit for fit in fits if fit.all_draws]
            fitted, fitted_kept = chunk.label[:, split.fit], chunk.kept[:, split.fit]
            target, target_kept = chunk.label[:, split.target], chunk.kept[:, split.target]
            yield Batch(
                emotion,
                own,
                first,
                {
                    fit.labels: fitted_rows(design, fitted, fitted_kept, [label for label in fit.labels if label != emotion])
                    for fit in used
                },
                weights_of(contrasts[own], chunk.label[:, split.source], chunk.kept[:, split.source]),
                np.array([weights_of(one, target, target_kept) for one in contrasts]),
                _where(target == number),
                _where(contrasts[own][target] < 0),
                target_kept,
                start > 0,
            )


def fitted_rows(design: Design, label: np.ndarray, kept: np.ndarray, labels: Sequence[str]) -> Rows:
    """The rows that maps are fitted on, those with the given labels, from label [trial, block, label] and kept [trial, block]."""
    numbers = [design.labels.index(name) for name in labels]
    marks = np.stack([(label == number) & kept[:, :, None] for number in numbers], 1)
    return rows_of(marks.reshape(*marks.shape[:2], -1).astype(float))


def weights_of(contrast_of_label: np.ndarray, label: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Weights [trial, row] of a direction that is a weighted sum of label means, over the blocks that are kept."""
    weights = contrast_of_label[label] * (kept / np.maximum(kept.sum(1, keepdims=True), 1))[:, :, None]
    return weights.reshape(len(label), -1)


def _where(mask: np.ndarray) -> np.ndarray:
    """Flat positions [trial, found] of a mask [trial, block, label] that holds equally often in every block."""
    trials, blocks, labels = mask.shape
    return (np.flatnonzero(mask) % (blocks * labels)).reshape(trials, -1)


def _measured(
    a: Space, b: Space, design: Design, split: Thirds, batches: Sequence[Batch], fits: Sequence[Fit], paired: np.ndarray
) -> Iterator[tuple[Key, int, np.ndarray]]:
    """Key, first trial and values [trial] of every measure in one split; `paired` [draw, block] pairs blocks at random."""
    if a.flat or b.flat:
        return
    ends = [_End(space, other, split, design, fits) for space, other in ((a, b), (b, a))]
    fit_rows, source_rows, target_rows = (design.rows[blocks].ravel() for blocks in split)
    unpaired = [design.rows[paired[:, blocks]].reshape(len(paired), -1) for blocks in (split.fit, split.target)]
    for batch in batches:
        lengths = [lengths_of(batch, end.target, end.zero) for end in ends]
        towards = [batch.source @ end.source_to_fit for end in ends]
        for fit in fits:
            if batch.all_draws and not fit.all_draws:
                continue
            rows = batch.rows[fit.labels]
            learnt = [end.learnt[fit.labels] for end in ends]
            k = min(one.coordinates.shape[1] for one in learnt) if fit.rotates else None
            if k == 0:
                continue
            points = [one.coordinates[:, :k] for one in learnt]
            turns = rotations(points[0][fit_rows], points[1][fit_rows], rows) if k else None
            for direction, here, there in ((DIRECTIONS[0], 0, 1), (DIRECTIONS[1], 1, 0)):
                by_chance = None
                if turns is not None:
                    start = batch.source @ points[here][source_rows]
                    carried = (start[:, None] @ (turns if here == 0 else turns.transpose(0, 2, 1)))[:, 0]
                    scores, squares = carried @ points[there][target_rows].T, (carried**2).sum(1)
                else:
                    one = learnt[here]
                    alpha = ridge(ends[here].fit, one.inverse, one.strength, towards[here], rows)
                    scores, squares = alpha @ ends[there].fit_to_target, squares_of(alpha, ends[there].fit)
                    if batch.first == 0:
                        spread = np.zeros((len(paired), len(ends[there].gram)))
                        np.put_along_axis(spread, unpaired[0], alpha[:1], 1)
                        by_chance = np.take_along_axis(spread @ ends[there].gram, unpaired[1], 1)
                lengths_here = squares_of(batch.source, ends[here].source)
                # a map that carries nothing leaves rounding, whose direction means nothing
                defined = (squares > FLAT * lengths_here) & (lengths_here > ends[here].zero)
                values = judged(scores, np.where(defined, squares, np.nan), lengths[there], batch)
                for measure, found in zip(MEASURES, values, strict=True):
                    # a null for it under Procrustes would need new components for every pairing
                    if found is not None and not (fit.rotates and measure == "transfer_auroc"):
                        yield Key(batch.emotion, measure, direction, fit.name, k, fit.all_draws), batch.first, found
                if by_chance is not None:
                    found = auroc_of(by_chance, batch.own_rows[:1], batch.reference_rows[:1], batch.kept[:1])
                    yield Key(batch.emotion, UNPAIRED, direction, fit.name, k, fit.all_draws), 0, found


def judged(
    scores: np.ndarray, squares: np.ndarray, lengths: np.ndarray, batch: Batch
) -> tuple[np.ndarray, np.ndarray | None, np.ndarray]:
    """Cosine, specificity and AUROC [trial] of carried directions from their products with the target's rows [trial, row]."""
    cosines = np.einsum("tr,etr->et", scores, batch.targets) / (lengths * np.sqrt(squares))
    own = cosines[batch.own]
    specificity = own - np.delete(cosines, batch.own, 0).max(0) if len(cosines) > 1 else None
    auroc = auroc_of(scores, batch.own_rows, batch.reference_rows, batch.kept)
    return own, specificity, np.where(np.isfinite(squares), auroc, 0.5)


def auroc_of(scores: np.ndarray, own: np.ndarray, reference: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """AUROC [trial] of scores [trial, row]: rows `own` [trial, block] against rows `reference` [trial, many], of blocks kept."""
    gap = np.where(kept, 0.0, np.nan)
    positive = np.take_along_axis(scores, own, 1) + gap
    negative = np.take_along_axis(scores, reference, 1) + np.repeat(gap, reference.shape[1] // kept.shape[1], 1)
    # NaN is neither above nor below: a block left out counts for nothing
    above = (positive[:, :, None] > negative[:, None]).sum((1, 2)) + (positive[:, :, None] >= negative[:, None]).sum((1, 2))
    pairs = np.isfinite(positive).sum(1) * np.isfinite(negative).sum(1)
    return above / (2 * np.maximum(pairs, 1))


def lengths_of(batch: Batch, gram: np.ndarray, zero: float) -> np.ndarray:
    """Lengths [emotion, trial] of the target's directions; NaN for zero directions."""
    squares = np.stack([squares_of(weights, gram) for weights in batch.targets])
    return np.sqrt(np.where(squares > zero, squares, np.nan))


def squares_of(weights: np.ndarray, gram: np.ndarray) -> np.ndarray:
    """Squared lengths [trial] of weighted sums of rows."""
    return ((weights @ gram) * weights).sum(1)


class _Learnt(NamedTuple):
    """What the maps of one kind need from one model, whatever the emotion; coordinates [prompt, k] are of all prompts."""

    strength: float
    inverse: np.ndarray
    coordinates: np.ndarray


class _End:
    """One model's end of the maps of one split: inner products of rows (block x label) of the thirds, and what is learnt."""

    def __init__(self, space: Space, other: Space, split: Thirds, design: Design, fits: Sequence[Fit]) -> None:
        fit, source, target = (design.rows[blocks].ravel() for blocks in split)
        self.gram = gram = space.gram
        self.zero = space.zero
        self.fit, self.source, self.target = (gram[np.ix_(rows, rows)] for rows in (fit, source, target))
        self.source_to_fit, self.fit_to_target = gram[np.ix_(source, fit)], gram[np.ix_(fit, target)]
        self.learnt: dict[tuple[str, ...], _Learnt] = {}
        table = fit.reshape(-1, len(design.labels))
        for labels in dict.fromkeys(one.labels for one in fits):
            rows = table[:, [design.labels.index(label) for label in labels]].ravel()
            spectrum = spectrum_of(gram[np.ix_(rows, rows)], len(labels))
            free = len(rows) - len(labels)
            strength = strength_of(spectrum, other.gram[np.ix_(rows, rows)], free)
            k = min(COMPONENTS, free // 2, len(spectrum.values))
            self.learnt[labels] = _Learnt(
                strength,
                np.linalg.inv(self.fit + strength * np.eye(len(fit))),
                coordinates_of(gram[:, rows], spectrum, len(labels), k),
            )
