"""What directions have over words, direction and words both made and measured on a sample of the prompts."""

from collections.abc import Mapping, Sequence

import numpy as np

from emotion_cli.measures.gram import gram
from emotion_cli.measures.inference.auroc import variance_of_refits
from emotion_cli.measures.inference.sampling import Sampling
from emotion_cli.measures.streamed.inputs import Inputs, Layer
from emotion_cli.measures.streamed.pieces import Key, Pieces
from emotion_cli.measures.streamed.samples import OF_WORDS, Sampled, Samples
from emotion_cli.measures.within.quality import Quality, Rival
from emotion_cli.measures.within.separability import HeldOut, auroc, auroc_of_scores, contrast_of_test
from emotion_cli.measures.within.surface import surface_auroc
from emotion_cli.measures.within.words import HeldOutTexts, Words, curves_of_words, gain

GAIN, GAIN_ON_TEST_SETS = "auroc_gain", "auroc_gain_heldout"


class BesideWords:
    """What knows words only, beside each direction; `testing` is the sampling of test sets."""

    def __init__(self, inputs: Inputs, samples: Samples, testing: Sampling) -> None:
        self._inputs, self._samples, self._testing = inputs, samples, testing
        self._rivals: dict[str, dict[str, Rival]] = {}

    def layer(self, names: Mapping[str, Sequence[str]], layer: Layer, pieces: Pieces) -> None:
        """Measure one layer of every direction, each among the labels `names` [emotion]."""
        inputs = self._inputs
        if inputs.texts is None and not inputs.controls:
            return
        told: dict[str, list[tuple[str, np.ndarray]]] = {test.name: [] for test in inputs.held_out}
        for emotion, of_emotion in names.items():
            sample = self._samples.of(emotion, OF_WORDS)
            # a gain is compared with no permuted labels
            contrast, of_sample = sample.as_labelled, layer._replace(gaussian=None).gram(sample.places)
            of_area = auroc(contrast, [of_sample])
            refits = variance_of_refits(len(np.unique(contrast.draws.folds)))
            tests = inputs.tests_with(of_emotion)
            rivals = self._rivals_of(emotion, sample, tests)
            for control, rival in rivals.items():
                pieces.keep(Key(emotion, GAIN, None, control or None), gain(of_area, rival.auroc, refits))
            weights = contrast.everyone
            if tests and weights is not None:
                is_zero = contrast.is_zero(of_sample)
                vector = np.zeros(layer.centred.width) if is_zero else weights[0] @ layer.centred.take(sample.places)
                for test in tests:
                    if any(test.name in rival.heldout for rival in rivals.values()):
                        told[test.name].append((emotion, vector))
        for number, test in enumerate(inputs.held_out):
            if told[test.name]:
                self._on_test_set(test, number, told[test.name], layer, pieces)

    def _on_test_set(
        self, test: HeldOut, number: int, told: Sequence[tuple[str, np.ndarray]], layer: Layer, pieces: Pieces
    ) -> None:
        """Gains on one test set, of the directions `told` that are made of the samples."""
        scored = layer.scored(number, np.array([vector for _, vector in told]))
        for i, (emotion, _) in enumerate(told):
            sample = self._samples.of(emotion, OF_WORDS)
            draws = sample.contrast.draws
            of_test = contrast_of_test(emotion, draws.names, test, self._testing)
            scores = scored.settled(i, layer.norms[sample.places])[of_test.draws.used]
            direction = auroc_of_scores(of_test, scores[None])
            for control, rival in self._rivals[emotion].items():
                if (curves := rival.heldout.get(test.name)) is not None:
                    gained = gain(direction, curves, curves.n / draws.n_units)
                    pieces.keep(Key(emotion, GAIN_ON_TEST_SETS, test.name, control or None), gained)

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
