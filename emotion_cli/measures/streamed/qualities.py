"""The quality of each direction of many prompts or labels: what `within.quality` measures, a layer at a time.

Values are those of all prompts. Labels are permuted in a sample of each direction's prompts: how far AUROC and standardised
differences stray from nothing goes with one over the square root of the number of prompts, so the draws are brought to all
prompts. What a direction has over words is measured on the sample.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial

import numpy as np

from emotion_cli.measures.directions import ZERO_RELATIVE_NORM
from emotion_cli.measures.gram import Gram, gram
from emotion_cli.measures.inference.auroc import area_interval, settled, variance_of_refits
from emotion_cli.measures.inference.draws import Contrast, Draws, draws_of
from emotion_cli.measures.inference.resampling import n_of_scarcest
from emotion_cli.measures.inference.sampling import Sampling
from emotion_cli.measures.inference.statistic import Interval, Statistic, Tail, interval_of, widened
from emotion_cli.measures.labels import OTHERS, Labels, emotions_of
from emotion_cli.measures.streamed.comparisons import Compared
from emotion_cli.measures.streamed.limits import MOST_PERMUTED, MOST_SAMPLED, PERMUTED_SAMPLE
from emotion_cli.measures.streamed.moments import mean_of, moments
from emotion_cli.measures.streamed.products import label_products, mixed
from emotion_cli.measures.streamed.rows import Rows
from emotion_cli.measures.streamed.sample import sample_of
from emotion_cli.measures.streamed.separations import (
    Changing,
    Divided,
    area,
    centroid_shares,
    divided,
    fold_sums,
    scores_of,
    split_halves,
    standardised,
)
from emotion_cli.measures.within.bag_of_words import Texts
from emotion_cli.measures.within.centroids import centroid_accuracy
from emotion_cli.measures.within.curves import Curves
from emotion_cli.measures.within.effect import NO_DISTANCE, d_prime
from emotion_cli.measures.within.quality import Quality, Rival
from emotion_cli.measures.within.reliability import split_half
from emotion_cli.measures.within.separability import (
    HeldOut,
    auroc,
    auroc_of_scores,
    best_auroc,
    contrast_of_test,
    heldout_auroc,
    random_auroc,
)
from emotion_cli.measures.within.surface import Surface, surface_auroc
from emotion_cli.measures.within.words import HeldOutTexts, Words, curves_of_words, gain

LABELS_OF_WORDS = 10
"""Labels of the sample on which words compete with a direction, its own among them."""

LABELS_OF_NULL = 4
"""The same of the sample on which labels are permuted."""

CENTROID_PROMPTS, CENTROID_DRAWS = 1_000, 100
"""Prompts and draws of the null of centroids, for all labels together."""

DRAWS_AT_ONCE = 10
"""Draws of that null that are in memory at once."""

CHANGES_AT_ONCE = 100
"""Draws of resampled topics that are in memory in double precision at once."""


@dataclass(frozen=True)
class Inputs:
    """What the quality of directions needs besides activations: labels, texts, test sets; `is_reading` where rows are whitened.

    `averaged` are the layers that means cover. `is_control`: what stands beside a model's directions is left out.
    """

    labels: Labels
    sampling: Sampling
    averaged: Collection[int]
    surface: Surface | None = None
    texts: Texts | None = None
    held_out: Sequence[HeldOut] = ()
    is_reading: bool = False
    controls: Mapping[str, Rows] = field(default_factory=dict)
    """Rows of controls over the same prompts, centred or not."""


@dataclass(frozen=True)
class Sampled:
    """The sample of one direction's prompts: their places among all, the contrast of their labels, what its draws are times."""

    places: np.ndarray
    contrast: Contrast
    shrinks: float


