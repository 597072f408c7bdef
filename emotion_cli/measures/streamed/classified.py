"""How well a classifier tells labels of many prompts apart: fitted and measured on a sample of each direction's prompts."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from emotion_cli.measures.inference.draws import Contrast
from emotion_cli.measures.streamed.divisions import Divisions
from emotion_cli.measures.streamed.inputs import Inputs, Layer
from emotion_cli.measures.streamed.moments import mean_of, moments
from emotion_cli.measures.streamed.pieces import Key, Pieces
from emotion_cli.measures.streamed.rows import Rows
from emotion_cli.measures.streamed.samples import OF_CLASSIFIER, Samples
from emotion_cli.measures.within.classifier import logistic_auroc, logistic_heldout
from emotion_cli.measures.within.quality import Quality


class LayerClassifiers:
    """AUROC of logistic regression: a layer at a time, then all rows."""

    def __init__(self, inputs: Inputs) -> None:
        self._inputs = inputs
        labels = self._labels = replace(inputs.labels, emotions=sorted(inputs.labels.emotions))
        self._testing = inputs.sampling.about("heldout", labels.reference)
        self._divisions = Divisions(labels, inputs.sampling.about("quality", labels.reference))
        self._samples = Samples(self._divisions)
        self._pieces = Pieces(inputs.averaged)

    def layer(self, layer: int, rows: Rows, tests: Sequence[np.ndarray] = ()) -> None:
        """Measure one layer, from its prepared activations and those of the test sets [prompt, width]."""
        self._pieces.layers.append(layer)
        mean = mean_of(rows, np.ones(len(rows), bool))
        norms = moments(rows, np.zeros(len(rows), int)).norms
        known = Layer(rows.mapped(lambda batch: batch - mean), norms, mean, tests)
        for emotion in self._labels.emotions:
            sample = self._samples.of(emotion, OF_CLASSIFIER)
            contrast, n_train = sample.as_labelled, len(sample.places)
            chosen = self._inputs.tests_with(self._divisions.of(emotion)[0].names, tests)
            whole = known.gram(sample.places, [part for _, part in chosen])
            curves = logistic_auroc(contrast, [whole.of(np.arange(n_train))])
            assert curves is not None, "a sample is small enough"
            self._pieces.keep(Key(emotion, "auroc"), curves)
            # the prompts of the sample stand first
            placed_contrast = Contrast(emotion, replace(contrast.draws, used=np.arange(n_train)))
            start = n_train
            for test, part in chosen:
                placed = test._replace(rows=np.arange(start, start + len(part)))
                of_test = logistic_heldout(placed_contrast, [whole], placed, self._testing)
                if of_test is not None:
                    self._pieces.keep(Key(emotion, "auroc_heldout", test.name), of_test)
                start += len(part)

    def rows(self) -> list[Quality]:
        """The rows of all layers measured, and the means over them."""
        return [
            row
            for key, curves in self._pieces.curves()
            for row in self._pieces.rows(key, curves, len(self._samples.of(key.emotion, OF_CLASSIFIER).places))
        ]
