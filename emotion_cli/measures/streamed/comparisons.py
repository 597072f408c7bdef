"""How alike the directions of many labels are in one model: what `within.likeness` measures, a layer at a time."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain, combinations

import numpy as np

from emotion_cli.measures.directions import ZERO_RELATIVE_NORM
from emotion_cli.measures.inference.exchange import Exchange
from emotion_cli.measures.inference.resampling import n_of_scarcest, resampled, strata_of, units_of
from emotion_cli.measures.inference.sampling import Sampling
from emotion_cli.measures.inference.spreads import MOST_OF_SIZES, MOST_OF_VARIANCES
from emotion_cli.measures.inference.statistic import FIXED, PERMUTED, Null, Statistic, Tail, defined
from emotion_cli.measures.labels import OTHERS, Labels
from emotion_cli.measures.streamed.cosines import Exchanged, class_sums, cosines_of, normal_cosines, normal_cosines_of_all
from emotion_cli.measures.streamed.limits import MOST_LABELS, MOST_ROWS, PERMUTED_NORMAL
from emotion_cli.measures.streamed.moments import Moments, mean_of, moments
from emotion_cli.measures.streamed.nulls import intervals_of, nulls_of
from emotion_cli.measures.streamed.products import label_products, mixed
from emotion_cli.measures.streamed.rows import Rows
from emotion_cli.measures.streamed.scatter import LONE, Groups, groups_of, pool_of
from emotion_cli.measures.within.likeness import (
    DISTANCE_RATIO,
    GAIN,
    SQUARED_DISTANCE,
    UNBIASED,
    UNBIASED_BY_CLASS,
    Comparison,
    Geometry,
    equidistance,
    geometry_of,
    mixtures_of,
)

COSINE, COSINE_OTHERS = "cosine", "cosine_others"

NONE = -1
"""The number of a label, or of what is resampled, where a prompt takes no part."""


@dataclass(frozen=True)
class Compared:
    """The labels of many prompts, and all that their statistics share over layers, with the draws of `sampling`."""

    labels: Labels
    sampling: Sampling

    @cached_property
    def emotions(self) -> list[str]:
        """The emotions, sorted."""
        return sorted(self.labels.emotions)

    @cached_property
    def names(self) -> list[str]:
        """The labels that make the directions, sorted."""
        return self.labels.labels_used(*self.emotions)

    @cached_property
    def pairs(self) -> list[tuple[str, str]]:
        """Every two emotions."""
        return list(combinations(self.emotions, 2))

    @cached_property
    def first(self) -> np.ndarray:
        """The number of each pair's first emotion [pair]."""
        return np.triu_indices(len(self.emotions), 1)[0]

    @cached_property
    def second(self) -> np.ndarray:
        """The number of each pair's second emotion [pair]."""
        return np.triu_indices(len(self.emotions), 1)[1]

    @cached_property
    def codes(self) -> np.ndarray:
        """The number of each prompt's label [prompt]; NONE where that makes no direction."""
        labels = np.asarray(self.labels.labels)
        codes = np.searchsorted(self.names, labels)
        return np.where(np.isin(labels, self.names), codes, NONE)

    @cached_property
    def used(self) -> np.ndarray:
        """The prompts that make directions."""
        return np.flatnonzero(self.codes >= 0)

    @cached_property
    def sizes(self) -> np.ndarray:
        """Prompts of each label [label]."""
        return np.bincount(self.codes[self.used], minlength=len(self.names))

    @cached_property
    def mixtures(self) -> np.ndarray:
        """Weights [emotion, label] of label means in each direction."""
        return mixtures_of(self.names, self.emotions, self.labels.reference)

    @cached_property
    def mixtures_of_others(self) -> np.ndarray:
        """The same against the other emotions."""
        return mixtures_of(self.names, self.emotions, OTHERS)

    @cached_property
    def units(self) -> np.ndarray:
        """The number of what each prompt is resampled with [prompt]; NONE where it takes no part."""
        made_of = self.labels.of(self.used)
        units = np.full(len(self.codes), NONE)
        units[self.used] = units_of(made_of.topics, made_of.clusters)
        return units

    @cached_property
    def counts(self) -> np.ndarray:
        """How often each unit is drawn [draw, unit]."""
        made_of = self.labels.of(self.used)
        strata = strata_of(self.codes[self.used], self.units[self.used], made_of.topics)
        return resampled(strata, self.sampling.draws, self.sampling.generator("topics", *self.names))

    @cached_property
    def n_units(self) -> int:
        """What is resampled, in all."""
        return int(self.units.max()) + 1

    @cached_property
    def n_scarcest(self) -> int:
        """Units of the label that the fewest hold."""
        return n_of_scarcest(self.codes[self.used], self.units[self.used])

    @cached_property
    def unbiased_name(self) -> str:
        """The name of the unbiased cosine: another where a topic lacks a label."""
        cells = np.unique(self.units[self.used] * len(self.names) + self.codes[self.used], return_counts=True)
        whole = len(cells[0]) == self.n_units * len(self.names)
        table = cells[1].reshape(self.n_units, -1) if whole else np.zeros((1, 1))
        return UNBIASED if whole and bool((table == table[:, :1]).all()) else UNBIASED_BY_CLASS

    @cached_property
    def groups(self) -> Groups:
        """Within what labels are exchanged."""
        return groups_of(self.codes, self.labels.topics, self.labels.clusters)

    @cached_property
    def n_of_pairs(self) -> np.ndarray:
        """Units of the labels that make each pair [pair]."""
        present = np.zeros((self.n_units, len(self.names)), bool)
        present[self.units[self.used], self.codes[self.used]] = True
        if self.labels.reference == OTHERS:
            return np.full(len(self.pairs), self.n_units)
        reference = present[:, self.names.index(self.labels.reference)]
        return self._over_trios(lambda a, b: (a | b | reference[:, None]).sum(0), present)

    def _over_trios(self, count: Callable[[np.ndarray, np.ndarray], np.ndarray], table: np.ndarray) -> np.ndarray:
        """A count of each pair of emotions [pair], from columns of a table [item, label] of a first and of all later ones."""
        columns = table[:, [self.names.index(emotion) for emotion in self.emotions]]
        return np.concatenate([count(columns[:, i : i + 1], columns[:, i + 1 :]) for i in range(len(self.emotions) - 1)])

    @cached_property
    def _by_topic(self) -> tuple[np.ndarray, np.ndarray]:
        """Prompts, and bundles, of each label in each group but that of lone prompts [group, label]."""
        chosen = self.used[self.groups.groups[self.used] != LONE]
        tables = np.zeros((2, len(np.unique(self.groups.groups[chosen])), len(self.names)), int)
        if len(chosen):
            _, groups = np.unique(self.groups.groups[chosen], return_inverse=True)
            np.add.at(tables[0], (groups, self.codes[chosen]), 1)
            is_first = self.groups.bundles[chosen] == chosen
            np.add.at(tables[1], (groups[is_first], self.codes[chosen][is_first]), 1)
        return tables[0], tables[1]

    @cached_property
    def _lone(self) -> np.ndarray:
        chosen = self.used[self.groups.groups[self.used] == LONE]
        return np.bincount(self.codes[chosen], minlength=len(self.names))

    @cached_property
    def exchanged(self) -> Exchanged:
        """How the labels of each pair, and its reference, change places."""
        reference = self.names.index(self.labels.reference)
        places = np.array([self.names.index(emotion) for emotion in self.emotions])
        trio = np.array([places[self.first], places[self.second], np.full(len(self.pairs), reference)])
        prompts, bundles = self._by_topic
        shared, free = [], []
        for i in range(len(places) - 1):
            later = places[i + 1 :]
            columns = np.array([np.repeat([places[i]], len(later)), later, np.repeat([reference], len(later))])
            of_prompts, of_bundles = (table[:, columns].astype(float) for table in (prompts, bundles))
            grouped = of_bundles.sum(1, keepdims=True) >= 2
            lone = self._lone[columns] + (of_prompts * ~grouped).sum(0)
            counted = of_prompts * grouped
            n = counted.sum(1)
            within = np.einsum("gkp,glp->pkl", counted, counted / np.maximum(n, 1)[:, None])
            shared.append(within + np.einsum("kp,lp->pkl", lone, lone / np.maximum(lone.sum(0), 1)))
            free.append((of_bundles * grouped).sum((0, 1)) - grouped.sum((0, 1)) + np.maximum(lone.sum(0) - 1, 0))
        return Exchanged(trio, np.concatenate(shared), np.concatenate(free))

    @cached_property
    def of_emotions(self) -> "Compared":
        """The same of the emotions alone, each against the others."""
        if self.labels.reference == OTHERS:
            return self
        return Compared(replace(self.labels, reference=OTHERS), self.sampling)

    @cached_property
    def is_uneven(self) -> np.ndarray:
        """Whether two labels differ in number where they are exchanged [label, label]."""
        uneven = self._lone[:, None] != self._lone
        for counts in self._by_topic[1]:
            there = counts > 0
            uneven |= there[:, None] & there & (counts[:, None] != counts)
        return uneven

    def is_unequal(self, variances: np.ndarray, members: Sequence[int]) -> bool:
        """Whether labels differ in number and in spread, from the variance of each [label]."""
        chosen = np.asarray(members)
        sizes, spreads = self.sizes[chosen], variances[chosen]
        return bool(
            self.is_uneven[np.ix_(chosen, chosen)].any()
            and sizes.max() > MOST_OF_SIZES * sizes.min()
            and spreads.max() > MOST_OF_VARIANCES * spreads.min()
        )

    @property
    def permutes_rows(self) -> bool:
        """Whether the labels of a cosine's null are permuted, or its limit is taken."""
        return len(self.used) <= MOST_ROWS and len(set(self.labels.labels)) <= MOST_LABELS