class LayerQualities:
    """Every measure of every direction: a layer at a time, then all rows."""

    def __init__(self, inputs: Inputs) -> None:
        self._inputs = inputs
        labels = self._labels = replace(inputs.labels, emotions=sorted(inputs.labels.emotions))
        self._training = inputs.sampling.about("quality", labels.reference)
        self._testing = inputs.sampling.about("heldout", labels.reference)
        self._compared = Compared(labels, self._training)
        self._layers: list[int] = []
        self._pieces: dict[tuple[str, str, str | None, str | None], list[Curves]] = {}
        self._samples: dict[tuple[str, int], Sampled] = {}
        self._rivals: dict[str, dict[str, Rival]] = {}

    @cached_property
    def _divisions(self) -> list[Divided]:
        labels = self._labels
        if labels.reference == OTHERS:
            return [divided(labels, labels.emotions, labels.emotions, self._training)]
        return [divided(labels, [emotion], labels.labels_used(emotion), self._training) for emotion in labels.emotions]

    @cached_property
    def _of_all(self) -> Divided:
        """The division of all labels, for centroids."""
        labels = self._labels
        if labels.reference == OTHERS:
            return self._divisions[0]
        names = emotions_of(labels.labels, "")
        return divided(labels, names, names, self._training)

    @cached_property
    def _contrasts(self) -> dict[str, tuple[Divided, int]]:
        """The division of each emotion, and its place there."""
        return {emotion: (by, i) for by in self._divisions for i, emotion in enumerate(by.emotions)}

    def layer(self, layer: int, rows: Rows, tests: Sequence[np.ndarray] = (), gaussian: np.ndarray | None = None) -> None:
        """Measure one layer, from its prepared activations and those of the test sets [prompt, width]."""
        labels, compared, inputs = self._labels, self._compared, self._inputs
        self._layers.append(layer)
        mean = mean_of(rows, np.ones(len(rows), bool))
        norms = moments(rows, compared.codes).norms
        centred = rows.mapped(lambda batch: batch - mean)
        divisions = self._divisions
        sums = fold_sums(centred, divisions)
        directions = [part.held_out(by) for part, by in zip(sums, divisions, strict=True)]
        scores = scores_of(centred, divisions, directions)
        changes = np.zeros((2, compared.n_units, len(labels.emotions)), np.float32)
        values = np.full((2, len(labels.emotions)), np.nan)
        spreads = self._spreads(centred)
        is_zero, vectors = {}, {}
        for k, emotion in enumerate(labels.emotions):
            by, i = self._contrasts[emotion]
            part = divisions.index(by)
            vector = sums[part].directions(by)[i]
            vectors[emotion] = vector
            zero = self._zero(by, i, norms)
            is_zero[emotion] = float(vector @ vector) <= zero**2
            measured = self._separated(by, i, scores[part][:, i], directions[part][i], norms, zero)
            for number, changing in enumerate(measured):
                values[number, k] = changing.value
                units = compared.units[by.used]
                changes[number, :, k] = np.bincount(units, np.nan_to_num(changing.change), minlength=compared.n_units)
            halves = split_halves(vector, sums[part].halves[i], zero)
            self._keep(emotion, "split_half", self._curves(halves, by, is_zero=is_zero[emotion], spreads=None))
        boots = self._resampled(values, changes)
        for k, emotion in enumerate(labels.emotions):
            by, _ = self._contrasts[emotion]
            n_folds = by.n_folds
            of_area, of_effect = values[:, k]
            boots_of_area, boots_of_effect = boots[:, :, k]
            if is_zero[emotion]:
                of_area, of_effect = 0.5, np.nan
                boots_of_area, boots_of_effect = np.full((2, boots.shape[1]), np.nan)
            n_scarcest = self._n_scarcest(by)
            refits = float(np.sqrt(1 + variance_of_refits(n_folds)))
            self._keep(
                emotion,
                "auroc",
                self._curves(
                    of_area, by, boots_of_area, partial(area_interval, n_units=n_scarcest, n_folds=n_folds), spreads=spreads
                ),
            )
            self._keep(
                emotion,
                "d_prime",
                self._curves(
                    of_effect,
                    by,
                    boots_of_effect,
                    partial(_widened, n_units=n_scarcest, factor=refits),
                    is_zero=is_zero[emotion],
                    spreads=spreads,
                ),
            )
        if not inputs.is_reading:
            self._distances(centred, is_zero)
        for test, test_rows in zip(inputs.held_out, tests, strict=True):
            self._tested(test, test_rows - mean, vectors, is_zero, norms)
        self._centroids(centred, norms, spreads)
        for emotion in labels.emotions:
            self._on_sample(emotion, centred, norms, mean, tests, gaussian)

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

    @cached_property
    def _of_names(self) -> Compared:
        """All labels, those that make no direction too."""
        labels = self._labels
        return Compared(replace(labels, emotions=sorted(set(labels.labels)), reference=OTHERS), self._training)

    def _keep(self, emotion: str, measure: str, curves: Curves, test_set: str | None = None, control: str | None = None) -> None:
        self._pieces.setdefault((emotion, measure, test_set, control), []).append(curves)

    def _with_null(self, emotion: str, measure: str, draws: np.ndarray) -> None:
        """Add draws [draw] from the null to the last layer of a measure."""
        pieces = self._pieces[emotion, measure, None, None]
        pieces[-1] = pieces[-1]._replace(values=np.concatenate([pieces[-1].values, draws[None]], axis=1))

    def _distances(self, centred: Rows, is_zero: Mapping[str, bool]) -> None:
        compared = self._compared
        every = np.ones((1, compared.n_units))
        parts = [*label_products(centred, compared.codes, compared.units, every, np.float64)]
        parts += label_products(centred, compared.codes, compared.units, compared.counts)
        squares = np.vstack([np.diagonal(mixed(part, compared.mixtures), axis1=1, axis2=2) for part in parts])
        for k, emotion in enumerate(self._labels.emotions):
            by, _ = self._contrasts[emotion]
            curve = np.where(is_zero[emotion], np.nan, squares[:, k].astype(np.float64))
            interval = partial(_widened, n_units=self._n_scarcest(by))
            curves = self._curves(float(curve[0]), by, curve[1:], interval, is_zero=True)
            self._keep(emotion, "squared_distance", curves._replace(null=NO_DISTANCE))

    def _tested(
        self,
        test: HeldOut,
        rows: np.ndarray,
        vectors: Mapping[str, np.ndarray],
        is_zero: Mapping[str, bool],
        norms: np.ndarray,
    ) -> None:
        """AUROC of the whole training set's directions on a test set's prompts."""
        scale = float(np.mean(np.append(norms, np.linalg.norm(rows, axis=1)) ** 2))
        for emotion in self._labels.emotions:
            names = self._contrasts[emotion][0].names
            if not {*names} <= {*test.labels}:
                continue
            of_test = contrast_of_test(emotion, names, test, self._testing)
            scores = np.zeros(len(of_test.draws.used))
            if not is_zero[emotion]:
                scores = settled(rows[of_test.draws.used] @ vectors[emotion], scale)
            self._keep(emotion, "auroc_heldout", auroc_of_scores(of_test, scores[None]), test.name)

    def _centroids(self, centred: Rows, norms: np.ndarray, spreads: Mapping[str, float]) -> None:
        by, labels = self._of_all, self._labels
        (sums,) = fold_sums(centred, [by], with_halves=False)
        shares = centroid_shares(centred, by, sums, float(np.mean(norms[by.used] ** 2)))
        null = self._null_of_centroids(centred)
        sample, _ = self._sample_of_all
        n_sampled = np.bincount(sample.codes, minlength=len(sample.names))
        for emotion in labels.emotions:
            place = by.names.index(emotion)
            drawn = null[:, sample.names.index(emotion)] if emotion in sample.names else null.mean(1)
            n = n_sampled[sample.names.index(emotion)] if emotion in sample.names else n_sampled.mean()
            middle = drawn.mean()
            drawn = middle + (drawn - middle) * np.sqrt(n / by.sizes[:, place].sum())
            curves = self._curves(shares[place], by, spreads=spreads)
            self._keep(emotion, "centroid_accuracy", curves)
            self._with_null(emotion, "centroid_accuracy", drawn)

    @cached_property
    def _sample_of_all(self) -> tuple[Draws, np.ndarray]:
        """Draws of a sample of all labels' prompts, and their places."""
        by, labels = self._of_all, self._labels
        used = labels.of(by.used)
        sample = sample_of(used.labels, used.topics, CENTROID_PROMPTS, self._training, most_labels=len(by.names))
        places = by.used[sample.places]
        made_of = labels.of(places)
        names = sorted(set(made_of.labels))
        sampling = self._training.at_most(CENTROID_DRAWS)
        return draws_of(made_of.labels, made_of.topics, names, sampling, made_of.clusters), places

    def _null_of_centroids(self, centred: Rows) -> np.ndarray:
        """Shares of each label of the sample [draw, label] with labels permuted."""
        draws, places = self._sample_of_all
        of_sample = gram(centred.take(places))
        parts = [
            centroid_accuracy(replace(draws, permuted=draws.permuted[start : start + DRAWS_AT_ONCE]), [of_sample])[0]
            for start in range(1, len(draws.permuted), DRAWS_AT_ONCE)
        ]
        return np.concatenate(parts)

    def _words_sample(self, emotion: str) -> Sampled:
        return self._sample(emotion, MOST_SAMPLED, LABELS_OF_WORDS)

    def _null_sample(self, emotion: str) -> Sampled:
        return self._sample(emotion, MOST_PERMUTED, LABELS_OF_NULL)

    def _sample(self, emotion: str, most: int, most_labels: int) -> Sampled:
        """A sample of one direction's prompts, drawn once."""
        if (emotion, most) in self._samples:
            return self._samples[emotion, most]
        by, _ = self._contrasts[emotion]
        used = self._labels.of(by.used)
        sampling = self._training.about(emotion)
        kept = {emotion} if self._labels.reference == OTHERS else {*by.names}
        chosen = sample_of(used.labels, used.topics, most, sampling, kept, most_labels)
        places = by.used[chosen.places]
        made_of = self._labels.of(places)
        draws = draws_of(made_of.labels, made_of.topics, chosen.labels, self._training, made_of.clusters)
        positive, n = int((by.codes == by.names.index(emotion)).sum()), len(by)
        of_sample, n_sample = made_of.labels.count(emotion), len(places)
        shrinks = np.sqrt((of_sample * (n_sample - of_sample) / n_sample) / (positive * (n - positive) / n))
        # there are many directions: what counts to a few is kept in one byte
        kept_draws = replace(draws, halves=draws.halves.astype(np.int8), counts=draws.counts.astype(np.int16))
        made = self._samples[emotion, most] = Sampled(places, Contrast(emotion, kept_draws), float(shrinks))
        return made

    def _on_sample(
        self,
        emotion: str,
        centred: Rows,
        norms: np.ndarray,
        mean: np.ndarray,
        tests: Sequence[np.ndarray],
        gaussian: np.ndarray | None,
    ) -> None:
        """The nulls of one direction, and what it has over words."""
        sample = self._null_sample(emotion)
        contrast = sample.contrast
        grams = [_gram_of([centred.take(sample.places)], [norms[sample.places]], gaussian)]
        drawn = auroc(contrast, grams).values[0, 1:]
        self._with_null(emotion, "auroc", 0.5 + (drawn - 0.5) * sample.shrinks)
        self._with_null(emotion, "d_prime", d_prime(contrast, grams).values[0, 1:] * sample.shrinks)
        self._with_null(emotion, "split_half", split_half(contrast, grams).values[0, 1:])
        if gaussian is not None:
            value = self._pieces[emotion, "auroc", None, None][-1].values[:, 0]
            n = self._pieces[emotion, "auroc", None, None][-1].n
            self._keep(emotion, "auroc_random", random_auroc(contrast, grams, value)._replace(n=n))
        if self._inputs.texts is not None or self._inputs.controls:
            self._beside_words(emotion, centred, norms, mean, tests)

    def _beside_words(
        self, emotion: str, centred: Rows, norms: np.ndarray, mean: np.ndarray, tests: Sequence[np.ndarray]
    ) -> None:
        """What a direction has over words, both made and measured on a sample."""
        sample = self._words_sample(emotion)
        # a gain is compared with no permuted labels
        contrast, n_train = _as_labelled(sample.contrast), len(sample.places)
        told = [
            (test, rows)
            for test, rows in zip(self._inputs.held_out, tests, strict=True)
            if {*self._contrasts[emotion][0].names} <= {*test.labels}
        ]
        whole = _gram_of(
            [centred.take(sample.places), *(rows - mean for _, rows in told)],
            [norms[sample.places], *(np.linalg.norm(rows, axis=1) for _, rows in told)],
            None,
        )
        of_area = auroc(contrast, [whole.of(np.arange(n_train))])
        for control, rival in self._rivals_of(emotion, sample, told).items():
            self._keep(emotion, "auroc_gain", gain(of_area, rival.auroc, self._refits(contrast)), None, control or None)
            start = n_train
            for test, rows in told:
                if test.name in rival.heldout:
                    placed = test._replace(rows=np.arange(start, start + len(rows)))
                    # the direction of the sample, whose rows stand first
                    drawn = replace(contrast.draws, used=np.arange(n_train))
                    direction = heldout_auroc(Contrast(emotion, drawn), [whole], placed, self._testing)
                    of_test = rival.heldout[test.name]
                    gained = gain(direction, of_test, of_test.n / contrast.draws.n_units)
                    self._keep(emotion, "auroc_gain_heldout", gained, test.name, control or None)
                start += len(rows)

    @staticmethod
    def _refits(contrast: Contrast) -> float:
        return variance_of_refits(len(np.unique(contrast.draws.folds)))

    def _rivals_of(self, emotion: str, sample: Sampled, told: Sequence[tuple[HeldOut, np.ndarray]]) -> dict[str, Rival]:
        """What knows words only, on the sample of a direction, by control; the empty name stands for the words of the texts."""
        if emotion in self._rivals:
            return self._rivals[emotion]
        inputs, contrast = self._inputs, sample.contrast
        rivals: dict[str, Rival] = {}
        if inputs.texts is not None:
            made_of = self._labels.of(sample.places)
            clusters = None if made_of.clusters is None else tuple(made_of.clusters)
            words = Words(
                inputs.texts.of(sample.places),
                tuple(made_of.labels),
                tuple(made_of.topics),
                emotion,
                contrast.draws.names,
                self._training,
                clusters,
            )
            with_texts = [test for test, _ in told if test.texts is not None]
            tests = tuple(
                HeldOutTexts(
                    test.texts, tuple(test.labels), tuple(test.topics), None if test.clusters is None else tuple(test.clusters)
                )
                for test in with_texts
                if test.texts is not None
            )
            curves = curves_of_words(words, tests, self._testing)
            of_tests = {test.name: part for test, part in zip(with_texts, curves.heldout, strict=True)}
            rivals[""] = Rival(curves.auroc, of_tests)
        as_it_is = _as_labelled(contrast)
        for kind, rows in inputs.controls.items():
            rivals[kind] = Rival(auroc(as_it_is, [gram(rows.take(sample.places))]), {})
        self._rivals[emotion] = rivals
        return rivals

    def rows(self) -> list[Quality]:
        """The rows of all layers measured, and the means over them."""
        made: list[Quality] = []
        for (emotion, measure, test_set, control), pieces in self._pieces.items():
            curves = _joined(pieces)
            n_sampled = len(self._words_sample(emotion).places) if measure.startswith("auroc_gain") else None
            made += self._rows(emotion, measure, curves, n_sampled, test_set, control)
            if measure == "auroc":
                made += self._best(emotion, curves)
        for emotion in self._labels.emotions:
            made += self._of_texts(emotion)
        return made

    def _best(self, emotion: str, curves: Curves) -> list[Quality]:
        layers = [layer for layer in self._layers if layer in self._inputs.averaged]
        chosen = np.isin(self._layers, layers)
        unequal = None if curves.is_unequal is None else curves.is_unequal[chosen]
        best = best_auroc(curves._replace(values=curves.values[chosen], is_unequal=unequal), layers)
        return [] if best is None else self._rows(emotion, "auroc_best", best, None)

    def _of_texts(self, emotion: str) -> list[Quality]:
        """What surface and words of the texts alone tell, on the sample."""
        made: list[Quality] = []
        if self._inputs.surface is None and self._inputs.texts is None:
            return made
        sample = self._words_sample(emotion)
        n_sampled = len(sample.places)
        if self._inputs.surface is not None:
            curves = surface_auroc(sample.contrast, self._inputs.surface.of(sample.places))
            made += self._rows(emotion, "auroc_surface", curves, n_sampled)
        rival = self._rivals.get(emotion, {}).get("")
        if rival is not None:
            made += self._rows(emotion, "auroc_words", rival.auroc, n_sampled)
            for name, curves in rival.heldout.items():
                made += self._rows(emotion, "auroc_words_heldout", curves, n_sampled, name)
        return made

    def _rows(
        self,
        emotion: str,
        measure: str,
        curves: Curves,
        n_sampled: int | None,
        test_set: str | None = None,
        control: str | None = None,
    ) -> list[Quality]:
        def of_sample(statistic: Statistic) -> Statistic:
            return statistic._replace(n_sampled=n_sampled)

        return [
            Quality(emotion, layer, measure, of_sample(statistic), test_set, control)
            for layer, statistic in curves.statistics(self._layers, self._inputs.averaged, Tail.UPPER)
        ]


