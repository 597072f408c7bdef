"""Where the words of a label stand in a text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotion_cli.errors import UsageError
from emotion_cli.prompts.shipped import shipped_prompt_set
from emotion_cli.prompts.words import WordList, last_word, read_words

LIST = WordList({"rage": ("mad", "seeing red"), "thanks": ("thank you", "thank")})


@pytest.mark.parametrize(
    ("text", "label", "found"),
    [
        ("I am mad.", "rage", ["mad"]),
        ("Mad, MAD and 'mad'!", "rage", ["Mad", "MAD", "mad"]),
        ("nomad madness mad_ma", "rage", []),
        ("seeing  red; Seeing\nred", "rage", ["seeing  red", "Seeing\nred"]),
        ("thank you, I thank them", "thanks", ["thank you", "thank"]),
        ("I thank you", "rage", []),
        ("mad", "calm", []),
    ],
)
def test_words_are_whole_words_in_any_case(text, label, found):
    assert [text[start:stop] for start, stop in LIST.spans(text, label)] == found


@given(before=st.text(" .,!?;:'\"-(\n", max_size=4), after=st.text(" .,!?;:'\"-)\n", max_size=4), upper=st.booleans())
def test_punctuation_spaces_and_case_hide_nothing(before, after, upper):
    word = "MAD" if upper else "mad"
    assert LIST.spans(f"{before}{word}{after}", "rage") == [(len(before), len(before) + 3)]


def test_the_hash_is_of_what_the_list_means(tmp_path):
    same = WordList({"thanks": ("thank", "Thank you"), "rage": ("Seeing red", "mad")})
    assert same.sha256 == LIST.sha256 != WordList({"rage": ("mad",)}).sha256
    (tmp_path / "w.toml").write_text('rage = ["mad", "seeing red"]\nthanks = ["thank", "thank you"]\n')
    assert read_words(tmp_path / "w.toml").sha256 == LIST.sha256


@pytest.mark.parametrize("content", ["rage = 3", "rage = []", 'rage = [""]', "rage = [1]", "rage ="])
def test_a_faulty_list_names_its_file(tmp_path, content):
    (tmp_path / "w.toml").write_text(content)
    with pytest.raises(UsageError, match=r"w\.toml"):
        read_words(tmp_path / "w.toml")
    with pytest.raises(UsageError, match="no such file"):
        read_words(tmp_path / "gone.toml")


def test_the_shipped_list_has_words_for_every_shipped_label_but_the_neutral_one():
    words = read_words(None)
    for name in ("extended", "heldout"):
        prompts = shipped_prompt_set(name).prompts
        found = {prompt.emotion for prompt in prompts if words.spans(prompt.text, prompt.emotion)}
        assert found == {prompt.emotion for prompt in prompts} - {"neutral"}


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("The bus is late.", "late"),
        ("You broke it again (I'm sure)!!", "sure"),
        ("They don't!", "don't"),
        ("It cost 7 €.", "7"),
        ("again and again", "again"),
        ("snake_case_", "snake_case_"),
        ("我很高兴！", "兴"),
        ("バスが遅いバス。", "バス"),
        ("cafe\u0301 .", "cafe\u0301"),
        ("?!", ""),
        ("", ""),
    ],
)
def test_the_last_word_holds_a_letter_or_digit(text, word):
    assert "".join(text[start:stop] for start, stop in last_word(text)) == word
    if word:
        ((start, stop),) = last_word(text)
        # the last place of all
        assert not any(map(str.isalnum, text[stop:])) and text.rfind(word) == start


@given(st.text(max_size=30))
def test_the_last_word_ends_where_the_last_letter_does(text):
    letters = [i for i, character in enumerate(text) if character.isalnum()]
    spans = last_word(text)
    assert bool(spans) == bool(letters)
    for start, stop in spans:
        assert start <= letters[-1] < stop
