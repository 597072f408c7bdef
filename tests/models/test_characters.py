"""Tokens and the characters that they stand for, for any text of Unicode; states along directions."""

from types import SimpleNamespace

import numpy as np
import pytest
import tiny
import torch
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from emotion_cli.errors import UsageError
from emotion_cli.models.characters import characters_of
from emotion_cli.models.loading import load
from emotion_cli.models.projecting import token_projections
from emotion_cli.models.sources.finding import find

SAMPLES = [
    "I'm  furious! 😀 naïve cafe\u0301",
    "ありがとう、本当に。",
    "  two\n\nlines,\tok ",
    "👩\u200d👩\u200d👧🏽 🇩🇪 𒀀𝔘",
    "שלום עליכם",
]
TEXTS = st.one_of(st.sampled_from(SAMPLES), st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30))


def byte_level() -> PreTrainedTokenizerFast:
    """As GPT-2: each byte is a token, and a few pairs of them are."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {letter: i for i, letter in enumerate([*alphabet, "th", "Ġt", "ĠðŁ", "ãģ"])}
    merges = [("t", "h"), ("Ġ", "t"), ("ã", "ģ")]
    inner = Tokenizer(models.BPE(vocabulary, merges))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=inner)


def byte_fallback() -> PreTrainedTokenizerFast:
    """As Gemma: a space is a letter, and what is in no piece is a token a byte."""
    pieces = ["<unk>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁", *"abcdefghijklmnopqrstuvwxyz", "▁t", "th", "あ", "り"]
    merges = [("▁", "t"), ("t", "h")]
    inner = Tokenizer(
        models.BPE({piece: i for i, piece in enumerate(pieces)}, merges, unk_token="<unk>", byte_fallback=True, fuse_unk=True)
    )
    inner.normalizer = normalizers.Replace(" ", "▁")
    inner.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    return PreTrainedTokenizerFast(tokenizer_object=inner)


TOKENIZERS = {"bytes": byte_level(), "fallback": byte_fallback()}


def as_model(tokenizer) -> SimpleNamespace:
    return SimpleNamespace(tokenizer=tokenizer, source=SimpleNamespace(name="m"))


@pytest.mark.parametrize("name", TOKENIZERS)
@given(text=TEXTS)
def test_characters_are_those_that_the_ids_stand_for(name, text):
    """Characters never shared by two tokens, in order, say what the tokens decode to, and are together the whole text."""
    tokenizer = TOKENIZERS[name]
    ids = tokenizer([text], add_special_tokens=False)["input_ids"][0]
    (found,) = characters_of(as_model(tokenizer), [text], [[7, *ids]])
    assert found[0] is None  # what was put first
    groups: list[tuple[list[int], int, int]] = []
    for token, (start, stop) in zip(ids, found[1:], strict=True):
        assert 0 <= start < stop <= len(text)
        if groups and start < groups[-1][2]:
            members, first, last = groups[-1]
            groups[-1] = [*members, token], min(first, start), max(last, stop)
        else:
            groups.append(([token], start, stop))
    assert [stop for *_, stop in groups[:-1]] == [start for _, start, _ in groups[1:]]
    assert (groups[0][1], groups[-1][2]) == (0, len(text))
    for members, start, stop in groups:
        # a tokenizer that writes a space as another sign cannot tell the two apart again
        assert tokenizer.decode(members) == text[start:stop].replace("▁", " " if name == "fallback" else "▁")


def test_a_tokenizer_that_does_not_say_is_refused():
    with pytest.raises(UsageError, match="does not say which characters"):
        characters_of(as_model(SimpleNamespace(is_fast=False)), ["x"], [[1]])


def test_the_chat_template_stands_for_no_characters(tmp_path):
    tokenizer = byte_level()
    tokenizer.chat_template = "[u]{{ messages[0]['content'] }}[e]"
    text = "thé 😀"
    ids = tokenizer([f"[u]{text}[e]"], add_special_tokens=False)["input_ids"]
    (found,) = characters_of(as_model(tokenizer), [text], ids, chat_template=True)
    assert found[:3] == [None] * 3 and found[-3:] == [None] * 3
    inside = found[3:-3]
    assert inside[0][0] == 0 and inside[-1][1] == len(text) and None not in inside


@pytest.mark.parametrize("strategy", ["tree", "sorted", "single"])
@pytest.mark.parametrize("architecture", ["gpt2", "gemma3_text", "llama"])
def test_states_along_directions_are_those_of_a_plain_pass(architecture, strategy, tmp_path):
    folder = tiny.save_model(tmp_path / "m", architecture)
    loaded = load(find(str(folder), cache=tmp_path / "cache"))
    ids = [[0, 5, 6, 7], [0, 5, 6, 9, 10, 3], [0, 8], [0, 5, 6, 7]]
    rng = np.random.default_rng(0)
    directions = {layer: rng.normal(size=(3, 32)) for layer in (0, 2)}
    directions[2][1] = np.nan
    found = token_projections(loaded, ids, directions, strategy=strategy, batch_tokens=16)
    for states, projected in zip(tiny.plain_states(folder, architecture, ids), found, strict=True):
        for layer, matrix in directions.items():
            plain = states[layer].to(torch.float64).numpy()
            expected = plain @ matrix.T
            scale = np.linalg.norm(plain, axis=1).max() * 10
            np.testing.assert_allclose(projected[layer].along / scale, expected / scale, atol=2e-6)
            np.testing.assert_allclose(projected[layer].norms, np.linalg.norm(plain, axis=1), rtol=1e-4)
