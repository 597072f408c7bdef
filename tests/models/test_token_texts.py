"""Tokens that hold only some bytes of a character are written with these bytes."""

import pytest
import tiny
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import pre_tokenizers

from emotion_cli.models.loading import load
from emotion_cli.models.sources.finding import find
from emotion_cli.models.unembedding import BYTES_SHOWN, Unembedding, bytes_of

LETTERS = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_the_letters_of_a_byte_vocabulary_are_the_bytes_of_the_text(text):
    """The oracle is the tokenizer's own: it writes a text as such letters."""
    ((letters, _),) = LETTERS.pre_tokenize_str(text)
    assert bytes_of(letters) == text.encode()


@pytest.mark.parametrize(
    ("name", "content"), [("<0xE2>", b"\xe2"), ("\u2581joy", None), ("\u00c3\u00a9", b"\xc3\xa9"), ("ĠÃ", b" \xc3")]
)
def test_names_of_tokens(name, content):
    assert bytes_of(name) == content


@pytest.mark.parametrize(
    ("content", "shown"), [(b"\xe2\x80", "<0xE2><0x80>"), (b" \xc3", " <0xC3>"), ("a\u00e9".encode() + b"\xa9", "a\u00e9<0xA9>")]
)
def test_what_is_no_character_is_shown_as_bytes(content, shown):
    assert content.decode("utf-8", errors=BYTES_SHOWN) == shown


def test_a_token_of_a_model_is_its_text_or_its_bytes(tmp_path, monkeypatch):
    head = Unembedding(load(find(str(tiny.save_model(tmp_path / "m", "llama")), cache=tmp_path / "cache"), head=True))
    tokenizer = head._loaded.tokenizer
    assert head.text_of(5) == tokenizer.decode([5]) == "thank"
    monkeypatch.setattr(type(tokenizer), "decode", lambda self, ids: "\ufffd")
    monkeypatch.setattr(type(tokenizer), "convert_ids_to_tokens", lambda self, token: "<0x9F>")
    assert head.text_of(5) == "<0x9F>"
