"""Does a direction stay the same on other texts, of many prompts: what `within.dataset_shift` measures, a layer at a time.

Means over pairs of prompts of different topics follow from sums by topic and label, and under permuted labels from each prompt's
inner products with the first set's sums.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import NamedTuple

import numpy as np

from emotion_cli.measures.directions import ZERO_RELATIVE_NORM
from emotion_cli.measures.inference.auroc import CHUNK
from emotion_cli.measures.inference.exchange import Exchange
from emotion_cli.measures.inference.resampling import resampled, strata_of, units_of
from emotion_cli.measures.inference.sampling import Sampling
from emotion_cli.measures.inference.statistic import EXACT, PERMUTED, interval_of
from emotion_cli.measures.labels import OTHERS, Labels
from emotion_cli.measures.streamed.moments import mean_of, moments, summed
from emotion_cli.measures.streamed.products import DENSE_BYTES, SUMS_BYTES, label_products, mixed
from emotion_cli.measures.streamed.rows import ArrayRows, JoinedRows, Rows
from emotion_cli.measures.within.curves import Curves
from emotion_cli.measures.within.dataset_shift import MEASURES, Shift
from emotion_cli.measures.within.likeness import mixtures_of

ELSEWHERE = -1
"""The number of a label, or of a unit, where a prompt is not on a side."""


class Side(NamedTuple):
    """The prompts of one set among those of a case: numbers of their labels and of what is resampled [prompt], draws of that.

    Both numbers are ELSEWHERE for prompts of the other set; `counts` [draw, unit] say how often a unit is drawn.
    """

    codes: np.ndarray
    units: np.ndarray
    counts: np.ndarray


class Drawn(NamedTuple):
    """Both sides with their draws, and which prompt of the rest takes whose label [draw, prompt of the rest]."""

    sides: tuple[Side, Side]
    permuted: np.ndarray


@dataclass(frozen=True)
class Case:
    """Directions of two sets that share their labels: prompts of one set, and then of the other's rest.

    `used` [prompt] are rows of all prompts, `blocks` [prompt] number their topics or clusters over both sets.
    """

    emotions: tuple[str, ...]
    labels: Labels
    used: np.ndarray
    n_first: int
    blocks: np.ndarray
    sampling: Sampling

    @cached_property
    def names(self) -> list[str]:
        """The labels, sorted."""
        return self.labels.labels_used(*self.emotions)

    @cached_property
    def codes(self) -> np.ndarray:
        """The number of each prompt's label [prompt]."""
        return np.searchsorted(self.names, np.asarray(self.labels.labels))

    @cached_property
    def mixtures(self) -> np.ndarray:
        """Weights [emotion, label] of label means in each direction."""
        return mixtures_of(self.names, self.emotions, self.labels.reference)

    @cached_property
    def exchange(self) -> Exchange:
        """How labels of the rest change places."""
        rest = self.labels.of(np.arange(self.n_first, len(self.used)))
        return Exchange(self.codes[self.n_first :], rest.topics, rest.clusters)

    def drawn(self) -> Drawn:
        """All draws, made again each time: those of many directions would fill memory."""
        # where directions share their labels, they share their draws
        rng = self.sampling.generator(self.labels.reference, *(self.emotions if self.labels.reference != OTHERS else ()))
        first, rest = (self._side(prompts, rng) for prompts in (np.arange(self.n_first), np.arange(self.n_first, len(self.used))))
        return Drawn((first, rest), self.exchange.orders(self.sampling.draws, rng))

    def _side(self, prompts: np.ndarray, rng: np.random.Generator) -> Side:
        codes, units = np.full((2, len(self.used)), ELSEWHERE)
        codes[prompts] = self.codes[prompts]
        units[prompts] = np.unique(self.blocks[prompts], return_inverse=True)[1]
        strata = strata_of(codes[prompts], units[prompts], self.labels.of(prompts).topics)
        return Side(codes, units, resampled(strata, self.sampling.draws, rng))


