"""Every pooled activation equals a plain one-prompt forward pass, whatever the batch, order or padding side."""

import random
from typing import NamedTuple

import numpy as np
import pytest
import tiny
import torch
from oracle import Oracle

from emotion_cli.models.loaded import LoadedModel
from emotion_cli.models.loading import load
from emotion_cli.models.packing.proof import choose_strategy
from emotion_cli.models.pooling import pooled_activations
from emotion_cli.models.residual import residual_stream
from emotion_cli.models.sources.finding import find
from emotion_cli.models.tokens import tokenize

TEXTS = [
    "thank you so much .",
    "I am so furious today !",
    "sorry .",
    "the bus is late",
    "the bus is late and I am late and so is the bus !",
    "thank you and the bus and the bus of the bus is so late today and I am so sorry .",
    "a",
    "of the bus",
]


class Subject(NamedTuple):
    """One architecture: as emo loads it, and as transformers does, plain and in float64."""

    loaded: LoadedModel
    plain: torch.nn.Module
    oracle: Oracle


@pytest.fixture(scope="session", params=tiny.CONFIGS)
def subject(request, tmp_path_factory):
    folder = tiny.save_model(tmp_path_factory.mktemp(request.param), request.param)
    plain = tiny.plain_model(folder)
    return Subject(load(find(str(folder), cache=folder)), plain, Oracle(folder, request.param))


@pytest.mark.parametrize("bos", ["auto", "always", "never"])
def test_activations_equal_a_plain_forward(subject, bos):
    loaded = subject.loaded
    texts = random.Random(bos).sample(TEXTS, len(TEXTS))
    layers = list(range(loaded.n_layers + 1))
    pooled = {}
    for side in ("left", "right"):
        loaded.tokenizer.padding_side = side
        ids = tokenize(loaded, texts, bos=bos).ids
        assert all((row[0] == 0) == (bos != "never") for row in ids)
        pooled[side] = pooled_activations(loaded, ids, poolings=["last", "mean"], layers=layers, batch_tokens=40)
    for prompt, row in enumerate(ids):
        for side in pooled:
            assert subject.oracle.excess(pooled[side].values["last"][:, prompt], row, [len(row) - 1]) <= 1
            assert pooled[side].present["mean"][prompt] == (len(row) > 1)
            if len(row) > 1:
                assert subject.oracle.excess(pooled[side].values["mean"][:, prompt], row, list(range(1, len(row)))) <= 1


def test_layers_are_the_hidden_states_of_transformers_below_the_top(subject):
    """A second oracle, without hooks of ours; its last state is behind the final norm, so it is left out."""
    (ids,) = tokenize(subject.loaded, TEXTS[:1]).ids
    with torch.no_grad():
        given = subject.plain(input_ids=torch.tensor([ids]), output_hidden_states=True).hidden_states
    first = tiny.FIRST_HIDDEN_STATE.get(subject.loaded.architecture, 0)
    layers = list(range(first, subject.loaded.n_layers))
    found = pooled_activations(subject.loaded, [ids], poolings=["last"], layers=layers, batch_tokens=64).values["last"]
    for i in range(len(layers)):
        _close(found[i, 0], given[i][0, -1].double().numpy())


def test_batches_and_order_do_not_matter(subject):
    loaded = subject.loaded
    ids = tokenize(loaded, TEXTS).ids
    options = {"poolings": ["mean"], "layers": [0, 2]}
    whole = pooled_activations(loaded, ids, batch_tokens=4096, **options).values["mean"]
    for budget in (1, 17, 64):
        _close(pooled_activations(loaded, ids, batch_tokens=budget, **options).values["mean"], whole)
    backwards = pooled_activations(loaded, ids[::-1], batch_tokens=64, **options).values["mean"]
    _close(backwards[:, ::-1], whole)
    assert np.isfinite(whole).all()


def test_the_strategy_is_proven(subject):
    ids = tokenize(subject.loaded, TEXTS).ids
    choice = choose_strategy(subject.loaded, ids, layers=range(subject.loaded.n_layers + 1), batch_tokens=64)
    assert choice.proof.exact and not choice.proof.no_float64
    # right padding is exact for every architecture, ALiBi and state spaces too: none falls back to single prompts
    assert choice.strategy in ("tree", "sorted")


def test_hooks_are_always_removed(subject):
    with pytest.raises(ZeroDivisionError), residual_stream(subject.loaded, [0, 1, 2], lambda layer, hidden: None):
        raise ZeroDivisionError
    assert not any(block._forward_hooks or block._forward_pre_hooks for block in subject.loaded.blocks)


@pytest.mark.slow
@pytest.mark.parametrize(("alias", "n_layers", "d_model"), [("smollm2-135m", 30, 576), ("gemma3-270m", 18, 640)])
def test_embedded_models_equal_a_plain_forward(alias, n_layers, d_model, cache, record_property):
    from emotion_cli.prompts.shipped import shipped_prompt_set

    loaded = load(find(alias, cache=cache))
    assert (loaded.n_layers, loaded.d_model) == (n_layers, d_model)
    texts = [prompt.text for prompt in shipped_prompt_set("extended").prompts[::13]]
    ids = tokenize(loaded, texts).ids
    options = {"poolings": ["last", "mean"], "layers": list(range(n_layers + 1)), "batch_tokens": 512}
    pooled = {strategy: pooled_activations(loaded, ids, strategy=strategy, **options) for strategy in ("tree", "sorted")}
    oracle = Oracle(loaded.source.folder, "llama")
    largest = {
        (name, pooling): max(
            oracle.excess(
                found.values[pooling][:, prompt], row, list(range(1, len(row))) if pooling == "mean" else [len(row) - 1]
            )
            for prompt, row in enumerate(ids)
        )
        for name, found in pooled.items()
        for pooling in ("last", "mean")
    }
    record_property("largest", str(largest))
    assert max(largest.values()) <= 1, largest


def _close(found: np.ndarray, expected: np.ndarray) -> None:
    error = np.linalg.norm(found.astype(np.float64) - expected, axis=-1)
    # a prompt of one token has no mean: its row is zero in both
    assert (error <= 1e-5 * np.linalg.norm(expected, axis=-1)).all()
