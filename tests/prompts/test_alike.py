"""Labels, topics and texts that look alike are questioned, with both and their rows; others are left in peace."""

import json

import pytest
from command import emo, emo_ok

from emotion_cli.errors import UsageError
from emotion_cli.prompts.alike import is_blank, meanings, seen
from emotion_cli.prompts.prompt_set import Row, validated
from emotion_cli.prompts.shipped import shipped_prompt_set, shipped_sets


def rows_of(*labels, topics=None):
    return [
        Row(f"f.csv:{2 + 2 * i + k}", {"text": f"text {i} {k}", "emotion": label, "topic": topics[i] if topics else None})
        for i, label in enumerate(labels)
        for k in range(2)
    ]


def questions(rows, **options):
    try:
        validated("s", rows, **options)
    except UsageError as error:
        assert "--accept-labels" in error.hint
        return [line.strip() for line in str(error).splitlines()[1:]]
    return []


ALIKE = [
    ("joy", "Joy"),
    ("joy", "JOY"),
    ("joy", "joy\u200b"),
    ("joy", "j\u00adoy"),
    ("joy", "\u200ejoy"),
    ("joy", "joy\ufeff"),
    ("joy", "jo\u2060y"),
    ("joy", "ｊｏｙ"),
    ("joy", "𝒿𝑜𝓎"),
    ("joy", "jоy"),
    ("joy", "јоу"),
    ("HOPE", "НОРЕ"),
    ("вот", "ВОТ"),
    ("ΣΑΣ", "σας"),
    ("café", "cafe\u0301"),
    ("が", "か\u3099"),
    ("ガ", "ｶﾞ"),
    ("fine", "ﬁne"),
    ("straße", "STRASSE"),
    ("kızgın", "KIZGIN"),
    ("İyi", "iyi"),
    ("self pity", "self-pity"),
    ("self pity", "self_pity"),
    ("self pity", "self\u00a0pity"),
    ("self pity", "self  pity"),
    ("self-pity", "self\u2011pity"),
    ("self pity", "self\u3000pity"),
    ("joy", "'joy'"),
    ("joy", '"joy'),
    ("joy", "`joy`"),
    ("joy", "joy."),
    ("it's", "it’s"),
    ("joy", "joy\u034f"),
    ("heart ❤", "heart ❤\ufe0f"),
    ("joy", "joy\u3164"),
    ("joy", "joy\x08"),
    ("joy", "joy\U000e0041"),
    ("می\u200cخواهم", "میخواهم"),
]


@pytest.mark.parametrize(("first", "second"), ALIKE, ids=lambda text: ascii(text))
def test_labels_and_topics_that_look_alike_are_questioned(first, second):
    (asked, *_) = questions(rows_of(first, second))
    assert (
        asked.startswith("f.csv:4: the label ")
        and "at f.csv:2" in asked
        and "(also f.csv:5)" in asked
        and "(also f.csv:3)" in asked
    )
    assert (repr(first) in asked or ascii(first) in asked) and ascii(second) in asked
    assert not questions(rows_of(first, second), accept_labels=True)
    (asked, *_) = questions(rows_of("x", "x", topics=[first, second]))
    assert asked.startswith("f.csv:4: the topic ") and ascii(second) in asked
    # in the other order as well
    assert questions(rows_of(second, first))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("joy", "joys"),
        ("-1", "1"),
        ("1.1", "11"),
        ("1-1", "11"),
        (".5", "5"),
        ("C", "C+"),
        ("café", "cafe"),
        ("buồn", "buôn"),
        ("か", "が"),
        ("悲しみ", "悲しい"),
        ("fall", "fail"),
        ("anger", "angst"),
        ("боль", "больно"),
        ("😀", "😃"),
        ("は", "ば"),
    ],
)
def test_labels_that_differ_to_the_eye_are_not(first, second):
    assert not questions(rows_of(first, second))
    assert not questions(rows_of("x", "x", topics=[first, second]))


@pytest.mark.parametrize("label", ["joy\u200b", "\u202ejoy", "jo\u00ady", "\ufeffjoy", "joy\x00"])
def test_a_label_that_holds_what_cannot_be_seen_is_questioned_alone(label):
    (asked,) = questions(rows_of(label, "calm"))
    assert "contains invisible characters (also f.csv:3)" in asked and ascii(label)[1:-1] in asked
    assert not questions(rows_of("می\u200cخواهم", "👨\u200d👩\u200d👧", "❤\ufe0f"))