def _as_labelled(contrast: Contrast) -> Contrast:
    """A contrast without permuted labels."""
    return Contrast(contrast.emotion, replace(contrast.draws, permuted=contrast.draws.permuted[:1]))


def _joined(pieces: Sequence[Curves]) -> Curves:
    """The layers of a measure as one."""
    first = pieces[0]

    def stacked(name: str) -> np.ndarray | None:
        parts = [getattr(piece, name) for piece in pieces]
        return None if any(part is None for part in parts) else np.concatenate(parts)

    values = np.concatenate([piece.values for piece in pieces])
    return first._replace(
        values=values, bootstrap=stacked("bootstrap"), is_zero=stacked("is_zero"), is_unequal=stacked("is_unequal")
    )


def _gram_of(parts: Sequence[np.ndarray], norms: Sequence[np.ndarray], gaussian: np.ndarray | None) -> Gram:
    """The Gram of rows that are about a mean already, with lengths of rows as they are."""
    rows = np.concatenate(parts)
    projections = np.empty((len(rows), 0)) if gaussian is None else rows @ gaussian
    return Gram(rows @ rows.T, np.concatenate(norms), projections)


def _widened(value: float, drawn: np.ndarray, n_units: int, factor: float = 1.0) -> Interval:
    return widened(value, interval_of(drawn), n_units, factor)
