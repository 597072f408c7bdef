"""Is there a direction? The measures of each emotion's direction at each layer (METHODS section 2)."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from typing import NamedTuple

import numpy as np

from emotion_cli.measures.gram import Gram
from emotion_cli.measures.inference.auroc import variance_of_refits
from emotion_cli.measures.inference.draws import Contrast, Draws, draws_of
from emotion_cli.measures.inference.sampling import Sampling
from emotion_cli.measures.inference.statistic import Statistic, Tail
from emotion_cli.measures.labels import Labels, emotions_of
from emotion_cli.measures.measure import Measure
from emotion_cli.measures.within.bag_of_words import Texts
from emotion_cli.measures.within.centroids import centroid_accuracy
from emotion_cli.measures.within.classifier import logistic_auroc, logistic_heldout
from emotion_cli.measures.within.curves import Curves
from emotion_cli.measures.within.effect import d_prime, squared_distance
from emotion_cli.measures.within.reliability import split_half
from emotion_cli.measures.within.separability import HeldOut, auroc, best_auroc, heldout_auroc, random_auroc
from emotion_cli.measures.within.surface import Surface, surface_auroc
from emotion_cli.measures.within.words import HeldOutTexts, Words, curves_of_words, gain


class Quality(NamedTuple):
    """One measure of one emotion's direction; `layer` None is the mean over the averaged layers, or has no layer.

    `test_set` names the test set whose prompts are scored; None for the training set's own. `control` is what a gain subtracts;
    None for the words of the texts, and in all other rows.
    """

    emotion: str
    layer: int | None
    measure: str
    statistic: Statistic
    test_set: str | None = None
    control: str | None = None


class Rival(NamedTuple):
    """AUROC of what knows words only, on the folds of a direction and on test sets by name; without layers."""

    auroc: Curves
    heldout: Mapping[str, Curves]


@dataclass(frozen=True)
class Material:
    """Grams by layer of a training set's prompts, then of test sets; the layers that means cover; the emotions."""

    grams: Mapping[int, Gram]
    labels: Labels
    sampling: Sampling
    averaged: Collection[int]
    surface: Surface | None = None
    held_out: Sequence[HeldOut] = ()
    texts: Texts | None = None
    controls: Mapping[str, Gram] = field(default_factory=dict)
    """Grams of controls with one layer, prompts in the order of `grams`; one that lacks a test set ends with the training set."""

    @cached_property
    def layers(self) -> list[int]:
        """The layers, ascending."""
        return sorted(self.grams)

    @cached_property
    def draws(self) -> Callable[[tuple[str, ...]], Draws]:
        """The draws of some labels: emotions share one set of draws where the same labels make each direction."""
        labels = self.labels
        return cache(lambda names: draws_of(labels.labels, labels.topics, names, self.training, labels.clusters))

    @cached_property
    def training(self) -> Sampling:
        """The sampling of the training set."""
        return self.sampling.about("quality", self.labels.reference)

    @cached_property
    def testing(self) -> Sampling:
        """The sampling of the test sets."""
        return self.sampling.about("heldout", self.labels.reference)

    @cached_property
    def accuracies(self) -> Mapping[str, Curves]:
        """Shares of each label's prompts that are nearest to their own centroid."""
        names = emotions_of(self.labels.labels, "") if self.labels.reference in self.labels.labels else self.labels.emotions
        draws = self.draws(tuple(sorted(names)))
        grams = [self.grams[layer].of(draws.used) for layer in self.layers]
        shares = centroid_accuracy(draws, grams)
        unequal = np.array([draws.is_unequal(gram) for gram in grams])
        return {
            label: Curves(shares[:, :, i], draws.n_units, is_unequal=unequal, **draws.test(draws.names)._asdict())
            for i, label in enumerate(draws.names)
        }


