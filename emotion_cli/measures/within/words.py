"""How well the words of prompts alone tell labels apart, on the folds and test sets of a direction, and what a direction adds."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache, partial
from itertools import combinations
from typing import NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from emotion_cli.measures.inference.auroc import area_interval, areas, areas_of_labels, gain_interval, resampled_areas, settled
from emotion_cli.measures.inference.draws import Contrast, draws_of
from emotion_cli.measures.inference.sampling import Sampling
from emotion_cli.measures.inference.statistic import FIXED, PERMUTED, Null, Test, mean_where_defined
from emotion_cli.measures.within.bag_of_words import CLASSIFIERS, MOST_PROMPTS, Classifier, Counts, Texts, best_classifier
from emotion_cli.measures.within.curves import Curves

DRAWS = 200
"""Permutations of the labels for which a classifier is fitted again; at most those of the direction."""

REMEMBERED = 64
"""Directions whose words are remembered: words do not depend on the model, so all models of a dataset share them."""

EXCEEDS_NOTHING = Null(0.0, None, None, None, None, FIXED)
"""Of a gain: words and direction are as good as each other; its interval tells."""


class HeldOutTexts(NamedTuple):
    """Texts, labels, topics and clusters [prompt] of a test set."""

    texts: Texts
    labels: tuple[str, ...]
    topics: tuple[str | None, ...]
    clusters: tuple[str | None, ...] | None = None


@dataclass(frozen=True)
class Words:
    """The words of a training set as rivals of one direction, that of `emotion` among the labels `concerned`.

    `labels`, `topics` and `clusters` [prompt] are those of `texts`. Folds and permuted labels are the direction's, by
    `sampling`.
    """

    texts: Texts
    labels: tuple[str, ...]
    topics: tuple[str | None, ...]
    emotion: str
    concerned: tuple[str, ...]
    sampling: Sampling
    clusters: tuple[str | None, ...] | None = None

    @cached_property
    def contrast(self) -> Contrast:
        """The emotion against its reference, as for the direction."""
        return Contrast(self.emotion, draws_of(self.labels, self.topics, self.concerned, self.sampling, self.clusters))

    @cached_property
    def is_emotion(self) -> np.ndarray:
        """Where the label is the emotion [1 + draw, prompt], on the draws that are made again."""
        return self.contrast.is_emotion[: 1 + DRAWS]

    @cached_property
    def counts(self) -> Counts:
        """Words and trigrams of the prompts that make the direction."""
        return Counts(self.texts.of(self.contrast.draws.used))

    @cached_property
    def classifiers(self) -> Sequence[Classifier]:
        """Those that compete."""
        return CLASSIFIERS if len(self.contrast.draws.used) <= MOST_PROMPTS else CLASSIFIERS[:1]

    def rows(self, folds: Sequence[int]) -> np.ndarray:
        """Places of the prompts of some folds."""
        return np.flatnonzero(np.isin(self.contrast.draws.folds, folds))

    def has_all(self, rows: np.ndarray) -> bool:
        """Whether each label has a prompt among some."""
        return len(np.unique(self.contrast.draws.codes[rows])) == len(self.contrast.draws.names)

    @cached_property
    def inner_areas(self) -> np.ndarray:
        """AUROC [fold left out, fold scored, classifier] on the true labels, trained on all other folds; NaN where undefined."""
        folds = np.unique(self.contrast.draws.folds)
        inner = np.full((len(folds), len(folds), len(self.classifiers)), np.nan)
        for pair in combinations(range(len(folds)), 2):
            train = self.rows(np.delete(folds, pair).tolist())
            if self.has_all(train):
                both = self.rows(folds[list(pair)].tolist())
                terms = self.counts.weighed(train, both)
                scores = np.array([classifier(terms, self.is_emotion[:1, train])[0] for classifier in self.classifiers])
                for left_out, scored in (pair, pair[::-1]):
                    member = self.contrast.draws.folds[both] == folds[scored]
                    inner[left_out, scored] = self._areas(scores[:, member], both[member])
        return inner

    def _areas(self, scores: np.ndarray, rows: np.ndarray) -> np.ndarray:
        is_emotion = self.is_emotion[0, rows]
        if is_emotion.all() or not is_emotion.any():
            return np.full(len(scores), np.nan)
        scores = settled(scores, 1.0)
        return areas(scores[:, is_emotion], scores[:, ~is_emotion])

    def auroc(self) -> Curves:
        """AUROC of each fold's prompts by the classifier that does best inside the other folds; no layer.

        For a draw with permuted labels the classifier is fitted again, and is of the kind chosen on the true labels.
        """
        draws = self.contrast.draws
        values, boots = [], []
        for number, fold in enumerate(np.unique(draws.folds)):
            test, train = self.rows([fold]), np.flatnonzero(draws.folds != fold)
            if not (self.has_all(train) and 0 < self.is_emotion[0, test].sum() < len(test)):
                continue
            classifier = self.classifiers[best_classifier(self.inner_areas[number])]
            scores = settled(classifier(self.counts.weighed(train, test), self.is_emotion[:, train]), 1.0)
            values.append(areas(*_by_label(scores, self.is_emotion[:, test])))
            boots.append(_resampled(scores[0], self.is_emotion[0, test], draws.units[test], draws.counts))
        if not values:
            return Curves(np.full((1, len(self.is_emotion)), np.nan), draws.n_units, layers=[None])
        interval, boots = (
            partial(area_interval, n_units=draws.n_scarcest, n_folds=len(values)),
            mean_where_defined(np.array(boots)),
        )
        test = _of_first(self.contrast.test, len(draws.permuted))
        return Curves(np.mean(values, axis=0)[None], draws.n_units, boots[None], interval, layers=[None], **test._asdict())

    def heldout_auroc(self, test: HeldOutTexts, sampling: Sampling) -> Curves:
        """AUROC on test prompts, trained on the whole training set; labels permuted within test topics."""
        contrast = Contrast(self.emotion, draws_of(test.labels, test.topics, self.contrast.draws.names, sampling, test.clusters))
        draws = contrast.draws
        train = np.arange(len(self.contrast.draws.used))
        if not self.has_all(train):
            return Curves(np.full((1, len(self.is_emotion)), np.nan), draws.n_units, layers=[None])
        classifier = self.classifiers[best_classifier(mean_where_defined(self.inner_areas))]
        terms = self.counts.weighed(train, test.texts.of(draws.used))
        scores = settled(classifier(terms, self.is_emotion[:1])[0], 1.0)
        is_emotion = contrast.is_emotion[: 1 + DRAWS]
        values = areas_of_labels(scores, is_emotion)
        boots = _resampled(scores, is_emotion[0], draws.units, draws.counts)
        of_first, interval = (
            _of_first(contrast.test_of_scores, len(draws.permuted)),
            partial(area_interval, n_units=draws.n_scarcest),
        )
        return Curves(values[None], draws.n_units, boots[None], interval, layers=[None], **of_first._asdict())


def _of_first(test: Test, n: int) -> Test:
    """A test by the first of `n` values: not exact where those are not all."""
    return test if n <= 1 + DRAWS else test._replace(kind=PERMUTED)


def _by_label(scores: np.ndarray, is_emotion: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scores [draw, prompt] of the prompts that have the label in a draw, and of the others."""
    return scores[is_emotion].reshape(len(scores), -1), scores[~is_emotion].reshape(len(scores), -1)


