"""Words of texts in scripts without spaces, and words of a list in them."""

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from emotion_cli.prompts.audit import PromptRow, counts_by_label
from emotion_cli.prompts.prompt_set import Prompt, PromptSet
from emotion_cli.prompts.scripts import word_tokens, words_of
from emotion_cli.prompts.shipped import shipped_prompt_set, shipped_sets
from emotion_cli.prompts.words import WordList

JAPANESE = "とても嬉しいです。カタカナで「書く」"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("I am, so -- glad!", ["I", "am,", "so", "--", "glad!"]),
        ("C'est la vie…", ["C'est", "la", "vie…"]),
        ("행복해요 정말", ["행복해요", "정말"]),
        (JAPANESE, ["と", "て", "も", "嬉", "し", "い", "で", "す", "カタカナ", "で", "書", "く"]),
        ("か\u3099 が", ["か\u3099", "が"]),
        ("我很高兴！", ["我", "很", "高", "兴"]),
        ("Hello世界!", ["Hello", "世", "界"]),
        ("มี ความสุข", ["มี", "ค", "ว", "า", "ม", "สุ", "ข"]),
        ("。。。", ["。。。"]),
        ("मैं खुश हूँ", ["मैं", "खुश", "हूँ"]),
    ],
)
def test_words_of_any_script(text, words):
    assert words_of(text) == words


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("I am, so -- glad!", ["I", "am", "so", "--", "glad"]),
        ("C'est la vie… (don’t)", ["C'est", "la", "vie", "don’t"]),
        ("well-known 'word'", ["well", "known", "word"]),
        (JAPANESE, ["と", "て", "も", "嬉", "し", "い", "で", "す", "カタカナ", "で", "書", "く"]),
        ("मैं खुश हूँ।", ["मैं", "खुश", "हूँ"]),
        ("😀 !", ["😀", "!"]),
    ],
)
def test_tokens_are_words_without_punctuation(text, tokens):
    assert word_tokens(text) == tokens


# a mark stands behind a letter, not at the beginning
@given(
    st.text(st.sampled_from("とても嬉しカタナー世界한국ab我很ไมสุก១ကမ"), min_size=1, max_size=12).filter(
        lambda text: not regex.match(r"\p{M}", text)
    )
)
def test_words_are_those_between_unicode_s_word_boundaries(text):
    expected = [part for part in regex.split(r"(?V1w)\b", text) if any(map(str.isalnum, part))]
    assert words_of(text) == (expected or text.split())


@given(st.text("ab .,-!\n\u00a0éß\u0301привет한국", max_size=20))
def test_texts_in_scripts_with_spaces_are_split_at_white_space(text):
    assert words_of(text) == text.split()


def test_the_shipped_sets_count_as_before():
    for name in shipped_sets():
        prompt_set = shipped_prompt_set(name)
        assert prompt_set.columns()["n_words"] == [len(prompt.text.split()) for prompt in prompt_set.prompts]


LIST = WordList({"joy": ("嬉しい", "高兴", "สุข", "mad", "fâché", "खुश", "うれしい 気持ち")})


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("とても嬉しいです。", ["嬉しい"]),
        ("我很高兴，高兴！", ["高兴", "高兴"]),
        ("ฉันมีความสุขมาก", ["สุข"]),
        ("うれしい 気持ちだ", ["うれしい 気持ち"]),
        # where both sides have spaces, words are whole words as before; a script without spaces ends a word of another
        ("nomad mad madness", ["mad"]),
        ("私はmadです", ["mad"]),
        ("mad2 2mad mad_ _mad", []),
        # a mark behind a letter makes another letter of it, whatever the Unicode form of the list
        ("fa\u0302che\u0301 fâché", ["fa\u0302che\u0301", "fâché"]),
        ("खुशी खुश", ["खुश"]),
        ("mad\u0301", []),
        ("สุข\u0e49", []),
        ("सुखुश", []),
    ],
)
def test_words_of_a_list_stand_in_any_script(text, found):
    assert [text[start:stop] for start, stop in LIST.spans(text, "joy")] == found


def test_the_audit_and_the_store_count_words_of_japanese():
    rows = [
        PromptRow("joy", None, "嬉しい。", 1),
        PromptRow("joy", None, "とても悲しい。", 1),
        PromptRow("joy", None, "と言う。", 1),
    ]
    (counts,) = counts_by_label(rows, LIST)
    assert (counts.min_words, counts.mean_words, counts.max_words) == (3, 4, 6)
    assert (counts.first_word, counts.first_word_share, counts.own_word_share) == ("と", 2 / 3, 1 / 3)
    prompts = tuple(Prompt(row.text, row.emotion) for row in rows)
    assert PromptSet("s", "train", prompts).columns()["n_words"] == [3, 6, 3]
