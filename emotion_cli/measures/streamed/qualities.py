"""The quality of each direction of many prompts or labels: what `within.quality` measures, a layer at a time.

Values are those of all prompts. Labels are permuted in a sample of each direction's prompts: how far AUROC and standardised
differences stray from nothing goes with one over the square root of the number of prompts, so the draws are brought to all
prompts. What a direction has over words is measured on the sample.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from emotion_cli.measures.directions import ZERO_RELATIVE_NORM
from emotion_cli.measures.gram import gram
from emotion_cli.measures.inference.auroc import area_interval, settled, variance_of_refits
from emotion_cli.measures.inference.resampling import n_of_scarcest
from emotion_cli.measures.inference.statistic import Interval, interval_of, widened
from emotion_cli.measures.labels import OTHERS
from emotion_cli.measures.streamed.beside_words import GAIN, GAIN_ON_TEST_SETS, BesideWords
from emotion_cli.measures.streamed.comparisons import Compared
from emotion_cli.measures.streamed.divisions import Divisions
from emotion_cli.measures.streamed.inputs import Inputs, Layer
from emotion_cli.measures.streamed.limits import PERMUTED_SAMPLE
from emotion_cli.measures.streamed.moments import mean_of, moments
from emotion_cli.measures.streamed.pieces import Key, Pieces
from emotion_cli.measures.streamed.products import label_products, mixed
from emotion_cli.measures.streamed.rows import Rows
from emotion_cli.measures.streamed.samples import OF_NULL, OF_WORDS, Samples
from emotion_cli.measures.streamed.separations import (
    Changing,
    Divided,
    area,
    centroid_shares,
    fold_sums,
    scores_of,
    split_halves,
    standardised,
)
from emotion_cli.measures.within.centroids import centroid_accuracy
from emotion_cli.measures.within.curves import Curves
from emotion_cli.measures.within.effect import NO_DISTANCE, d_prime
from emotion_cli.measures.within.quality import Quality
from emotion_cli.measures.within.reliability import split_half
from emotion_cli.measures.within.separability import (
    HeldOut,
    auroc,
    auroc_of_scores,
    best_auroc,
    contrast_of_test,
    random_auroc,
)

DRAWS_AT_ONCE = 10
"""Draws of the null of centroids that are in memory at once."""

CHANGES_AT_ONCE = 100
"""Draws of resampled topics that are in memory in double precision at once."""


class LayerQualities:
    """Every measure of every direction: a layer at a time, then all rows."""

    def __init__(self, inputs: Inputs) -> None:
        self._inputs = inputs
        labels = self._labels = replace(inputs.labels, emotions=sorted(inputs.labels.emotions))
        training = inputs.sampling.about("quality", labels.reference)
        self._testing = inputs.sampling.about("heldout", labels.reference)
        self._compared = Compared(labels, training)
        # all labels, those that make no direction too
        self._of_names = Compared(replace(labels, emotions=sorted(set(labels.labels)), reference=OTHERS), training)
        self._divisions = Divisions(labels, training)
        self._samples = Samples(self._divisions)
        self._beside = BesideWords(inputs, self._samples, self._testing)
        self._pieces = Pieces(inputs.averaged)

    def layer(self, layer: int, rows: Rows, tests: Sequence[Rows] = (), gaussian: np.ndarray | None = None) -> None:
        """Measure one layer, from its prepared activations and those of the test sets."""
        self._pieces.layers.append(layer)
        mean = mean_of(rows, np.ones(len(rows), bool))
        norms = moments(rows, self._compared.codes).norms
        known = Layer(rows.mapped(lambda batch: batch - mean), norms, mean, tests, gaussian)
        spreads = self._spreads(known.centred)
        vectors, is_zero = self._directions(known, spreads)
        if not self._inputs.is_reading:
            self._distances(known.centred, is_zero)
        for number, test in enumerate(self._inputs.held_out):
            self._tested(test, number, known, vectors, is_zero)
        self._centroids(known, spreads)
        for emotion in self._labels.emotions:
            self._permuted(emotion, known)
        names = {emotion: self._divisions.of(emotion)[0].names for emotion in self._labels.emotions}
        self._beside.layer(names, known, self._pieces)

    def _directions(self, known: Layer, spreads: Mapping[str, float]) -> tuple[dict[str, np.ndarray], dict[str, bool]]:
        """Measure all directions on their own prompts; the directions, and which of them count as zero."""
        labels, compared, divisions = self._labels, self._compared, self._divisions.every
        sums = fold_sums(known.centred, divisions)
        directions = [part.held_out(by) for part, by in zip(sums, divisions, strict=True)]
        scores = scores_of(known.centred, divisions, directions)
        changes = np.zeros((2, compared.n_units, len(labels.emotions)), np.float32)
        values = np.full((2, len(labels.emotions)), np.nan)
        vectors, is_zero = {}, {}
        for k, emotion in enumerate(labels.emotions):
            part, i = self._divisions.places[emotion]
            by = divisions[part]
            vector = vectors[emotion] = sums[part].directions(by)[i]
            zero = self._zero(by, i, known.norms)
            is_zero[emotion] = float(vector @ vector) <= zero**2
            measured = self._separated(by, i, scores[part][:, i], directions[part][i], known.norms, zero)
            for number, changing in enumerate(measured):
                values[number, k] = changing.value
                units = compared.units[by.used]
                changes[number, :, k] = np.bincount(units, np.nan_to_num(changing.change), minlength=compared.n_units)
            halves = split_halves(vector, sums[part].halves[i], zero)
            self._pieces.keep(Key(emotion, "split_half"), self._curves(halves, by, is_zero=is_zero[emotion], spreads=None))
        boots = self._resampled(values, changes)
        for k, emotion in enumerate(labels.emotions):
            self._separations(emotion, values[:, k], boots[:, :, k], spreads, is_zero=is_zero[emotion])
        return vectors, is_zero

    def _separations(
        self, emotion: str, values: np.ndarray, boots: np.ndarray, spreads: Mapping[str, float], *, is_zero: bool
    ) -> None:
        """Keep AUROC and standardised difference [2] of a direction, with topics resampled [2, draw]."""
        by, _ = self._divisions.of(emotion)
        if is_zero:
            values, boots = np.array([0.5, np.nan]), np.full(boots.shape, np.nan)
        n_units = self._n_scarcest(by)
        of_area = partial(area_interval, n_units=n_units, n_folds=by.n_folds)
        of_effect = partial(_widened, n_units=n_units, factor=float(np.sqrt(1 + variance_of_refits(by.n_folds))))
        keep = self._pieces.keep
        keep(Key(emotion, "auroc"), self._curves(values[0], by, boots[0], of_area, spreads=spreads))
        keep(Key(emotion, "d_prime"), self._curves(values[1], by, boots[1], of_effect, is_zero=is_zero, spreads=spreads))

    def _zero(self, by: Divided, i: int, norms: np.ndarray) -> float:
        """The length below which the direction of the i-th emotion of a division counts as zero."""
        against = by.mixtures[i][by.codes] < 0
        return ZERO_RELATIVE_NORM * float(norms[by.used][against].mean())

    def _spreads(self, centred: Rows) -> dict[str, float]:
        """The variance of each label's prompts."""
        names, codes = np.unique(np.asarray(self._labels.labels), return_inverse=True)
        known = moments(centred, codes)
        squares = np.bincount(codes, known.norms**2)
        variances = (squares - known.sizes * np.square(known.means).sum(1)) / np.maximum(known.sizes - 1, 1)
        return dict(zip(names.tolist(), variances.tolist(), strict=True))

    def _separated(
        self, by: Divided, i: int, scores: np.ndarray, directions: np.ndarray, norms: np.ndarray, zero: float
    ) -> tuple[Changing, Changing]:
        """AUROC and standardised difference of scores [prompt used]."""
        is_emotion, scale = by.codes == by.names.index(by.emotions[i]), float(np.mean(norms[by.used] ** 2))
        is_known = np.asarray(by.left.all(1))
        rounded = settled(np.nan_to_num(scores), scale)
        squares = np.einsum("fw,fw->f", directions, directions)
        lengths = np.sqrt(np.where(squares > zero**2, squares, np.nan))
        along = rounded * np.sqrt(scale) / lengths[by.folds]
        return area(rounded, is_emotion, by.folds, is_known), standardised(along, is_emotion, by.folds, is_known)

    def _resampled(self, values: np.ndarray, changes: np.ndarray) -> np.ndarray:
        """Values [measure, draw, emotion] with topics resampled, to first order."""
        counts = self._compared.counts
        boots = np.empty((len(values), len(counts), values.shape[1]), np.float32)
        for start in range(0, len(counts), CHANGES_AT_ONCE):
            more = counts[start : start + CHANGES_AT_ONCE].astype(np.float32) - 1
            for number in range(len(values)):
                boots[number, start : start + CHANGES_AT_ONCE] = values[number] + more @ changes[number]
        return boots

    def _n_scarcest(self, by: Divided) -> int:
        return n_of_scarcest(by.codes, self._compared.units[by.used])

    def _curves(
        self,
        value: float,
        by: Divided,
        boots: np.ndarray | None = None,
        interval=None,
        *,
        is_zero: bool | None = None,
        spreads: Mapping[str, float] | None = None,
    ) -> Curves:
        """One layer of a measure, without its null."""
        return Curves(
            np.array([[value]]),
            len(np.unique(self._compared.units[by.used])),
            None if boots is None else boots[None].astype(np.float64),
            interval,
            None if is_zero is None else np.array([is_zero]),
            kind=PERMUTED_SAMPLE,
            is_unequal=None if spreads is None else np.array([self._is_unequal(by.names, spreads)]),
        )

    def _is_unequal(self, names: Sequence[str], spreads: Mapping[str, float]) -> bool:
        compared = self._of_names
        places = [compared.names.index(name) for name in names]
        return compared.is_unequal(np.array([spreads[name] for name in compared.names]), places)

    def _distances(self, centred: Rows, is_zero: Mapping[str, bool]) -> None:
        compared = self._compared
        every = np.ones((1, compared.n_units))
        parts = [*label_products(centred, compared.codes, compared.units, every, np.float64)]
        parts += label_products(centred, compared.codes, compared.units, compared.counts)
        squares = np.vstack([np.diagonal(mixed(part, compared.mixtures), axis1=1, axis2=2) for part in parts])
        for k, emotion in enumerate(self._labels.emotions):
            by, _ = self._divisions.of(emotion)
            curve = np.where(is_zero[emotion], np.nan, squares[:, k].astype(np.float64))
            interval = partial(_widened, n_units=self._n_scarcest(by))
            curves = self._curves(float(curve[0]), by, curve[1:], interval, is_zero=True)
            self._pieces.keep(Key(emotion, "squared_distance"), curves._replace(null=NO_DISTANCE))

    def _tested(
        self, test: HeldOut, number: int, known: Layer, vectors: Mapping[str, np.ndarray], is_zero: Mapping[str, bool]
    ) -> None:
        """AUROC of the whole training set's directions on a test set's prompts."""
        told = [emotion for emotion in vectors if {*self._divisions.of(emotion)[0].names} <= {*test.labels}]
        if not told:
            return
        directions = [vectors[emotion] * (not is_zero[emotion]) for emotion in told]
        scored = known.scored(number, np.array(directions))
        for i, emotion in enumerate(told):
            of_test = contrast_of_test(emotion, self._divisions.of(emotion)[0].names, test, self._testing)
            scores = scored.settled(i, known.norms)[of_test.draws.used]
            self._pieces.keep(Key(emotion, "auroc_heldout", test.name), auroc_of_scores(of_test, scores[None]))

    def _centroids(self, known: Layer, spreads: Mapping[str, float]) -> None:
        by = self._divisions.of_all_labels
        (sums,) = fold_sums(known.centred, [by], with_halves=False)
        shares = centroid_shares(known.centred, by, sums, float(np.mean(known.norms[by.used] ** 2)))
        null = self._null_of_centroids(known.centred)
        sample, _ = self._samples.of_all_labels
        n_sampled = np.bincount(sample.codes, minlength=len(sample.names))
        for emotion in self._labels.emotions:
            place = by.names.index(emotion)
            drawn = null[:, sample.names.index(emotion)] if emotion in sample.names else null.mean(1)
            n = n_sampled[sample.names.index(emotion)] if emotion in sample.names else n_sampled.mean()
            middle = drawn.mean()
            drawn = middle + (drawn - middle) * np.sqrt(n / by.sizes[:, place].sum())
            key = Key(emotion, "centroid_accuracy")
            self._pieces.keep(key, self._curves(shares[place], by, spreads=spreads))
            self._pieces.with_null(key, drawn)

    def _null_of_centroids(self, centred: Rows) -> np.ndarray:
        """Shares of each label of the sample [draw, label] with labels permuted."""
        draws, places = self._samples.of_all_labels
        of_sample = gram(centred.take(places))
        parts = [
            centroid_accuracy(replace(draws, permuted=draws.permuted[start : start + DRAWS_AT_ONCE]), [of_sample])[0]
            for start in range(1, len(draws.permuted), DRAWS_AT_ONCE)
        ]
        return np.concatenate(parts)

    def _permuted(self, emotion: str, known: Layer) -> None:
        """The nulls of one direction, with labels permuted in a sample of its prompts."""
        sample, pieces = self._samples.of(emotion, OF_NULL), self._pieces
        contrast, of_area = sample.contrast, Key(emotion, "auroc")
        grams = [known.gram(sample.places)]
        pieces.with_null(of_area, 0.5 + (auroc(contrast, grams).values[0, 1:] - 0.5) * sample.shrinks)
        pieces.with_null(Key(emotion, "d_prime"), d_prime(contrast, grams).values[0, 1:] * sample.shrinks)
        pieces.with_null(Key(emotion, "split_half"), split_half(contrast, grams).values[0, 1:])
        if known.gaussian is not None:
            last = pieces.last(of_area)
            random = random_auroc(contrast, grams, last.values[:, 0])._replace(n=last.n)
            pieces.keep(Key(emotion, "auroc_random"), random)

    def rows(self) -> list[Quality]:
        """The rows of all layers measured, and the means over them."""
        made: list[Quality] = []
        for key, curves in self._pieces.curves():
            on_sample = key.measure in (GAIN, GAIN_ON_TEST_SETS)
            n_sampled = len(self._samples.of(key.emotion, OF_WORDS).places) if on_sample else None
            made += self._pieces.rows(key, curves, n_sampled)
            if key.measure == "auroc":
                made += self._best(key.emotion, curves)
        for emotion in self._labels.emotions:
            made += self._beside.of_texts(emotion, self._pieces)
        return made

    def _best(self, emotion: str, curves: Curves) -> list[Quality]:
        layers = [layer for layer in self._pieces.layers if layer in self._inputs.averaged]
        chosen = np.isin(self._pieces.layers, layers)
        unequal = None if curves.is_unequal is None else curves.is_unequal[chosen]
        best = best_auroc(curves._replace(values=curves.values[chosen], is_unequal=unequal), layers)
        return [] if best is None else self._pieces.rows(Key(emotion, "auroc_best"), best, None)


def _widened(value: float, drawn: np.ndarray, n_units: int, factor: float = 1.0) -> Interval:
    return widened(value, interval_of(drawn), n_units, factor)