class _Sums:
    """Sums over layers of values [1 + draw, pair] where they count, for means over layers."""

    def __init__(self) -> None:
        self.total: np.ndarray | None = None
        self.n: np.ndarray | None = None
        self.is_unequal: np.ndarray | None = None

    def add(self, values: np.ndarray, counts: np.ndarray, is_unequal: np.ndarray | None = None) -> None:
        """Count one more layer: `counts` [pair], or [1 + draw, pair]."""
        if self.total is None or self.n is None:
            self.total, self.n = np.zeros(values.shape, np.float32), np.zeros(counts.shape, np.int16)
        self.total += np.where(counts, values, 0)
        self.n += counts
        if is_unequal is not None:
            self.is_unequal = is_unequal if self.is_unequal is None else self.is_unequal | is_unequal

    def means(self) -> np.ndarray | None:
        """The means; NaN where nothing counts."""
        if self.total is None or self.n is None:
            return None
        return np.where(self.n > 0, self.total / np.maximum(self.n, 1), np.nan)


class LayerComparisons:
    """Every measure of every two emotions: a layer at a time, then the means over the `averaged` layers."""

    def __init__(self, compared: Compared, averaged: Collection[int], controls: Mapping[str, Rows] | None = None) -> None:
        self._compared, self._averaged = compared, averaged
        self._sums: dict[tuple[str, str | None], _Sums] = {}
        of_controls = {kind: _unbiased(_about_mean(rows, compared), compared) for kind, rows in (controls or {}).items()}
        self._controls = {kind: of_kind.cosine for kind, of_kind in of_controls.items()}

    def layer(self, layer: int, rows: Rows) -> list[Comparison]:
        """The rows of one layer, from its prepared activations."""
        compared = self._compared
        known = moments(rows, compared.codes)
        centred = _about_mean(rows, compared)
        sums = moments(centred, compared.codes)
        zeros = _zeros(compared, known.norms, compared.mixtures)
        directions = compared.mixtures @ sums.means
        is_zero = np.einsum("ew,ew->e", directions, directions) <= zeros
        spreads = _variances(sums, compared)
        # prompts that do not vary: what is left is rounding
        spreads = np.where(spreads > zeros.min(), spreads, 0)
        made: list[Comparison] = []
        for name, mixtures in self._cosines():
            values = _permuted(centred, compared, mixtures, sums.means, _zeros(compared, known.norms, mixtures), name)
            unequal = _unequal(compared, spreads, mixtures)
            made += self._tested(layer, name, values, unequal)
        unbiased = _unbiased(centred, compared)
        zero = is_zero[compared.first] | is_zero[compared.second]
        names = (compared.unbiased_name, SQUARED_DISTANCE, DISTANCE_RATIO)
        for name, curve in zip(names, unbiased, strict=True):
            made += self._estimated(layer, name, np.where(zero, np.nan, curve), zero)
        for kind, of_control in self._controls.items():
            gains = np.where(zero, np.nan, unbiased.cosine - of_control)
            made += self._estimated(layer, GAIN, gains, zero, kind)
        return made

    def _cosines(self) -> list[tuple[str, np.ndarray]]:
        compared = self._compared
        against = [(COSINE, compared.mixtures)]
        return against if compared.labels.reference == OTHERS else [*against, (COSINE_OTHERS, compared.mixtures_of_others)]

    def means(self) -> list[Comparison]:
        """The means over layers, where a layer counts."""
        made: list[Comparison] = []
        for (name, control), sums in self._sums.items():
            values = sums.means()
            assert values is not None
            assert sums.n is not None
            if name in (COSINE, COSINE_OTHERS):
                assert sums.is_unequal is not None
                made += self._rows(None, name, self._nulls(values, sums.is_unequal, name))
            else:
                made += self._rows(None, name, self._fixed(values, name, control), control, sums.n > 0)
        return made

    def _tested(self, layer: int, name: str, values: np.ndarray, unequal: np.ndarray) -> list[Comparison]:
        if layer in self._averaged:
            self._sums.setdefault((name, None), _Sums()).add(values, np.isfinite(values), unequal)
        return self._rows(layer, name, self._nulls(values, unequal, name))

    def _nulls(self, values: np.ndarray, unequal: np.ndarray, name: str) -> list[Statistic]:
        compared = self._compared
        kind = PERMUTED if compared.permutes_rows else PERMUTED_NORMAL
        nulls = nulls_of(values[0], values[1:], Tail.BOTH, kind, unequal)
        n = compared.n_of_pairs if name == COSINE else np.full(len(compared.pairs), compared.of_emotions.n_units)
        return [Statistic(defined(value), null, int(of_pair)) for value, null, of_pair in zip(values[0], nulls, n, strict=True)]

    def _estimated(
        self, layer: int, name: str, values: np.ndarray, zero: np.ndarray, control: str | None = None
    ) -> list[Comparison]:
        if layer in self._averaged and name != SQUARED_DISTANCE:
            # activations grow with depth, so that squared distances of several layers have no mean
            self._sums.setdefault((name, control), _Sums()).add(values, ~zero)
        return self._rows(layer, name, self._fixed(values, name, control), control)

    def _fixed(self, values: np.ndarray, name: str, control: str | None) -> list[Statistic]:
        compared = self._compared
        expected = 0.0 if control or name == SQUARED_DISTANCE else equidistance(len(compared.emotions), compared.labels.reference)
        if name == DISTANCE_RATIO:
            expected = float(np.sqrt(2 - 2 * expected))
        null = Null(expected, None, None, None, None, FIXED)
        intervals = intervals_of(values[0], values[1:], compared.n_scarcest)
        return [
            Statistic(defined(value), null, compared.n_units, interval)
            for value, interval in zip(values[0], intervals, strict=True)
        ]

    def _rows(
        self,
        layer: int | None,
        name: str,
        statistics: Sequence[Statistic],
        control: str | None = None,
        there: np.ndarray | None = None,
    ) -> list[Comparison]:
        there = np.ones(len(statistics), bool) if there is None else there
        return [
            Comparison(layer, *pair, name, statistic, control)
            for pair, statistic, is_there in zip(self._compared.pairs, statistics, there.tolist(), strict=True)
            if is_there
        ]