class LayerShifts:
    """The measures of every emotion's direction on two sets: a layer at a time, then all rows.

    `labels` are of the prompts of one set, and then of the `rest` of the other [prompt]. Means cover the `averaged` layers.
    """

    def __init__(self, labels: Labels, rest: np.ndarray, sampling: Sampling, averaged: Collection[int]) -> None:
        self._averaged = averaged
        self._layers: list[int] = []
        (self._measure,) = MEASURES
        emotions, blocks = sorted(labels.emotions), units_of(labels.topics, labels.clusters)
        groups = [tuple(emotions)] if labels.reference == OTHERS else [(emotion,) for emotion in emotions]
        self._cases = []
        for group in groups:
            used = labels.with_labels(labels.labels_used(*group))
            used = np.concatenate([used[~rest[used]], used[rest[used]]])
            n_first = int((~rest[used]).sum())
            sampling_of_case = sampling.about(self._measure.name)
            self._cases.append(Case(group, labels.of(used), used, n_first, blocks[used], sampling_of_case))
        self._found: dict[str, list[_Found]] = {emotion: [] for emotion in emotions}

    def layer(self, layer: int, rows: Rows) -> None:
        """Measure one layer, from the prepared activations of all prompts."""
        self._layers.append(layer)
        mean = mean_of(rows, np.ones(len(rows), bool))
        for case in self._cases:
            found = _layer(case, JoinedRows([(rows, case.used)], case.blocks), mean)
            for emotion, of_emotion in zip(case.emotions, found, strict=True):
                self._found[emotion].append(of_emotion)

    def rows(self) -> list[Shift]:
        """The rows of all layers measured, and the means over them."""
        made = []
        for case in self._cases:
            n_units = len(np.unique(case.blocks))
            kind = EXACT if case.exchange.is_all(case.sampling.draws) else PERMUTED
            sizes = np.bincount(case.codes[case.n_first :], minlength=len(case.names))
            for emotion, mixture in zip(case.emotions, case.mixtures, strict=True):
                values, drawn, nulls = (np.array(column) for column in zip(*self._found[emotion], strict=True))
                curves = Curves(
                    np.column_stack([values, nulls]),
                    n_units,
                    drawn,
                    lambda value, draws: interval_of(draws),
                    is_zero=~np.isfinite(values),
                    kind=kind,
                    alike=case.exchange.share_alike((mixture / sizes).tolist()),
                )
                statistics = curves.statistics(self._layers, self._averaged, self._measure.tail)
                made += [Shift(layer, emotion, self._measure.name, statistic) for layer, statistic in statistics]
        return made


class _Found(NamedTuple):
    """Of one direction at one layer: the value, the same with topics resampled [draw], and under permuted labels [draw]."""

    value: float
    resampled: np.ndarray
    permuted: np.ndarray


def _layer(case: Case, rows: Rows, mean: np.ndarray) -> list[_Found]:
    """The directions of a case at one layer."""
    centred, drawn = rows.mapped(lambda batch: batch - mean), case.drawn()
    sides = drawn.sides
    is_zero = np.zeros(len(case.emotions), bool)
    for side in sides:
        known, about_mean = moments(rows, side.codes), moments(centred, side.codes)
        lengths = np.bincount(side.codes[side.codes >= 0], known.norms[side.codes >= 0], minlength=len(case.names))
        against = (case.mixtures < 0).astype(float)
        scales = (against @ lengths) / (against @ known.sizes)
        directions = case.mixtures @ about_mean.means
        is_zero |= np.square(directions).sum(1) < (ZERO_RELATIVE_NORM * scales) ** 2
    square_a, square_b = (_curve(case, _products_within, centred, side) for side in sides)
    product = _curve(case, _products_between, centred, *sides)
    lengths = np.sqrt(np.where((square_a > 0) & (square_b > 0), square_a * square_b, np.nan))
    lengths[:, is_zero] = np.nan
    values, nulls = product / lengths, _permuted(case, centred, drawn) / lengths[0]
    return [_Found(float(values[0, k]), values[1:, k], nulls[:, k]) for k in range(len(case.emotions))]


def _curve(case: Case, products: Callable[..., Iterator[np.ndarray]], rows: Rows, *sides: Side) -> np.ndarray:
    """Products [1 + draw, emotion] of directions: as they are in double precision, then with topics resampled in single."""
    as_they_are = [side._replace(counts=np.ones((1, side.counts.shape[1]))) for side in sides]
    parts = chain(products(rows, *as_they_are, dtype=np.float64), products(rows, *sides))
    return np.vstack([np.diagonal(mixed(part, case.mixtures), axis1=1, axis2=2) for part in parts]).astype(np.float64)


def _products_within(rows: Rows, side: Side, dtype: type = np.float32) -> Iterator[np.ndarray]:
    return label_products(rows, side.codes, side.units, side.counts, dtype)


