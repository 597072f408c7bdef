"""Directions that are made of batches are those of all rows at once."""

import numpy as np
import pytest

from emotion_cli.measures.directions import METHODS, directions
from emotion_cli.measures.labels import Labels
from emotion_cli.measures.streamed import preparing, rows
from emotion_cli.measures.whitening import as_read


@pytest.mark.parametrize("reference", ["neutral", "others"])
@pytest.mark.parametrize("method", [method for method in METHODS if METHODS[method].makes_vectors])
@pytest.mark.parametrize("width", [40, 400])
def test_directions_of_batches_are_those_of_all_rows(method, reference, width, monkeypatch):
    monkeypatch.setattr(rows, "BATCH_BYTES", 8 * width * 37)
    rng = np.random.default_rng(5)
    names = np.array(["anger", "joy", "neutral", "zest"])[rng.integers(0, 4, 300)]
    units = rng.integers(0, 60, 300)
    activations = rng.normal(size=(300, width)) * np.linspace(0.1, 3, width) + 5 + (names == "joy")[:, None]
    labels = Labels(names.tolist(), [None] * 300, ["anger", "joy", "zest"], reference)
    is_neutral = names == "neutral"
    whole = METHODS[method].prepare(activations, is_neutral)
    expected = directions(whole, labels)
    if METHODS[method].whitens:
        expected = as_read(whole, expected)
    read = rows.ArrayRows(activations, np.unique(units, return_inverse=True)[1])
    made = preparing.directions(preparing.prepared(read, method, is_neutral), labels, method)
    for one, other in zip(made, expected, strict=True):
        assert one.emotion == other.emotion
        assert (one.n_emotion, one.n_reference) == (other.n_emotion, other.n_reference)
        assert np.linalg.norm(one.vector - other.vector) <= 1e-8 * np.linalg.norm(other.vector)
        if other.relative_norm is not None:
            assert one.relative_norm == pytest.approx(other.relative_norm, rel=1e-9)
