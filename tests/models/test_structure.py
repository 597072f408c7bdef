"""Blocks, states and the final norm are found in a model of any architecture, by running it."""

import json

import numpy as np
import pytest
import tiny
import torch
import transformers

from emotion_cli.errors import UsageError
from emotion_cli.models.centring import ignores_mean
from emotion_cli.models.checks import structure
from emotion_cli.models.loading import load
from emotion_cli.models.pooling import pooled_activations
from emotion_cli.models.sources.finding import find
from emotion_cli.models.structure import find_structure
from emotion_cli.models.tokens import tokenize

IDS = [[0, 5, 6, 7, 8, 9, 10], [0, 5, 11, 12], [0, 5, 11, 12, 13, 14, 15, 16], [3]]


def loaded_from(folder):
    return load(find(str(folder), cache=folder))


def states(loaded, ids=IDS):
    layers = list(range(loaded.n_layers + 1))
    return pooled_activations(loaded, ids, poolings=["last"], layers=layers, batch_tokens=30).values["last"]


def close(found, expected):
    assert np.linalg.norm(found - expected) <= 1e-5 * np.linalg.norm(expected)


@pytest.mark.parametrize("architecture", tiny.MORE_CONFIGS)
def test_more_architectures_equal_a_plain_forward(architecture, tmp_path):
    folder = tiny.save_model(tmp_path, architecture)
    loaded = loaded_from(folder)
    assert all(check.passed for check in structure(loaded))
    found = states(loaded)
    for prompt, right in enumerate(tiny.plain_states(folder, architecture, IDS)):
        assert len(right) == loaded.n_layers + 1
        for layer, state in enumerate(right):
            close(found[layer, prompt], state[-1].double().numpy())


@pytest.mark.parametrize(
    ("architecture", "after_blocks"),
    [
        ("llama", ["norm"]),
        ("opt", ["final_layer_norm"]),
        ("opt-post-norm", ["project_out"]),
        ("openai-gpt", []),
        ("ctrl", ["layernorm"]),
        ("lfm2", ["embedding_norm"]),
        ("recurrent_gemma", ["final_norm"]),
        ("rwkv", ["ln_out"]),
    ],
)
def test_modules_after_the_blocks_are_found(architecture, after_blocks, tmp_path):
    assert list(loaded_from(tiny.save_model(tmp_path, architecture)).structure.after_blocks) == after_blocks


def test_of_a_model_of_images_and_text_only_the_decoder_is_kept(tmp_path):
    loaded = loaded_from(tiny.save_model(tmp_path, "gemma3"))
    assert loaded.architecture == "gemma3_text"
    # the vision tower has as many blocks
    assert not any("vision" in name for name, _ in loaded.model.named_modules())
    assert (len(loaded.blocks), loaded.d_model) == (3, 32)


@pytest.mark.parametrize("attention", [None, "eager"])
def test_a_state_that_is_rescaled_between_blocks_is_read_as_the_weights_make_it(attention, tmp_path):
    """RWKV halves it every few blocks when it does not learn; while it learns, states are what the weights say."""
    folder = tiny.save_model(tmp_path, "rwkv", rescale_every=1)
    found = states(load(find(str(folder), cache=folder), attention=attention), IDS[:1])
    model = tiny.plain_model(folder)
    halved = tiny.states_of(model, model.rwkv.blocks, IDS[0])
    right = tiny.states_of(model.train(), model.rwkv.blocks, IDS[0])
    for layer, state in enumerate(right):
        close(found[layer, 0], state[-1].double().numpy())
    assert (halved[-1] - right[-1]).norm() > 0.1 * right[-1].norm()


def test_a_state_given_by_name_and_returned_among_others_is_found(tmp_path):
    """Wherever a block takes the state, and wherever it returns it."""
    model = tiny.plain_model(tiny.save_model(tmp_path, "llama")).model

    class Wrapped(torch.nn.Module):
        def __init__(self, block):
            super().__init__()
            self.block = block

        def forward(self, *, extra, stream, **options):
            return [extra, self.block(stream, **options)]

    class Blocks(torch.nn.ModuleList):
        pass

    wrapped = Blocks(Wrapped(block) for block in model.layers)
    model.layers = wrapped
    hidden = torch.zeros(1, 2, 32)

    def forward(input_ids, use_cache):
        state = model.embed_tokens(input_ids)
        turns = model.rotary_emb(state, torch.arange(2)[None])
        for block in wrapped:
            state = block(extra=hidden, stream=state, position_embeddings=turns)[1]
        return (model.norm(state),)

    model.forward = forward
    found = find_structure(model)
    assert (found.entry, found.parts, list(found.after_blocks)) == ("stream", [1, 1, 1], ["norm"])
    assert found.blocks == list(wrapped)


@pytest.mark.parametrize(
    ("architecture", "ignored"),
    [
        ("gpt2", True),
        ("gpt_neox", True),
        ("cohere2", True),
        ("nemotron", True),
        ("bloom", True),
        ("llama", False),
        ("gemma3_text", False),
        # LayerNorm behind the sums: attention reads what it gives as it is
        ("opt-post-norm", False),
        ("openai-gpt", False),
    ],
)
def test_whether_the_mean_is_read_is_tried(architecture, ignored, tmp_path):
    assert ignores_mean(loaded_from(tiny.save_model(tmp_path, architecture))) is ignored


def test_a_model_without_a_row_of_blocks_is_refused(tmp_path):
    transformers.XLMWithLMHeadModel(transformers.XLMConfig(vocab_size=64, emb_dim=32, n_layers=3, n_heads=4)).save_pretrained(
        tmp_path
    )
    tiny.save_tokenizer(tmp_path)
    with pytest.raises(UsageError, match="no 3 blocks that run one after another") as caught:
        loaded_from(tmp_path)
    assert caught.value.hint


@pytest.mark.parametrize("kind", ["shards", "no head", "classifier"])
def test_other_ways_to_save_a_model_give_the_same_numbers(kind, tmp_path):
    folder = tiny.save_model(tmp_path / "whole", "llama")
    right = states(loaded_from(folder))
    other = tmp_path / "other"
    if kind == "shards":
        tiny.plain_model(folder).save_pretrained(other, max_shard_size="20KB")
        assert len(list(other.glob("*.safetensors"))) > 1
    elif kind == "no head":
        transformers.AutoModel.from_pretrained(folder).save_pretrained(other)
    else:
        transformers.AutoModelForSequenceClassification.from_pretrained(folder).save_pretrained(other)
        assert json.loads((other / "config.json").read_text())["architectures"] == ["LlamaForSequenceClassification"]
    tiny.save_tokenizer(other)
    np.testing.assert_allclose(states(loaded_from(other)), right, atol=1e-6)


def test_a_tokenizer_without_bos_puts_nothing_first(tmp_path):
    folder = tiny.save_model(tmp_path, "qwen2", bos_token_id=None)
    tiny.save_tokenizer(folder, bos_token=None, eos_token=None)
    loaded = loaded_from(folder)
    ids = tokenize(loaded, ["the bus is late", "so late"]).ids
    assert ids == [[13, 14, 15, 16], [7, 16]]
    found = states(loaded, ids)
    for prompt, right in enumerate(tiny.plain_states(folder, "qwen2", ids)):
        close(found[-1, prompt], right[-1][-1].double().numpy())