def _about_mean(rows: Rows, compared: Compared) -> Rows:
    # of all prompts, as inner products are: where topics lack labels, U-statistics are not free of where zero is
    mean = mean_of(rows, np.ones(len(compared.codes), bool))
    return rows.mapped(lambda batch: batch - mean)


def _zeros(compared: Compared, norms: np.ndarray, mixtures: np.ndarray) -> np.ndarray:
    """The squared length [emotion] of a direction that counts as zero."""
    used = compared.used
    lengths = np.bincount(compared.codes[used], norms[used], minlength=len(compared.names))
    against = (mixtures < 0).astype(float)
    return (ZERO_RELATIVE_NORM * (against @ lengths) / (against @ compared.sizes)) ** 2


def _variances(sums: Moments, compared: Compared) -> np.ndarray:
    """The variance of each label's prompts [label], summed over dimensions."""
    used = compared.used
    squares = np.bincount(compared.codes[used], sums.norms[used] ** 2, minlength=len(compared.names))
    return (squares - compared.sizes * np.square(sums.means).sum(1)) / np.maximum(compared.sizes - 1, 1)


def _unequal(compared: Compared, spreads: np.ndarray, mixtures: np.ndarray) -> np.ndarray:
    """Where the labels that make a pair differ in number and in spread [pair]."""
    if not compared.is_uneven.any():
        return np.zeros(len(compared.pairs), bool)
    places = [compared.names.index(emotion) for emotion in compared.emotions]
    against = np.flatnonzero((mixtures < 0).all(0) & (mixtures == mixtures[0]).all(0)).tolist()
    if not against:
        return np.full(len(compared.pairs), compared.is_unequal(spreads, places))
    return np.array(
        [compared.is_unequal(spreads, [places[i], places[j], *against]) for i, j in combinations(range(len(places)), 2)]
    )


