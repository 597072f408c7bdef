"""The shipped sets, and what is said of faulty files."""

import json
import re
from collections import Counter, defaultdict
from itertools import combinations

import pytest

from emotion_cli.errors import UsageError
from emotion_cli.prompts.prompt_set import Row, validated
from emotion_cli.prompts.reading import read_prompt_set
from emotion_cli.prompts.shipped import shipped_prompt_set, shipped_sets
from emotion_cli.prompts.words import read_words

EXPLICIT = ("baseline", "extended", "heldout")
IMPLICIT = ("implicit", "implicit-heldout")
NAMED_OUTRIGHT = {
    "gratitude": ("thank", "grateful", "gratitude", "appreciat"),
    "anger": ("angry", "anger", "furious", "livid", "rage", "mad"),
    "apology": ("sorry", "apolog", "forgive", "regret"),
}


EMOTION = re.compile(
    r"\b(afraid|ashamed|bless\w*|blam\w+|cruel\w*|cry\w*|cried|dared?|fear\w*|generous\w*|glad\w*|guilt\w*|happ[iy]\w*|hate\w*"
    r"|hurt\w*|kind(ly|ness)|laugh\w*|lov(e|ed|ing)|outrag\w*|owed?|please\w*|proud\w*|rude\w*|sad\w*|selfish\w*|smil\w*|tears"
    r"|unfair\w*|upset|wrong\w*)\b",
    re.IGNORECASE,
)
FUNCTION_WORDS = re.findall(
    r"\w+",
    """
    i my you your he his she her they their we our it the a and when while until before after because since so that as not no
    had was for to with in on at of by into out up off all own night day then two
    """,
)


@pytest.mark.parametrize(
    ("name", "topics", "role"),
    [
        ("baseline", 70, "train"),
        ("extended", 100, "train"),
        ("heldout", 40, "test"),
        ("implicit", 100, "train"),
        ("implicit-heldout", 40, "test"),
    ],
)
def test_each_topic_has_each_label_once_in_the_same_form(name, topics, role):
    prompt_set = shipped_prompt_set(name)
    assert prompt_set.role == role
    by_topic = defaultdict(dict)
    for prompt in prompt_set.prompts:
        by_topic[prompt.topic][prompt.emotion] = prompt.text
    assert len(by_topic) == topics
    assert len(prompt_set.prompts) == 4 * topics
    for texts in by_topic.values():
        assert set(texts) == set(prompt_set.emotions) == {"gratitude", "anger", "apology", "neutral"}
        words = [text.split() for text in texts.values()]
        assert len({len(word) for word in words}) == 1
        assert 2 <= len(words[0]) <= 20
        assert len({word[0] for word in words}) == len({text[-1] for text in texts.values()}) == 1


def test_at_most_half_of_a_label_s_prompts_name_it():
    for name in EXPLICIT:
        texts = defaultdict(list)
        for prompt in shipped_prompt_set(name).prompts:
            texts[prompt.emotion].append(prompt.text.lower())
        for emotion, words in NAMED_OUTRIGHT.items():
            share = Counter(any(word in text for word in words) for text in texts[emotion])[True] / len(texts[emotion])
            assert 0 < share <= 0.5, (name, emotion)
            assert not any(word in text.split() for text in texts["neutral"] for word in words)


def test_baseline_is_the_beginning_of_extended_and_the_other_sets_share_nothing():
    baseline = shipped_prompt_set("baseline").prompts
    assert shipped_prompt_set("extended").prompts[: len(baseline)] == baseline
    for one, other in combinations(sorted(set(shipped_sets()) - {"baseline"}), 2):
        first, second = shipped_prompt_set(one).prompts, shipped_prompt_set(other).prompts
        assert {prompt.text for prompt in first}.isdisjoint(prompt.text for prompt in second)
        assert {prompt.topic for prompt in first}.isdisjoint(prompt.topic for prompt in second)


@pytest.mark.parametrize("name", IMPLICIT)
def test_an_implicit_text_has_no_word_of_emotion_of_any_label(name):
    listed = read_words(None)
    for prompt in shipped_prompt_set(name).prompts:
        assert not any(listed.spans(prompt.text, label) for label in listed.words), prompt.text
        assert not EMOTION.search(prompt.text), prompt.text


@pytest.mark.parametrize("name", IMPLICIT)
def test_function_words_stand_as_often_in_each_label_of_an_implicit_set(name):
    in_texts = defaultdict(Counter)
    for prompt in shipped_prompt_set(name).prompts:
        in_texts[prompt.emotion].update(set(re.findall(r"\w+", prompt.text.lower())))
    for word in FUNCTION_WORDS:
        counts = [in_texts[emotion][word] for emotion in in_texts]
        mean = sum(counts) / len(counts)
        # what four draws from one Poisson distribution exceed in 1 of 1,000 cases
        assert sum((count - mean) ** 2 for count in counts) <= 16.27 * mean, (word, counts)


