"""Blocks, states and the final norm are found in a model of any architecture, by running it."""

import numpy as np
import pytest
import tiny

from emotion_cli.models.checks import structure
from emotion_cli.models.extraction import pooled_activations
from emotion_cli.models.loading import find, load

IDS = [[0, 5, 6, 7, 8, 9, 10], [0, 5, 11, 12], [0, 5, 11, 12, 13, 14, 15, 16], [3]]


@pytest.mark.parametrize("architecture", tiny.MORE_CONFIGS)
def test_more_architectures_equal_a_plain_forward(architecture, tmp_path):
    folder = tiny.save_model(tmp_path, architecture)
    loaded = load(find(str(folder), cache=folder))
    assert all(check.passed for check in structure(loaded))
    layers = list(range(loaded.n_layers + 1))
    found = pooled_activations(loaded, IDS, poolings=["last"], layers=layers, batch_tokens=30).values["last"]
    for prompt, states in enumerate(tiny.plain_states(folder, architecture, IDS)):
        assert len(states) == len(layers)
        for layer, state in enumerate(states):
            expected = state[-1].double().numpy()
            assert np.linalg.norm(found[layer, prompt] - expected) <= 1e-5 * np.linalg.norm(expected)