def test_a_label_that_is_written_where_a_value_is_missing_is_questioned():
    labels = ("N/A", "n/a", "nan", "NULL", "null", "#N/A", "-", "?")
    for label in labels:
        assert "looks like a missing value" in "".join(questions(rows_of(label, label, "joy", "joy"))), label
        validated("s", rows_of(label, label, "joy", "joy"), accept_labels=True)
    validated("s", rows_of("none", "none", "nank", "nank"))


@pytest.mark.parametrize("label", ["Others", "others\u200b", "OTHERS", "оthers"])
def test_a_label_that_looks_like_the_reserved_word_is_questioned(label):
    assert any("looks like 'others', which means" in asked for asked in questions(rows_of(label, "calm")))


@pytest.mark.parametrize("blank", ["\u200b", "\u2060\ufeff", "\u3164", "\u2800", "\xad", "\u200b \u200b", "\x00"])
def test_what_shows_nothing_is_empty_whatever_is_accepted(blank):
    assert is_blank(blank) and not is_blank("。")
    for values in ({"text": blank, "emotion": "x"}, {"text": "a", "emotion": blank}):
        with pytest.raises(UsageError, match=r"f\.csv:1: (text|emotion) is empty"):
            validated("s", [Row("f.csv:1", values)], accept_labels=True)


@pytest.mark.parametrize(
    ("first", "second", "is_asked"),
    [
        ("I am here.", "I am\u00a0here.", True),
        ("I am here.", "I am here.\u200b", True),
        ("I am here.", "I  am here.", True),
        ("café au lait", "cafe\u0301 au lait", True),
        ("Ｉ am here.", "I am here.", True),
        ("I аm here.", "I am here.", True),
        ("It’s.", "It's.", True),
        # to shout is another text than to say, and a comma may be an emotion
        ("I AM HERE.", "I am here.", False),
        ("I am here!", "I am here.", False),
        ("I am, here.", "I am here.", False),
    ],
)
def test_texts_that_look_alike_are_questioned_under_other_labels_and_topics(first, second, is_asked):
    filled = [Row(f"f.csv:{8 + i}", {"text": text, "emotion": "xxyy"[i]}) for i, text in enumerate("uvwz")]

    def rows(labels, topics):
        values = zip((first, second), labels, topics, strict=True)
        return [Row(f"f.csv:{i}", {"text": t, "emotion": e, "topic": o}) for i, (t, e, o) in enumerate(values, start=2)] + filled

    for asked, what in ((questions(rows("xy", (None, None))), "(label 'y')"), (questions(rows("xx", "pq")), "(topic 'q')")):
        assert bool(asked) == is_asked
        assert not asked or (asked[0].startswith("f.csv:3: the text ") and what in asked[0] and "at f.csv:2" in asked[0])
    notes = []
    validated("s", rows("xx", "pp"), note=notes.append)
    assert bool(notes) == is_asked


def test_a_reference_that_is_no_label_names_the_one_that_was_meant():
    with pytest.raises(UsageError, match=r"reference 'Neutral' is not a label .* did you mean 'neutral'"):
        validated("s", rows_of("joy", "neutral"), reference="Neutral")


def test_the_shipped_sets_have_nothing_to_ask():
    for name in shipped_sets():
        prompts = shipped_prompt_set(name).prompts
        assert len({seen(prompt.text) for prompt in prompts}) == len(prompts)
        assert len({meanings(prompt.topic) for prompt in prompts}) == len({prompt.topic for prompt in prompts})


def test_the_commands_question_and_can_be_told_to_accept(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(
        "".join(json.dumps(row.values) + "\n" for row in rows_of("Joy", "joy", "joy\u200b", "calm")), encoding="utf-8"
    )
    into = ["--dataset", "s", "--store", tmp_path / "store"]
    for words in (["validate", path], ["import", path, *into]):
        ran = emo("datasets", *words)
        assert ran.code == 2
        assert f"{path}:3: the label 'joy' (also {path}:4) looks like 'Joy' at {path}:1" in ran.err
        assert r"the label 'joy\u200b' = 'joy\u200b'" in ran.err and "add --accept-labels" in ran.err
        assert not (tmp_path / "store").exists()
        emo_ok("datasets", *words, "--accept-labels")
    assert (
        emo_ok("datasets", "show", path, "--format", "csv").out
        == emo_ok("datasets", "show", "s", *into[2:], "--format", "csv").out
    )