def test_the_order_of_the_words_and_not_the_words_tells_the_labels_of_implicit_heldout():
    by_topic = defaultdict(dict)
    in_texts = defaultdict(Counter)
    for prompt in shipped_prompt_set("implicit-heldout").prompts:
        assert 11 <= len(prompt.text.split()) <= 20
        assert re.fullmatch(r"[^.!?]+\.", prompt.text), prompt.text
        words = Counter(re.findall(r"[\w']+", prompt.text.lower()))
        by_topic[prompt.topic][prompt.emotion] = words
        in_texts[prompt.emotion] += words
    for topic, words in by_topic.items():
        assert words["gratitude"] == words["anger"] == words["apology"], topic
        assert (words["anger"] - words["neutral"]).total() <= 2, topic
        assert (words["neutral"] - words["anger"]).total() <= 2, topic
    for word in set().union(*in_texts.values()):
        counts = [in_texts[emotion][word] for emotion in in_texts]
        assert max(counts) - min(counts) <= 2, (word, counts)


def rows(*values):
    return [Row(f"f.jsonl:{i}", value) for i, value in enumerate(values, start=1)]


GOOD = [
    {"text": "a", "emotion": "x"},
    {"text": "b", "emotion": "x"},
    {"text": "c", "emotion": "y"},
    {"text": "d", "emotion": "y"},
]


def test_repeated_rows_are_kept_once_and_counted():
    prompt_set = validated("s", rows(*GOOD, GOOD[0]))
    assert [prompt.n_copies for prompt in prompt_set.prompts] == [2, 1, 1, 1]


def test_the_hash_covers_texts_and_labels_but_no_order_and_no_topic():
    base = validated("s", rows(*GOOD)).sha256
    assert validated("t", rows(*GOOD[::-1])).sha256 == base
    assert validated("s", rows(*({**row, "topic": row["text"]} for row in GOOD))).sha256 == base
    assert validated("s", rows({"text": "e", "emotion": "x"}, *GOOD)).sha256 != base
    swapped = [{**row, "emotion": {"x": "y", "y": "x"}[row["emotion"]]} for row in GOOD]
    assert validated("s", rows(*swapped)).sha256 != base


def test_all_faults_are_said_at_once_with_their_line(tmp_path):
    lines = [
        json.dumps({"text": "same", "emotion": "x", "topic": "one"}).encode(),
        b"not json",
        json.dumps({"emotion": "x"}).encode(),
        json.dumps({"text": "  ", "emotion": "x"}).encode(),
        json.dumps({"text": "k", "emotion": "x", "mood": 1}).encode(),
        json.dumps({"text": "same", "emotion": "y", "topic": "one"}).encode(),
        json.dumps({"text": "same", "emotion": "x", "topic": "two"}).encode(),
        b'{"text": "\xff", "emotion": "x"}',
        b"[1]",
        json.dumps({"text": 5, "emotion": "x"}).encode(),
    ]
    path = tmp_path / "mine.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + b"\n".join(lines) + b"\n\n")
    with pytest.raises(UsageError) as caught:
        read_prompt_set([path], "mine")
    said = str(caught.value)
    for expected in (
        "10 faults",
        "mine.jsonl:2: not JSON",
        "mine.jsonl:3: text is missing",
        "mine.jsonl:4: text is empty",
        "mine.jsonl:5: unknown key 'mood'",
        "mine.jsonl:6: the text has label 'y' here and 'x' at {path}:1",
        "mine.jsonl:7: the text has topic 'two' here and 'one' at {path}:1",
        "mine.jsonl:8: not UTF-8 at byte 11",
        "mine.jsonl:9: an object is expected",
        "mine.jsonl:10: text is int",
        "label 'x' has 1 prompt",
    ):
        assert expected.format(path=path) in said


def test_empty_files_wrong_roles_and_unknown_endings_are_errors(tmp_path):
    (tmp_path / "empty.jsonl").write_text("")
    for path, role, said in (
        (tmp_path / "empty.jsonl", "train", "no prompts"),
        (tmp_path / "empty.jsonl", "both", "role 'both'"),
        (tmp_path / "gone.jsonl", "train", "no such file"),
        (tmp_path / "x.docx", "train", "not a kind of prompt file"),
    ):
        with pytest.raises(UsageError, match=said):
            read_prompt_set([path], "s", role=role)
