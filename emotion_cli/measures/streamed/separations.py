"""How well directions separate held-out prompts, from sums of folds in a first pass and scores in a second.

The values are those of `within.separability`, `within.effect`, `within.reliability` and `within.centroids`. Intervals come from
the first-order change of a value with the weight of each topic, which all topics' resampled weights multiply.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from emotion_cli.measures.inference.auroc import settled
from emotion_cli.measures.inference.draws import split_of
from emotion_cli.measures.inference.sampling import Sampling
from emotion_cli.measures.labels import OTHERS, Labels, coefficients
from emotion_cli.measures.streamed.moments import summed
from emotion_cli.measures.streamed.rows import Rows
from emotion_cli.measures.within.reliability import spearman_brown


@dataclass(frozen=True)
class Divided:
    """The prompts of the labels concerned, divided as for the directions of `emotions`, which share their labels.

    `used` [prompt] are rows of all prompts, `codes`, `folds`, `blocks` [prompt] of those used, `halves` [split, block].
    """

    emotions: tuple[str, ...]
    names: tuple[str, ...]
    n_prompts: int
    used: np.ndarray
    codes: np.ndarray
    folds: np.ndarray
    blocks: np.ndarray
    halves: np.ndarray

    @cached_property
    def place(self) -> np.ndarray:
        """Where each of all prompts is among those used [prompt]; below 0: nowhere."""
        place = np.full(self.n_prompts, -1, np.int32)
        place[self.used] = np.arange(len(self.used))
        return place

    @cached_property
    def n_folds(self) -> int:
        """How many folds there are."""
        return int(self.folds.max()) + 1

    @cached_property
    def sizes(self) -> np.ndarray:
        """Prompts by fold and label [fold, label]."""
        counts = np.bincount(self.folds * len(self.names) + self.codes, minlength=self.n_folds * len(self.names))
        return counts.reshape(self.n_folds, -1)

    @cached_property
    def mixtures(self) -> np.ndarray:
        """Weights [emotion, label] of label means in the directions."""
        return np.array([coefficients(self.names, emotion, self.names, OTHERS) for emotion in self.emotions])

    @cached_property
    def left(self) -> np.ndarray:
        """Prompts of a label outside a fold [fold, label]."""
        return self.sizes.sum(0) - self.sizes

    def __len__(self) -> int:
        return len(self.used)


def divided(labels: Labels, emotions: Sequence[str], names: Sequence[str], sampling: Sampling) -> Divided:
    """The folds and halves of a comparison of the labels `names`."""
    used = labels.with_labels(names)
    made_of = labels.of(used)
    codes = np.searchsorted(names, np.asarray(made_of.labels))
    blocks, folds, halves = split_of(codes.astype(np.int16), made_of.topics, sampling.generator(*names), made_of.clusters)
    return Divided(tuple(emotions), tuple(names), len(labels.labels), used, codes, folds, blocks, halves.astype(np.int8))


class FoldSums(NamedTuple):
    """Of one division: sums by fold and label [fold, label, width], and directions of halves [emotion, split, width].

    The second are sums over blocks of what each adds to the direction, with the sign of its half.
    """

    sums: np.ndarray
    halves: np.ndarray

    def directions(self, by: Divided) -> np.ndarray:
        """Directions [emotion, width] of all prompts."""
        return by.mixtures @ (self.sums.sum(0) / by.sizes.sum(0)[:, None])

    def held_out(self, by: Divided) -> np.ndarray:
        """Directions without each fold [emotion, fold, width]; NaN where a label has no prompt left."""
        means = self.centroids(by)
        return np.einsum("el,flw->efw", by.mixtures, means, optimize=True)

    def centroids(self, by: Divided) -> np.ndarray:
        """Means of each label outside each fold [fold, label, width]."""
        left = by.left[:, :, None]
        return (self.sums.sum(0) - self.sums) / np.where(left > 0, left, np.nan)


def fold_sums(rows: Rows, divisions: Sequence[Divided], *, with_halves: bool = True) -> list[FoldSums]:
    """The sums of every division in one pass; rows are about their mean."""
    sums = [np.zeros((by.n_folds * len(by.names), rows.width)) for by in divisions]
    # where one emotion has a division to itself, its labels' parts are added at once
    alone = [len(by.emotions) == 1 for by in divisions]
    shape = [(1 if is_alone else len(by.names), len(by.halves)) for by, is_alone in zip(divisions, alone, strict=True)]
    halves = [np.zeros((*size, rows.width)) for size in shape] if with_halves else []
    weights = [by.mixtures / by.sizes.sum(0) for by in divisions]
    for prompts, batch in rows.batches():
        for i, by in enumerate(divisions):
            places = by.place[prompts]
            counted = places >= 0
            if not counted.any():
                continue
            at, x = places[counted], batch[counted]
            sums[i] += summed(x, by.folds[at] * len(by.names) + by.codes[at], len(sums[i]))
            if not with_halves:
                continue
            signs = by.halves[:, by.blocks[at]]
            if alone[i]:
                halves[i][0] += (signs * weights[i][0][by.codes[at]]) @ x
                continue
            for label in np.unique(by.codes[at]):
                members = by.codes[at] == label
                halves[i][label] += signs[:, members].astype(np.float64) @ x[members]
    made = []
    for i, by in enumerate(divisions):
        of_halves = np.zeros((0, 0, rows.width))
        if with_halves:
            of_halves = halves[i] if alone[i] else np.einsum("el,lsw->esw", weights[i], halves[i], optimize=True)
        made.append(FoldSums(sums[i].reshape(by.n_folds, len(by.names), -1), of_halves))
    return made


def split_halves(direction: np.ndarray, halves: np.ndarray, zero: float) -> float:
    """Reliability of a direction [width] from those of halves [split, width]; `zero` is a length that counts as none."""
    total, difference, cross = float(direction @ direction), np.einsum("sw,sw->s", halves, halves), halves @ direction
    first, second = total + 2 * cross + difference, total - 2 * cross + difference
    is_defined = (first > 4 * zero**2) & (second > 4 * zero**2)
    lengths = np.sqrt(np.where(is_defined, first, 1) * np.where(is_defined, second, 1))
    cosines = np.where(is_defined, (total - difference) / lengths, np.nan)
    return float(spearman_brown(np.array(cosines.mean())))


def scores_of(rows: Rows, divisions: Sequence[Divided], directions: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Scores [prompt used, emotion] of each division's prompts on the directions [emotion, fold, width] without their fold."""
    scores = [np.empty((len(by), len(by.emotions))) for by in divisions]
    for prompts, batch in rows.batches():
        for i, by in enumerate(divisions):
            places = by.place[prompts]
            counted = places >= 0
            if not counted.any():
                continue
            at, x = places[counted], batch[counted]
            for fold in np.unique(by.folds[at]):
                members = by.folds[at] == fold
                scores[i][at[members]] = x[members] @ directions[i][:, fold].T
    return scores


