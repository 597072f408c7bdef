"""What heads and MLPs write adds up to the state, and each head's part is what its slice of the projection makes."""

import numpy as np
import pytest
import tiny
import torch

from emotion_cli.errors import UsageError
from emotion_cli.models.loading import load
from emotion_cli.models.parts import BIAS, EMBEDDING, HEAD, MLP, TOTAL, Part, parts_along
from emotion_cli.models.sources.finding import find

IDS = [[0, 5, 6, 7, 9], [0, 8, 3], [0, 10, 11, 12, 13, 14, 3]]
LAST = [[4], [2], [6]]


def loaded(tmp_path, architecture):
    folder = tiny.save_model(tmp_path / "m", architecture)
    # biases of new models are zero
    model = tiny.plain_model(folder)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("bias"):
                parameter.normal_(std=0.05)
    model.save_pretrained(folder)
    return folder, load(find(str(folder), cache=tmp_path / "cache"))


@pytest.mark.parametrize(
    "architecture",
    [
        "llama",
        "gpt2",
        "gpt_neox",
        "gpt_neo",
        "gemma3_text",
        "gemma2",
        "mistral",
        "qwen2",
        "phi",
        "opt",
        "olmo2",
        "falcon",
        "bloom",
    ],
)
def test_parts_add_up_to_the_projection(architecture, tmp_path):
    """Against states of a plain pass, at every layer, at the last token and averaged over several."""
    folder, model = loaded(tmp_path, architecture)
    directions = np.random.default_rng(0).normal(size=(2, 32))
    states = tiny.plain_states(folder, architecture, IDS)
    for layer in range(1, model.n_layers + 1):
        for positions in (LAST, [[1, 2, 3], [1], [2, 6]]):
            found = parts_along(model, IDS, positions, layer, directions)
            *parts, total = found.values
            expected = np.stack(
                [
                    text[layer][of_text].double().numpy().mean(0) @ directions.T
                    for text, of_text in zip(states, positions, strict=True)
                ]
            )
            scale = max(float(text[layer].norm(dim=-1).max()) for text in states) * 10
            np.testing.assert_allclose(total / scale, expected / scale, atol=2e-6)
            np.testing.assert_allclose(np.sum(parts, axis=0) / scale, expected / scale, atol=1e-5)
            assert found.parts[0] == Part(EMBEDDING) and found.parts[-1] == Part(TOTAL)
            n_heads = model.model.config.num_attention_heads
            assert [part for part in found.parts if part.block == 1] == [
                *(Part(HEAD, 1, head) for head in range(n_heads)),
                Part(BIAS, 1),
                Part(MLP, 1),
            ]


@pytest.mark.parametrize("architecture", ["llama", "gemma3_text"])
def test_a_head_writes_what_its_slice_of_the_projection_makes(architecture, tmp_path):
    """By hand: the head's part of what enters the projection, times its slice, times the gain of the norm behind it."""
    folder, model = loaded(tmp_path, architecture)
    direction = np.random.default_rng(0).normal(size=(1, 32))
    found = parts_along(model, IDS[:1], LAST[:1], 2, direction)
    plain = tiny.plain_model(folder)
    attention = plain.model.layers[1].self_attn
    seen = {}
    attention.o_proj.register_forward_hook(lambda module, args, output: seen.update(mixed=args[0][0, -1], made=output[0, -1]))
    with torch.no_grad():
        plain(input_ids=torch.tensor(IDS[:1]))
    gains = torch.ones(32)
    if architecture == "gemma3_text":
        norm = plain.model.layers[1].post_attention_layernorm
        gains = (1 + norm.weight) / (seen["made"].pow(2).mean() + norm.eps).sqrt()
    for head in range(4):
        part = slice(8 * head, 8 * (head + 1))
        write = gains * (attention.o_proj.weight[:, part] @ seen["mixed"][part])
        by_hand = float(write.detach().double() @ torch.from_numpy(direction[0]))
        assert found.values[found.parts.index(Part(HEAD, 2, head)), 0, 0] == pytest.approx(by_hand, abs=1e-4)


@pytest.mark.parametrize(
    ("architecture", "said"),
    [("mamba", "no attention heads"), ("opt-post-norm", "is not seen to add"), ("rwkv", "no attention heads")],
)
def test_models_that_do_not_add_up_are_refused(architecture, said, tmp_path):
    model = load(find(str(tiny.save_model(tmp_path / "m", architecture)), cache=tmp_path / "cache"))
    with pytest.raises(UsageError, match=said):
        parts_along(model, IDS, LAST, 1, np.ones((1, 32)))


def test_the_embeddings_have_no_parts(tmp_path):
    with pytest.raises(UsageError, match="--layer 0"):
        parts_along(loaded(tmp_path, "llama")[1], IDS, LAST, 0, np.ones((1, 32)))
