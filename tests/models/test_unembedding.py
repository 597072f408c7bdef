"""What a direction adds to the scores of tokens is the derivative of the model's own scores."""

import numpy as np
import pytest
import tiny
import torch

from emotion_cli.errors import UsageError
from emotion_cli.models.loading import load
from emotion_cli.models.sources.finding import find
from emotion_cli.models.unembedding import Unembedding

ARCHITECTURES = ["llama", "gpt2", "gemma3_text", "gemma2", "opt-post-norm", "mamba", "olmo2"]


def loaded(tmp_path, architecture):
    return load(find(str(tiny.save_model(tmp_path / "m", architecture)), cache=tmp_path / "cache"), head=True)


def scores_of(model, states):
    """Scores [state, token] in float64, by hand: what follows the blocks, then the head's weight."""
    rows = torch.from_numpy(states)[None]
    for module in model.structure.after_blocks.values():
        rows = module.double()(rows)
    return (rows[0] @ model.causal.get_output_embeddings().weight.double().T).detach().numpy()


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_scores_are_the_derivative_of_the_heads(architecture, tmp_path):
    model = loaded(tmp_path, architecture)
    rng = np.random.default_rng(0)
    state, direction = rng.normal(size=(2, 32))
    head = Unembedding(model)
    ids = [5, 6, 19]
    found = head.of_tokens(state, ids) @ direction
    nearest = head.nearest(state, direction, 5)
    step = 1e-2  # some norms compute in float32 whatever they are given
    ahead, behind = scores_of(model, np.stack([state + step * direction, state - step * direction]))
    expected = (ahead - behind) / (2 * step)
    np.testing.assert_allclose(found, expected[ids], atol=1e-3 * np.abs(expected).max())
    z = (expected - expected.mean()) / expected.std()
    best = np.argsort(-z)[:5]
    assert [token.z for token in nearest] == pytest.approx(z[best], abs=5e-3)
    assert [token.text for token in nearest] == [model.tokenizer.decode([token]) for token in best.tolist()]


def test_only_words_of_one_token_have_a_score(tmp_path):
    head = Unembedding(loaded(tmp_path, "llama"))
    assert head.single_tokens(["thank", "thank you", "sorry"]) == {"thank": 5, "sorry": 12}


def test_a_model_without_a_head_is_refused(tmp_path):
    bare = load(find(str(tiny.save_model(tmp_path / "m", "llama")), cache=tmp_path / "cache"))
    with pytest.raises(UsageError, match="no head"):
        Unembedding(bare)