def _resampled(scores: np.ndarray, is_emotion: np.ndarray, units: np.ndarray, counts: np.ndarray) -> np.ndarray:
    return resampled_areas(scores[is_emotion], scores[~is_emotion], (units[is_emotion], units[~is_emotion]), counts)


class CurvesOfWords(NamedTuple):
    """AUROC of words on the folds of a direction, and on each of its test sets."""

    auroc: Curves
    heldout: Sequence[Curves]


@lru_cache(REMEMBERED)
def curves_of_words(
    words: Words, tests: tuple[HeldOutTexts, ...] = (), sampling_of_tests: Sampling | None = None
) -> CurvesOfWords:
    """AUROC of words on folds and test sets, remembered by content."""
    words = replace(words)  # a copy, so that what is made on the way is not remembered
    with threadpool_limits(1):  # many small products: threads inside each only wait for one another
        return CurvesOfWords(words.auroc(), [words.heldout_auroc(test, sampling_of_tests or words.sampling) for test in tests])


def gain(direction: Curves, rival: Curves, refits: float) -> Curves:
    """AUROC of a direction minus that of a rival without layers, paired: both have the same prompts and the same drawn topics.

    `refits`: what making both again from other training topics adds to the variance, as a share of that of the test topics.
    """
    of_rival = float(rival.values[0, 0])
    boots = None
    if direction.bootstrap is not None and rival.bootstrap is not None:
        boots = direction.bootstrap - rival.bootstrap
    interval = partial(gain_interval, of_rival=of_rival, n_units=direction.n, refits=refits)
    return Curves(direction.values[:, :1] - of_rival, direction.n, boots, interval, null=EXCEEDS_NOTHING)
