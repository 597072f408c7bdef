"""How well a classifier tells labels of many prompts apart: fitted and measured on a sample of each direction's prompts."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from emotion_cli.measures.inference.auroc import settled
from emotion_cli.measures.streamed.divisions import Divisions
from emotion_cli.measures.streamed.inputs import Inputs, Layer
from emotion_cli.measures.streamed.moments import mean_of, moments
from emotion_cli.measures.streamed.pieces import Key, Pieces
from emotion_cli.measures.streamed.rows import Rows
from emotion_cli.measures.streamed.samples import OF_CLASSIFIER, Samples
from emotion_cli.measures.within.classifier import fitted, logistic_auroc, logistic_of_scores
from emotion_cli.measures.within.quality import Quality
from emotion_cli.measures.within.separability import contrast_of_test


class LayerClassifiers:
    """AUROC of logistic regression: a layer at a time, then all rows."""

    def __init__(self, inputs: Inputs) -> None:
        self._inputs = inputs
        labels = self._labels = replace(inputs.labels, emotions=sorted(inputs.labels.emotions))
        self._testing = inputs.sampling.about("heldout", labels.reference)
        self._divisions = Divisions(labels, inputs.sampling.about("quality", labels.reference))
        self._samples = Samples(self._divisions)
        self._pieces = Pieces(inputs.averaged)

    def layer(self, layer: int, rows: Rows, tests: Sequence[Rows] = ()) -> None:
        """Measure one layer, from its prepared activations and those of the test sets."""
        self._pieces.layers.append(layer)
        mean = mean_of(rows, np.ones(len(rows), bool))
        norms = moments(rows, np.zeros(len(rows), int)).norms
        known = Layer(rows.mapped(lambda batch: batch - mean), norms, mean, tests)
        vectors, intercepts = {}, {}
        for emotion in self._labels.emotions:
            sample = self._samples.of(emotion, OF_CLASSIFIER)
            contrast, train = sample.as_labelled, np.arange(len(sample.places))
            of_sample, is_emotion = known.gram(sample.places), contrast.is_emotion[0]
            curves = logistic_auroc(contrast, [of_sample])
            assert curves is not None, "a sample is small enough"
            self._pieces.keep(Key(emotion, "auroc"), curves)
            if is_emotion.any() and not is_emotion.all():
                fit = fitted(of_sample, train, is_emotion)
                vectors[emotion], intercepts[emotion] = fit.weights @ known.centred.take(sample.places), fit.intercept
        for number, test in enumerate(self._inputs.held_out):
            told = [emotion for emotion in vectors if {*self._divisions.of(emotion)[0].names} <= {*test.labels}]
            if not told:
                continue
            scored = known.scored(number, np.array([vectors[emotion] for emotion in told]))
            for i, emotion in enumerate(told):
                names = self._samples.of(emotion, OF_CLASSIFIER).contrast.draws.names
                of_test = contrast_of_test(emotion, names, test, self._testing)
                scores = settled(scored.scores[of_test.draws.used, i] + intercepts[emotion], 1.0)
                self._pieces.keep(Key(emotion, "auroc_heldout", test.name), logistic_of_scores(of_test, [scores]))

    def rows(self) -> list[Quality]:
        """The rows of all layers measured, and the means over them."""
        return [
            row
            for key, curves in self._pieces.curves()
            for row in self._pieces.rows(key, curves, len(self._samples.of(key.emotion, OF_CLASSIFIER).places))
        ]
