"""Norms of single tokens, against plain passes of one prompt, in every way of packing."""

import numpy as np
import pytest
import tiny

from emotion_cli.models.loading import load
from emotion_cli.models.norms import token_norms
from emotion_cli.models.sources.finding import find

IDS = [[0, 5, 6, 3], [0, 5, 6, 7, 3], [0, 9], [0, 5, 6, 3], [0, 5, 6, 7, 8, 9, 10, 3]]


@pytest.mark.parametrize("architecture", ["llama", "gpt2", "gemma3_text", "phi3-longrope"])
@pytest.mark.parametrize("strategy", ["tree", "sorted", "single"])
def test_norms_are_those_of_each_token(architecture, strategy, tmp_path):
    folder = tiny.save_model(tmp_path / "model", architecture)
    loaded = load(find(str(folder), cache=tmp_path))
    layers = [0, 2]
    found = token_norms(loaded, IDS, layers=layers, strategy=strategy, batch_tokens=16)
    for norms, states in zip(found, tiny.plain_states(folder, architecture, IDS), strict=True):
        expected = [states[layer].norm(dim=-1).numpy() for layer in layers]
        np.testing.assert_allclose(norms, expected, rtol=1e-4)
