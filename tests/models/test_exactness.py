"""Every pooled activation equals a plain one-prompt forward pass, whatever the batch, order or padding side."""

import random

import numpy as np
import pytest
import tiny

from emotion_cli.models.extraction import pooled_activations
from emotion_cli.models.loading import find, load
from emotion_cli.models.proof import deviation
from emotion_cli.models.tokens import tokenize

TEXTS = [
    "thank you so much .", "I am so furious today !", "sorry .", "the bus is late",
    "the bus is late and I am late and so is the bus !",
    "thank you and the bus and the bus of the bus is so late today and I am so sorry .", "a", "of the bus",
]  # fmt: skip


@pytest.fixture(scope="session", params=[(a, side) for a in tiny.CONFIGS for side in ("left", "right")], ids="-".join)
def saved(request, tmp_path_factory):
    architecture, side = request.param
    return architecture, tiny.save_model(tmp_path_factory.mktemp(architecture), architecture, padding_side=side)


@pytest.mark.parametrize("bos", ["auto", "always", "never"])
def test_activations_equal_a_plain_forward(saved, bos, tmp_path):
    architecture, folder = saved
    loaded = load(find(str(folder), cache=tmp_path))
    texts = random.Random(bos).sample(TEXTS, len(TEXTS))
    ids = tokenize(loaded, texts, bos=bos).ids
    assert all((row[0] == 0) == (bos != "never") for row in ids)
    layers = list(range(loaded.n_layers + 1))
    pooled = pooled_activations(loaded, ids, poolings=["last", "mean"], layers=layers, batch_tokens=40)
    for prompt, states in enumerate(tiny.plain_states(folder, architecture, ids)):
        for layer in layers:
            state = states[layer].double().numpy()
            _close(pooled.values["last"][layer, prompt], state[-1])
            assert pooled.present["mean"][prompt] == (len(ids[prompt]) > 1)
            if len(ids[prompt]) > 1:
                _close(pooled.values["mean"][layer, prompt], state[1:].mean(0))


def test_batches_and_order_do_not_matter(saved, tmp_path):
    _, folder = saved
    loaded = load(find(str(folder), cache=tmp_path))
    ids = tokenize(loaded, TEXTS).ids
    options = {"poolings": ["mean"], "layers": [0, 2]}
    whole = pooled_activations(loaded, ids, batch_tokens=4096, **options).values["mean"]
    for budget in (1, 17, 64):
        _close(pooled_activations(loaded, ids, batch_tokens=budget, **options).values["mean"], whole)
    backwards = pooled_activations(loaded, ids[::-1], batch_tokens=64, **options).values["mean"]
    _close(backwards[:, ::-1], whole)
    assert np.isfinite(whole).all()


def test_the_strategy_is_proven(saved, tmp_path):
    _, folder = saved
    loaded = load(find(str(folder), cache=tmp_path))
    assert deviation(loaded, tokenize(loaded, TEXTS).ids, batch_tokens=64) < 1e-5


def test_hooks_are_always_removed(saved, tmp_path):
    from emotion_cli.models.residual import residual_stream

    loaded = load(find(str(saved[1]), cache=tmp_path))
    with pytest.raises(ZeroDivisionError), residual_stream(loaded, [0, 1, 2], lambda layer, hidden: None):
        raise ZeroDivisionError
    assert not any(block._forward_hooks or block._forward_pre_hooks for block in loaded.blocks)


@pytest.mark.slow
@pytest.mark.parametrize(("alias", "n_layers", "d_model"), [("smollm2-135m", 30, 576), ("gemma3-270m", 18, 640)])
def test_embedded_models_equal_a_plain_forward(alias, n_layers, d_model, cache):
    import transformers

    from emotion_cli.prompts.shipped import shipped_prompt_set

    loaded = load(find(alias, cache=cache))
    assert (loaded.n_layers, loaded.d_model) == (n_layers, d_model)
    texts = [prompt.text for prompt in shipped_prompt_set("extended").prompts[::13]]
    ids = tokenize(loaded, texts).ids
    layers = list(range(n_layers + 1))
    pooled = pooled_activations(loaded, ids, poolings=["last", "mean"], layers=layers, batch_tokens=512)
    model = transformers.AutoModelForCausalLM.from_pretrained(loaded.source.folder).eval()
    for prompt, row in enumerate(ids):
        states = tiny.states_of(model, model.model.layers, row)
        for layer in layers:
            state = states[layer].double().numpy()
            _close(pooled.values["last"][layer, prompt], state[-1])
            _close(pooled.values["mean"][layer, prompt], state[1:].mean(0))


def _close(found: np.ndarray, expected: np.ndarray) -> None:
    error = np.linalg.norm(found.astype(np.float64) - expected, axis=-1)
    # a prompt of one token has no mean: its row is zero in both
    assert (error <= 1e-5 * np.linalg.norm(expected, axis=-1)).all()