def _products_between(rows: Rows, first: Side, second: Side, dtype: type = np.float32) -> Iterator[np.ndarray]:
    """What `label_products` gives of two sets [some draws, label of the first, label of the second]; both are drawn apart."""
    n_labels = int(max(first.codes.max(), second.codes.max())) + 1
    blocks = np.empty(len(rows), int)
    blocks[rows.order] = np.repeat(np.arange(len(rows.ends)), np.diff(rows.ends, prepend=0))
    alike = ArrayRows(np.ones((len(rows), 1)), blocks)
    step = max(1, SUMS_BYTES // (2 * np.dtype(dtype).itemsize * n_labels * max(rows.width, n_labels)))
    for start in range(0, len(first.counts), step):
        chosen = slice(start, start + step)
        sides = [side._replace(counts=np.ascontiguousarray(side.counts[chosen].T, dtype)) for side in (first, second)]
        pairs, sums = (_sums_between(part, blocks, sides, n_labels) for part in (alike, rows))
        yield np.divide(sums, pairs, out=np.full_like(sums, np.nan), where=pairs > 0.5)


class _Cells(NamedTuple):
    """Prompts of a batch by topic and label: the topic, unit and label of each cell [cell], and the sum of its rows."""

    blocks: np.ndarray
    units: np.ndarray
    labels: np.ndarray
    sums: np.ndarray


def _cells(x: np.ndarray, prompts: np.ndarray, blocks: np.ndarray, side: Side, n_labels: int) -> _Cells:
    counted = np.flatnonzero(side.codes[prompts] >= 0)
    of_side = prompts[counted]
    keys, first, cell = np.unique(blocks[of_side] * n_labels + side.codes[of_side], return_index=True, return_inverse=True)
    sums = summed(x[counted], cell, len(keys)) if len(keys) else np.zeros((0, x.shape[1]))
    return _Cells(keys // n_labels, side.units[of_side][first], keys % n_labels, sums)


def _sums_between(rows: Rows, blocks: np.ndarray, sides: Sequence[Side], n_labels: int) -> np.ndarray:
    """Sums of inner products [draw, label, label] over pairs of prompts of both sides of different topics.

    `counts` of the sides are [unit, draw] here.
    """
    dtype, draws = sides[0].counts.dtype, sides[0].counts.shape[1]
    totals = np.zeros((2, n_labels, draws, rows.width), dtype)
    within = np.zeros((draws, n_labels, n_labels), dtype)
    for prompts, batch in rows.batches():
        cells = [_cells(batch, prompts, blocks, side, n_labels) for side in sides]
        for total, side, of_side in zip(totals, sides, cells, strict=True):
            for label in np.unique(of_side.labels):
                members = of_side.labels == label
                total[label] += side.counts[of_side.units[members]].T @ of_side.sums[members].astype(dtype)
        shared = np.intersect1d(cells[0].blocks, cells[1].blocks)
        step = max(1, DENSE_BYTES // (8 * n_labels * max(rows.width, n_labels)))
        for start in range(0, len(shared), step):
            some = shared[start : start + step]
            (dense_a, drawn_a), (dense_b, drawn_b) = (
                _dense(of_side, side, some, n_labels) for of_side, side in zip(cells, sides, strict=True)
            )
            inner = np.matmul(dense_a, dense_b.transpose(0, 2, 1)).reshape(len(some), -1).astype(dtype)
            within += ((drawn_a * drawn_b).T @ inner).reshape(within.shape)
    return np.matmul(totals[0].transpose(1, 0, 2), totals[1].transpose(1, 2, 0)) - within


def _dense(cells: _Cells, side: Side, blocks: np.ndarray, n_labels: int) -> tuple[np.ndarray, np.ndarray]:
    """Sums of rows [block, label, width] of some topics, and how often each is drawn [block, draw]."""
    place = np.minimum(np.searchsorted(blocks, cells.blocks), len(blocks) - 1)
    there = np.flatnonzero(blocks[place] == cells.blocks)
    dense = np.zeros((len(blocks), n_labels, cells.sums.shape[1]))
    dense[place[there], cells.labels[there]] = cells.sums[there]
    drawn = np.empty((len(blocks), side.counts.shape[1]), side.counts.dtype)
    drawn[place[there]] = side.counts[cells.units[there]]
    return dense, drawn


def _permuted(case: Case, rows: Rows, drawn: Drawn) -> np.ndarray:
    """Products [draw, emotion] of the first set's directions with the rest's, whose labels are permuted."""
    n_labels, permuted = len(case.names), drawn.permuted
    codes = case.codes[case.n_first :]
    members = [np.flatnonzero(codes == label) for label in range(n_labels)]
    sums, counts = (
        _of_each(case, part, drawn.sides[0], n_labels) for part in (rows, ArrayRows(np.ones((len(rows), 1)), case.blocks))
    )
    made = np.empty((len(permuted), len(case.emotions)))
    step = max(1, CHUNK // len(codes))
    for start in range(0, len(permuted), step):
        orders = permuted[start : start + step]
        means = np.empty((len(orders), n_labels, n_labels))
        for label, places in enumerate(members):
            of_class = orders[:, places]
            for k in range(n_labels):
                means[:, k, label] = sums[:, k][of_class].sum(1) / np.maximum(counts[:, k][of_class].sum(1), 1)
        made[start : start + step] = np.einsum("ek,dkl,el->de", case.mixtures, means, case.mixtures, optimize=True)
    return made


def _of_each(case: Case, rows: Rows, first: Side, n_labels: int) -> np.ndarray:
    """Sums of the inner products of each prompt of the rest [prompt of the rest, label] with the first set's of other topics."""
    totals = moments(rows, first.codes).sums
    made = np.empty((len(case.used) - case.n_first, n_labels))
    for prompts, batch in rows.batches():
        of_rest = np.flatnonzero(prompts >= case.n_first)
        scores = batch[of_rest] @ totals.T
        blocks = case.blocks[prompts[of_rest]]
        cells = _cells(batch, prompts, case.blocks, first, n_labels)
        # both are in the order of topics
        shared = np.intersect1d(blocks, cells.blocks)
        bounds = [np.searchsorted(column, shared, side) for column in (blocks, cells.blocks) for side in ("left", "right")]
        for start, stop, first_cell, last_cell in zip(*bounds, strict=True):
            of_block = slice(first_cell, last_cell)
            scores[start:stop, cells.labels[of_block]] -= batch[of_rest[start:stop]] @ cells.sums[of_block].T
        made[prompts[of_rest] - case.n_first] = scores
    return made
