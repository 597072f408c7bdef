"""Is there a direction? The measures of each emotion's direction at each layer (METHODS section 2)."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
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
from emotion_cli.measures.within.curves import Curves
from emotion_cli.measures.within.reliability import split_half
from emotion_cli.measures.within.separability import HeldOut, auroc, best_auroc, heldout_auroc, random_auroc
from emotion_cli.measures.within.surface import Surface, surface_auroc
from emotion_cli.measures.within.words import CurvesOfRival, HeldOutTexts, Words, curves_of_words, gain


class Quality(NamedTuple):
    """One measure of one emotion's direction; `layer` None is the mean over the averaged layers, or has no layer.

    `control` is what a gain subtracts; None for the words of the texts, and in all other rows.
    """

    emotion: str
    layer: int | None
    measure: str
    statistic: Statistic
    control: str | None = None


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
        return cache(lambda names: draws_of(self.labels.labels, self.labels.topics, names, self.training))

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
        shares = centroid_accuracy(draws, [self.grams[layer].of(draws.used) for layer in self.layers])
        return {label: Curves(shares[:, :, i], draws.n_units) for i, label in enumerate(draws.names)}


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
    def heldout_auroc(self) -> Curves | None:
        """AUROC on the test sets over the layers; None where there is none."""
        grams = [self.material.grams[layer] for layer in self.material.layers]
        return heldout_auroc(self.contrast, grams, self.tests, self.material.testing) if self.tests else None

    @cached_property
    def words(self) -> CurvesOfRival | None:
        """AUROC of words on the folds and test sets of the direction; None where the texts of the training set are not given."""
        material, labels = self.material, self.material.labels
        if material.texts is None:
            return None
        names = self.contrast.draws.names
        words = Words(material.texts, tuple(labels.labels), tuple(labels.topics), self.emotion, names, material.training)
        tests = tuple(
            HeldOutTexts(test.texts, tuple(test.labels), tuple(test.topics)) for test in self.tests if test.texts is not None
        )
        return curves_of_words(words, tests if len(tests) == len(self.tests) else (), material.testing)


    @cached_property
    def rivals(self) -> Mapping[str | None, CurvesOfRival]:
        """AUROC of what knows words only, by control; None stands for the words of the texts."""
        controls = {kind: self._curves_of(gram) for kind, gram in self.material.controls.items()}
        return ({None: self.words} if self.words else {}) | controls

    def _curves_of(self, gram: Gram) -> CurvesOfRival:
        # a gain is compared with no permuted labels
        draws = self.contrast.draws
        contrast = Contrast(self.emotion, replace(draws, permuted=draws.permuted[:1]))
        covered = bool(self.tests) and all(max(test.rows) < len(gram.norms) for test in self.tests)
        heldout = heldout_auroc(contrast, [gram], self.tests, self.material.testing.at_most(1)) if covered else None
        return CurvesOfRival(auroc(contrast, [gram.of(draws.used)]), heldout)


def _random(case: Case) -> Curves | None:
    has_random = case.grams[0].projections.shape[1] > 0
    return random_auroc(case.contrast, case.grams, case.auroc.values[:, 0]) if has_random else None


def _gain(case: Case, rival: CurvesOfRival) -> Curves | None:
    return gain(case.auroc, rival.auroc, variance_of_refits(len(np.unique(case.contrast.draws.folds))))


def _heldout_gain(case: Case, rival: CurvesOfRival) -> Curves | None:
    direction = case.heldout_auroc
    # as a single fold, which has the topics of the test sets
    return gain(direction, rival.heldout, direction.n / case.contrast.draws.n_units) if direction and rival.heldout else None


def _best(case: Case) -> Curves | None:
    layers = [layer for layer in case.material.layers if layer in case.material.averaged]
    is_averaged = np.isin(case.material.layers, layers)
    return best_auroc(case.auroc._replace(values=case.auroc.values[is_averaged]), layers)


def _surface(case: Case) -> Curves | None:
    return surface_auroc(case.contrast, case.material.surface) if case.material.surface is not None else None


MEASURES = (
    Measure("auroc", Tail.UPPER, lambda case: case.auroc),
    Measure("split_half", Tail.UPPER, lambda case: split_half(case.contrast, case.grams)),
    Measure("auroc_random", Tail.UPPER, _random),
    Measure("auroc_heldout", Tail.UPPER, lambda case: case.heldout_auroc),
    Measure("auroc_best", Tail.UPPER, _best),
    Measure("auroc_surface", Tail.UPPER, _surface),
    Measure("auroc_words", Tail.UPPER, lambda case: case.words and case.words.auroc),
    Measure("auroc_words_heldout", Tail.UPPER, lambda case: case.words and case.words.heldout),
)
"""The measures of a direction: from a case to its curves, or None where the case lacks an input."""

GAINS = (Measure("auroc_gain", Tail.UPPER, _gain), Measure("auroc_gain_heldout", Tail.UPPER, _heldout_gain))
"""What a direction has over a rival: from a case and the rival's curves to the curves of the difference."""

MEASURES_OF_ALL_LABELS = (Measure("centroid_accuracy", Tail.UPPER, lambda case: case.material.accuracies[case.emotion]),)
"""The measures of an emotion among all labels; stored after the measures of directions."""


def qualities(material: Material) -> list[Quality]:
    """Every measure of every emotion's direction."""
    rows: list[Quality] = []
    # a case at a time, so that the inner products of one emotion are in memory
    for case in (Case(material, emotion) for emotion in material.labels.emotions):
        made = [(measure, None, measure.run(case)) for measure in MEASURES]
        made += [(measure, control, measure.run(case, rival)) for control, rival in case.rivals.items() for measure in GAINS]
        rows += _rows(case, made)
    for case in (Case(material, emotion) for emotion in material.labels.emotions):
        rows += _rows(case, [(measure, None, measure.run(case)) for measure in MEASURES_OF_ALL_LABELS])
    return rows


def _rows(case: Case, made: Iterable[tuple[Measure, str | None, Curves | None]]) -> list[Quality]:
    material = case.material
    return [
        Quality(case.emotion, layer, measure.name, statistic, control)
        for measure, control, curves in made
        if curves is not None
        for layer, statistic in curves.statistics(material.layers, material.averaged, measure.tail)
    ]