def _permuted(
    centred: Rows, compared: Compared, mixtures: np.ndarray, means: np.ndarray, zeros: np.ndarray, name: str
) -> np.ndarray:
    """Cosines [1 + draw, pair] of each pair as labelled, then with the labels that make it permuted within topics."""
    directions = mixtures @ means
    values = cosines_of((directions @ directions.T)[None], zeros)
    reference = OTHERS if name == COSINE_OTHERS else compared.labels.reference
    sampling = compared.sampling.about("cosine", reference)
    if compared.permutes_rows:
        return np.vstack([values, _permuted_rows(centred, compared, reference, zeros, sampling)])
    if reference == OTHERS:
        among = compared.of_emotions
        drawn = normal_cosines_of_all(pool_of(centred, among.codes, among.groups), among.mixtures, sampling)
    else:
        drawn = normal_cosines(pool_of(centred, compared.codes, compared.groups), compared.exchanged, sampling)
    return np.vstack([values, drawn])


def _permuted_rows(centred: Rows, compared: Compared, reference: str, zeros: np.ndarray, sampling: Sampling) -> np.ndarray:
    """Cosines [draw, pair], each pair with its own permutations: those of `within.likeness`."""
    labels = replace(compared.labels, emotions=compared.emotions, reference=reference)
    if reference == OTHERS:
        drawn, names = _sums_of(centred, labels, compared.emotions, sampling)
        mixtures = mixtures_of(names, compared.emotions, OTHERS)
        return cosines_of(_products(drawn, mixtures), zeros)
    columns = []
    for (i, j), pair in zip(combinations(range(len(compared.emotions)), 2), compared.pairs, strict=True):
        drawn, names = _sums_of(centred, labels, pair, sampling)
        mixtures = mixtures_of(names, pair, reference)
        columns.append(cosines_of(_products(drawn, mixtures), zeros[[i, j]])[:, 0])
    return np.column_stack(columns)


