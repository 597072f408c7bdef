"""A sound model passes every check, and each check fails on the model that it is for."""

import dataclasses
import math

import pytest
import tiny
import torch

from emotion_cli.errors import CheckFailedError
from emotion_cli.models.checks import check_model, structure
from emotion_cli.models.checks import tokens as token_checks
from emotion_cli.models.loading import load
from emotion_cli.models.sources.finding import find

NAMES = [
    "layer_count",
    "top_before_final_norm",
    "causal",
    "bos",
    "vocabulary",
    "tokenizer_file",
    "padding_invariance",
    "batch_invariance",
    "dtype_safety",
    "token_norms",
]


@pytest.fixture(scope="module", params=["gpt2", "gpt_neo", "gemma3_text", "mamba", "opt-post-norm"])
def sound(request, tmp_path_factory):
    folder = tiny.save_model(tmp_path_factory.mktemp(request.param), request.param)
    return load(find(str(folder), cache=folder))


@pytest.fixture
def loaded(tmp_path):
    return load(find(str(tiny.save_model(tmp_path / "tiny", "llama")), cache=tmp_path))


def failed(checks):
    return [check.name for check in checks if not check.passed]


def test_a_sound_model_passes_every_check(sound):
    checks = check_model(sound)
    assert [check.name for check in checks] == NAMES
    assert failed(checks) == []
    assert all(math.isfinite(check.value) and check.detail for check in checks)


def test_a_block_that_is_missing_is_seen(loaded):
    (count, *_) = structure(dataclasses.replace(loaded, n_layers=4))
    assert (count.passed, count.value, count.bound) == (False, 3, 4)
    assert failed(structure(dataclasses.replace(loaded, d_model=16))) == ["layer_count"]


def two_blocks(whole):
    return whole._replace(blocks=whole.blocks[:2])


def test_a_top_layer_that_is_not_the_last_is_seen(loaded):
    # the blocks without the last one: what is hooked as the top is a state too low
    assert "top_before_final_norm" in failed(
        structure(dataclasses.replace(loaded, structure=two_blocks(loaded.structure), n_layers=2))
    )


def test_loading_refuses_what_is_not_the_residual_stream(tmp_path, monkeypatch):
    from emotion_cli.models import loading

    source = find(str(tiny.save_model(tmp_path / "tiny", "llama")), cache=tmp_path)
    find_structure = loading.find_structure
    monkeypatch.setattr(loading, "find_structure", lambda model: two_blocks(find_structure(model)))
    with pytest.raises(CheckFailedError, match=r"check layer_count failed: .* saw 2 of") as caught:
        load(source)
    assert caught.value.hint == f"emo models check {tmp_path / 'tiny'}"
    assert failed(structure(load(source, prove=False))) == ["layer_count", "top_before_final_norm"]


class Doubling:
    """A tokenizer that puts BOS first by itself."""

    def __init__(self, inner):
        self._inner = inner

    def __getattr__(self, name):
        return getattr(self._inner, name)

    def __call__(self, texts, **options):
        return {"input_ids": [[0, *row] for row in self._inner(texts, **options)["input_ids"]]}


def test_tokens_at_fault_are_seen(loaded):
    assert failed(token_checks(loaded)) == []
    doubled = dataclasses.replace(loaded, tokenizer=Doubling(loaded.tokenizer))
    checks = check_model(doubled)
    assert failed(checks) == ["bos", "tokenizer_file"]
    # the tokenizer of another, larger model
    loaded.model.resize_token_embeddings(3)
    assert failed(token_checks(loaded)) == ["vocabulary"]


def test_a_model_whose_prompts_see_one_another_is_seen(loaded):
    def mixed(module, args, output):
        return output + 1e-3 * output.mean(dim=(0, 1), keepdim=True)

    loaded.blocks[0].register_forward_hook(mixed)
    assert failed(check_model(loaded)) == ["causal", "padding_invariance", "batch_invariance"]


def test_a_model_that_sees_padding_is_seen(loaded):
    def looks_right(module, args, output):
        return output + 1e-3 * output.flip(1).cumsum(1).flip(1)

    loaded.blocks[1].register_forward_hook(looks_right)
    assert failed(check_model(loaded)) == ["causal", "padding_invariance"]


def test_numbers_near_the_end_of_a_format_are_seen(tmp_path):
    folder = tiny.save_model(tmp_path / "tiny", "gpt2")
    half = load(find(str(folder), cache=tmp_path), dtype="float16")
    assert failed(check_model(half)) == []
    half.blocks[1].register_forward_hook(lambda module, args, output: output * 1e30)
    checks = {check.name: check for check in check_model(half)}
    assert checks["dtype_safety"].value == float("inf") and checks["dtype_safety"].bound == torch.finfo(torch.float16).max
    assert {"padding_invariance", "batch_invariance", "dtype_safety"} <= set(failed(checks.values()))


def test_a_token_that_is_far_longer_than_the_others_is_said_and_fails_nothing(loaded):
    """The embedding of the full stop, which ends most probes, is made a hundred times as long."""
    (usual,) = [check for check in check_model(loaded) if check.name == "token_norms"]
    assert usual.passed and 1 <= usual.value <= 5 == usual.bound and "none is a sink" in usual.detail
    with torch.no_grad():
        loaded.model.get_input_embeddings().weight[3] *= 100
    (sink,) = [check for check in check_model(loaded) if check.name == "token_norms"]
    assert sink.passed and sink.value > 20
    assert "at layer 0" in sink.detail and "--method whitened" in sink.detail and "--pooling content" in sink.detail