@dataclass(frozen=True)
class Case:
    """One emotion of the material."""

    material: Material
    emotion: str

    @cached_property
    def contrast(self) -> Contrast:
        """The emotion against its reference."""
        return Contrast(self.emotion, self.material.draws(tuple(self.material.labels.labels_used(self.emotion))))

    @cached_property
    def grams(self) -> list[Gram]:
        """The Gram of each layer, of the prompts that make the direction."""
        return [self.material.grams[layer].of(self.contrast.draws.used) for layer in self.material.layers]

    @cached_property
    def auroc(self) -> Curves:
        """AUROC over the layers, which other measures build on."""
        return auroc(self.contrast, self.grams)

    @cached_property
    def tests(self) -> list[HeldOut]:
        """The test sets that have all labels of the direction."""
        return [test for test in self.material.held_out if {*self.contrast.draws.names} <= {*test.labels}]

    @cached_property
    def heldout_auroc(self) -> dict[str, Curves]:
        """AUROC on each test set over the layers."""
        grams = [self.material.grams[layer] for layer in self.material.layers]
        return {test.name: heldout_auroc(self.contrast, grams, test, self.material.testing) for test in self.tests}

    @cached_property
    def words(self) -> Rival | None:
        """AUROC of words on the folds and test sets of the direction; None where the texts of the training set are not given."""
        material, labels = self.material, self.material.labels
        if material.texts is None:
            return None
        names = self.contrast.draws.names
        clusters = None if labels.clusters is None else tuple(labels.clusters)
        words = Words(
            material.texts, tuple(labels.labels), tuple(labels.topics), self.emotion, names, material.training, clusters
        )
        tests = tuple(
            HeldOutTexts(
                test.texts, tuple(test.labels), tuple(test.topics), None if test.clusters is None else tuple(test.clusters)
            )
            for test in self._told
            if test.texts is not None
        )
        curves = curves_of_words(words, tests, material.testing)
        return Rival(curves.auroc, {test.name: of_test for test, of_test in zip(self._told, curves.heldout, strict=True)})

    @property
    def _told(self) -> list[HeldOut]:
        """The test sets whose texts are given."""
        return [test for test in self.tests if test.texts is not None]

    @cached_property
    def rivals(self) -> Mapping[str | None, Rival]:
        """What knows words only, by control; None stands for the words of the texts."""
        controls = {kind: self._rival(gram) for kind, gram in self.material.controls.items()}
        return ({None: self.words} if self.words else {}) | controls

    def _rival(self, gram: Gram) -> Rival:
        # a gain is compared with no permuted labels
        draws = self.contrast.draws
        contrast = Contrast(self.emotion, replace(draws, permuted=draws.permuted[:1]))
        covered = [test for test in self.tests if max(test.rows) < len(gram.norms)]
        heldout = {test.name: heldout_auroc(contrast, [gram], test, self.material.testing) for test in covered}
        return Rival(auroc(contrast, [gram.of(draws.used)]), heldout)


def _random(case: Case) -> Curves | None:
    has_random = case.grams[0].projections.shape[1] > 0
    return random_auroc(case.contrast, case.grams, case.auroc.values[:, 0]) if has_random else None


def _gain(case: Case, rival: Rival) -> Curves:
    return gain(case.auroc, rival.auroc, variance_of_refits(len(np.unique(case.contrast.draws.folds))))


def _heldout_gain(case: Case, rival: Rival) -> dict[str, Curves]:
    # as a single fold, which has the topics of the test set
    return {
        name: gain(case.heldout_auroc[name], of_test, of_test.n / case.contrast.draws.n_units)
        for name, of_test in rival.heldout.items()
    }


def _best(case: Case) -> Curves | None:
    layers = [layer for layer in case.material.layers if layer in case.material.averaged]
    is_averaged = np.isin(case.material.layers, layers)
    return best_auroc(case.auroc._replace(values=case.auroc.values[is_averaged]), layers)


def _surface(case: Case) -> Curves | None:
    return surface_auroc(case.contrast, case.material.surface) if case.material.surface is not None else None