def _sums_of(centred: Rows, labels: Labels, pair: Sequence[str], sampling: Sampling) -> tuple[np.ndarray, list[str]]:
    """Means of permuted classes [class, draw, width], and the labels that they are of."""
    names = labels.labels_used(*pair)
    used = labels.with_labels(names)
    made_of = labels.of(used)
    codes = np.searchsorted(names, np.asarray(made_of.labels))
    orders = Exchange(codes, made_of.topics, made_of.clusters).orders(sampling.draws, sampling.generator(*names))
    permuted = codes.astype(np.int16)[orders]
    places = np.full(len(labels.labels), NONE)
    places[used] = np.arange(len(used))
    sums = class_sums(centred, places, permuted, len(names))
    return sums / np.bincount(codes)[:, None, None], names


def _products(means: np.ndarray, mixtures: np.ndarray) -> np.ndarray:
    directions = np.einsum("el,ldw->dew", mixtures, means, optimize=True)
    return np.matmul(directions, directions.transpose(0, 2, 1))


def _unbiased(centred: Rows, compared: Compared) -> Geometry:
    """Geometry [1 + draw, pair] of each two directions: the value in double precision, topics resampled in single."""
    every = np.ones((1, compared.n_units))
    as_they_are = label_products(centred, compared.codes, compared.units, every, np.float64)
    drawn = label_products(centred, compared.codes, compared.units, compared.counts)
    parts = [_geometry(mixed(products, compared.mixtures), compared) for products in chain(as_they_are, drawn)]
    return Geometry(*(np.vstack(curves) for curves in zip(*parts, strict=True)))


def _geometry(products: np.ndarray, compared: Compared) -> Geometry:
    squares = np.diagonal(products, axis1=1, axis2=2)
    first, second = compared.first, compared.second
    return geometry_of(squares[:, first], squares[:, second], products[:, first, second])