def centroid_shares(rows: Rows, by: Divided, sums: FoldSums, scale: float) -> np.ndarray:
    """Share of each label's prompts that are nearest to their own label's centroid of the other folds [label]."""
    n_labels = len(by.names)
    if by.n_folds < 2 or not by.left.all():
        return np.full(n_labels, np.nan)
    centroids = sums.centroids(by)
    squares = np.einsum("flw,flw->fl", centroids, centroids)
    hits = np.zeros(n_labels)
    for prompts, batch in rows.batches():
        places = by.place[prompts]
        counted = places >= 0
        at, x = places[counted], batch[counted]
        for fold in np.unique(by.folds[at]) if len(at) else ():
            members = by.folds[at] == fold
            labels = by.codes[at[members]]
            nearest = settled(squares[fold] - 2 * x[members] @ centroids[fold].T, scale)
            closest = nearest == nearest.min(1, keepdims=True)
            # a tie is shared
            won = closest[np.arange(len(labels)), labels] / closest.sum(1)
            hits += np.bincount(labels, won, minlength=n_labels)
    return hits / by.sizes.sum(0)


class Changing(NamedTuple):
    """A value (NaN where not defined), and how it changes with the weight of each prompt [prompt], to first order."""

    value: float
    change: np.ndarray


def area(scores: np.ndarray, is_emotion: np.ndarray, folds: np.ndarray, is_known: np.ndarray) -> Changing:
    """AUROC of scores [prompt]: the mean over folds that have a direction (`is_known` [fold]) and both labels."""
    values, change = [], np.zeros(len(scores))
    for fold in np.flatnonzero(is_known):
        members = np.flatnonzero(folds == fold)
        positive, negative = members[is_emotion[members]], members[~is_emotion[members]]
        if not len(positive) or not len(negative):
            continue
        won, lost = _placed(scores[positive], scores[negative]), 1 - _placed(scores[negative], scores[positive])
        value = float(won.mean())
        values.append(value)
        change[positive], change[negative] = (won - value) / len(positive), (lost - value) / len(negative)
    return Changing(float(np.mean(values)) if values else np.nan, change / max(1, len(values)))


def _placed(scores: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The share of others' scores below each score; ties count one half."""
    ordered = np.sort(others)
    below, up_to = (np.searchsorted(ordered, scores, side) for side in ("left", "right"))
    return (below + up_to) / (2 * len(others))


def standardised(scores: np.ndarray, is_emotion: np.ndarray, folds: np.ndarray, is_known: np.ndarray) -> Changing:
    """Difference of the labels' mean scores over folds, over their pooled standard deviation within labels and folds."""
    differences, squares, degrees = [], 0.0, 0
    change, deviations = np.zeros(len(scores)), np.zeros(len(scores))
    for fold in np.flatnonzero(is_known):
        members = np.flatnonzero(folds == fold)
        sides = members[is_emotion[members]], members[~is_emotion[members]]
        if not all(map(len, sides)) or not np.isfinite(scores[members]).all():
            continue
        means = [float(scores[side].mean()) for side in sides]
        for side, mean, sign in zip(sides, means, (1, -1), strict=True):
            deviations[side] = (scores[side] - mean) ** 2
            change[side] = sign * (scores[side] - mean) / len(side)
            squares += float(deviations[side].sum())
            degrees += len(side) - 1
        differences.append(means[0] - means[1])
    if not differences or degrees <= 0 or squares <= 0:
        return Changing(np.nan, np.full(len(scores), np.nan))
    variance, difference = squares / degrees, float(np.mean(differences))
    spread = np.sqrt(variance)
    counted = deviations - np.where(change != 0, variance, 0)
    return Changing(difference / spread, change / len(differences) / spread - difference / (2 * spread**3) * counted / degrees)
