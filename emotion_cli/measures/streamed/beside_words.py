"""What directions have over words, direction and words both made and measured on a sample of the prompts."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from emotion_cli.measures.gram import gram
from emotion_cli.measures.inference.auroc import variance_of_refits
from emotion_cli.measures.inference.draws import Contrast
from emotion_cli.measures.inference.sampling import Sampling
from emotion_cli.measures.streamed.inputs import Inputs, Layer
from emotion_cli.measures.streamed.pieces import Key, Pieces
from emotion_cli.measures.streamed.samples import OF_WORDS, Sampled, Samples
from emotion_cli.measures.within.quality import Quality, Rival
from emotion_cli.measures.within.separability import HeldOut, auroc, heldout_auroc
from emotion_cli.measures.within.surface import surface_auroc
from emotion_cli.measures.within.words import HeldOutTexts, Words, curves_of_words, gain

GAIN, GAIN_ON_TEST_SETS = "auroc_gain", "auroc_gain_heldout"


class BesideWords:
    """What knows words only, beside each direction; `testing` is the sampling of test sets."""

    def __init__(self, inputs: Inputs, samples: Samples, testing: Sampling) -> None:
        self._inputs, self._samples, self._testing = inputs, samples, testing
        self._rivals: dict[str, dict[str, Rival]] = {}

    def layer(self, emotion: str, names: Sequence[str], layer: Layer, pieces: Pieces) -> None:
        """Measure one layer of a direction among the labels `names`."""
        inputs = self._inputs
        if inputs.texts is None and not inputs.controls:
            return
        sample = self._samples.of(emotion, OF_WORDS)
        # a gain is compared with no permuted labels
        contrast, n_train = sample.as_labelled, len(sample.places)
        told = inputs.tests_with(names, layer.tests)
        whole = layer._replace(gaussian=None).gram(sample.places, [rows for _, rows in told])
        of_area = auroc(contrast, [whole.of(np.arange(n_train))])
        refits = variance_of_refits(len(np.unique(contrast.draws.folds)))
        for control, rival in self._rivals_of(emotion, sample, [test for test, _ in told]).items():
            pieces.keep(Key(emotion, GAIN, None, control or None), gain(of_area, rival.auroc, refits))
            start = n_train
            for test, rows in told:
                if test.name in rival.heldout:
                    placed = test._replace(rows=np.arange(start, start + len(rows)))
                    # the direction of the sample, whose rows stand first
                    drawn = replace(contrast.draws, used=np.arange(n_train))
                    direction = heldout_auroc(Contrast(emotion, drawn), [whole], placed, self._testing)
                    of_test = rival.heldout[test.name]
                    gained = gain(direction, of_test, of_test.n / contrast.draws.n_units)
                    pieces.keep(Key(emotion, GAIN_ON_TEST_SETS, test.name, control or None), gained)
                start += len(rows)

    def _rivals_of(self, emotion: str, sample: Sampled, tests: Sequence[HeldOut]) -> dict[str, Rival]:
        """What knows words only, on the sample of a direction, by control; the empty name stands for the words of the texts."""
        if emotion in self._rivals:
            return self._rivals[emotion]
        inputs, contrast = self._inputs, sample.contrast
        rivals: dict[str, Rival] = {}
        if inputs.texts is not None:
            made_of = self._samples.labels.of(sample.places)
            clusters = None if made_of.clusters is None else tuple(made_of.clusters)
            words = Words(
                inputs.texts.of(sample.places),
                tuple(made_of.labels),
                tuple(made_of.topics),
                emotion,
                contrast.draws.names,
                self._samples.sampling,
                clusters,
            )
            with_texts = [(test, test.texts) for test in tests if test.texts is not None]
            of_texts = tuple(
                HeldOutTexts(
                    texts, tuple(test.labels), tuple(test.topics), None if test.clusters is None else tuple(test.clusters)
                )
                for test, texts in with_texts
            )
            curves = curves_of_words(words, of_texts, self._testing)
            of_tests = {test.name: part for (test, _), part in zip(with_texts, curves.heldout, strict=True)}
            rivals[""] = Rival(curves.auroc, of_tests)
        for kind, rows in inputs.controls.items():
            rivals[kind] = Rival(auroc(sample.as_labelled, [gram(rows.take(sample.places))]), {})
        self._rivals[emotion] = rivals
        return rivals

    def of_texts(self, emotion: str, pieces: Pieces) -> list[Quality]:
        """What surface and words of the texts alone tell, on the sample."""
        made: list[Quality] = []
        if self._inputs.surface is None and self._inputs.texts is None:
            return made
        sample = self._samples.of(emotion, OF_WORDS)
        n_sampled = len(sample.places)
        if self._inputs.surface is not None:
            curves = surface_auroc(sample.contrast, self._inputs.surface.of(sample.places))
            made += pieces.rows(Key(emotion, "auroc_surface"), curves, n_sampled)
        rival = self._rivals.get(emotion, {}).get("")
        if rival is not None:
            made += pieces.rows(Key(emotion, "auroc_words"), rival.auroc, n_sampled)
            for name, curves in rival.heldout.items():
                made += pieces.rows(Key(emotion, "auroc_words_heldout", name), curves, n_sampled)
        return made