MEASURES = (
    Measure("auroc", Tail.UPPER, lambda case: case.auroc),
    Measure("d_prime", Tail.UPPER, lambda case: d_prime(case.contrast, case.grams)),
    Measure("squared_distance", Tail.UPPER, lambda case: squared_distance(case.contrast, case.grams)),
    Measure("split_half", Tail.UPPER, lambda case: split_half(case.contrast, case.grams)),
    Measure("auroc_random", Tail.UPPER, _random),
    Measure("auroc_best", Tail.UPPER, _best),
    Measure("auroc_surface", Tail.UPPER, _surface),
    Measure("auroc_words", Tail.UPPER, lambda case: case.words and case.words.auroc),
)
"""The measures of a direction: from a case to its curves, or None where the case lacks an input."""

MEASURES_ON_TEST_SETS = (
    Measure("auroc_heldout", Tail.UPPER, lambda case: case.heldout_auroc),
    Measure("auroc_words_heldout", Tail.UPPER, lambda case: case.words.heldout if case.words else {}),
)
"""The measures of a direction on prompts of other sets: from a case to curves by the name of the test set."""

GAIN = Measure("auroc_gain", Tail.UPPER, _gain)
GAIN_ON_TEST_SETS = Measure("auroc_gain_heldout", Tail.UPPER, _heldout_gain)
"""What a direction has over a rival: from a case and the rival to curves of the difference."""

MEASURES_OF_ALL_LABELS = (Measure("centroid_accuracy", Tail.UPPER, lambda case: case.material.accuracies[case.emotion]),)
"""The measures of an emotion among all labels; stored after the measures of directions."""


class Measures(NamedTuple):
    """What is measured of each emotion: on the training set's own prompts, on test sets, among all labels, and over rivals."""

    own: Sequence[Measure]
    on_test_sets: Sequence[Measure]
    of_all_labels: Sequence[Measure] = ()
    over_rivals: bool = False


OF_A_DIRECTION = Measures(MEASURES, MEASURES_ON_TEST_SETS, MEASURES_OF_ALL_LABELS, over_rivals=True)

OF_A_READING = OF_A_DIRECTION._replace(own=tuple(measure for measure in MEASURES if measure.name != "squared_distance"))
"""What is measured in the metric of the prompts' covariance, in which distances say nothing of the activations."""


def _classified_heldout(case: Case) -> dict[str, Curves | None]:
    grams = [case.material.grams[layer] for layer in case.material.layers]
    return {test.name: logistic_heldout(case.contrast, grams, test, case.material.testing) for test in case.tests}


OF_A_CLASSIFIER = Measures(
    (Measure("auroc", Tail.UPPER, lambda case: logistic_auroc(case.contrast, case.grams)),),
    (Measure("auroc_heldout", Tail.UPPER, _classified_heldout),),
)
"""What is measured where no direction is made."""


def qualities(material: Material, measures: Measures = OF_A_DIRECTION) -> list[Quality]:
    """Every measure of every emotion's direction."""
    rows = []
    for emotion in material.labels.emotions:
        # a case at a time, so that the inner products of one emotion are in memory
        case = Case(material, emotion)
        for measure in measures.own:
            rows += _rows(case, measure, measure.run(case))
        for measure in measures.on_test_sets:
            for name, curves in measure.run(case).items():
                rows += _rows(case, measure, curves, name)
        for control, rival in case.rivals.items() if measures.over_rivals else ():
            rows += _rows(case, GAIN, GAIN.run(case, rival), control=control)
            for name, curves in GAIN_ON_TEST_SETS.run(case, rival).items():
                rows += _rows(case, GAIN_ON_TEST_SETS, curves, name, control)
    for emotion in material.labels.emotions:
        case = Case(material, emotion)
        rows += [row for measure in measures.of_all_labels for row in _rows(case, measure, measure.run(case))]
    return rows


def _rows(
    case: Case, measure: Measure, curves: Curves | None, test_set: str | None = None, control: str | None = None
) -> list[Quality]:
    if curves is None:
        return []
    statistics = curves.statistics(case.material.layers, case.material.averaged, measure.tail)
    return [Quality(case.emotion, layer, measure.name, statistic, test_set, control) for layer, statistic in statistics]
