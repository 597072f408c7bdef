"""The audit: what it finds in sets whose surface gives the label away, in words, and what it lets pass."""

import json

import pytest
from command import emo, emo_ok

from emotion_cli.measures.inference.sampling import Sampling
from emotion_cli.prompts.audit import Area, PromptRow, failure, verdict
from emotion_cli.prompts.shipped import shipped_prompt_set, shipped_sets
from emotion_cli.prompts.words import WordList, read_words
from emotion_cli.stages.audit import SURFACE, WORDS, audit

LIST = WordList({"joy": ("glad", "happy")})


def rows(text, topics=30, labels=("calm", "joy")):
    return [PromptRow(label, f"topic {topic}", text(label, topic), 1) for topic in range(topics) for label in labels]


def audited(prompts):
    return audit(prompts, Sampling(0, 199, ("x",)), LIST)


def findings(prompts):
    return [row.finding for row in audited(prompts) if row.finding and row.emotion_b]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            lambda label, topic: f"on {topic}{'!' if label == 'joy' else '.'}",
            "100% of calm prompts end in '.', 0% of joy prompts",
        ),
        (lambda label, topic: f"{'I' if label == 'joy' else 'They'} went to {topic}.", "of calm prompts begin with"),
        (
            lambda label, topic: f"on {topic}{' and so on' if label == 'joy' else ''} then.",
            "calm prompts have 3.0 words, joy prompts 6.0",
        ),
        (lambda label, topic: ("a " * (4 if label == "joy" else 3 + 2 * (topic % 2))) + "end.", "joy prompts"),
    ],
    ids=["final character", "first word", "length", "spread of lengths"],
)
def test_a_confound_is_told_with_its_numbers(text, said):
    found = findings(rows(text))
    assert any(said in sentence and "AUROC 1.00" in sentence for sentence in found), found
    assert any("not been shown to be about emotion" in sentence for sentence in found)


def test_a_set_without_confounds_passes():
    prompts = rows(lambda label, topic: f"{'one' if topic % 2 else 'two'} thing on {topic}{'.' if topic % 3 else '!'}")
    found = {row.measure: row for row in audited(prompts) if row.emotion_b}
    assert found[SURFACE].statistic.value == pytest.approx(0.5, abs=0.02) and not findings(prompts)
    assert found[WORDS].statistic.value == pytest.approx(0.5, abs=0.02)


def test_a_word_inside_the_text_is_no_matter_of_the_surface_but_of_words():
    prompts = rows(lambda label, topic: f"{'one' if topic % 2 else 'two'} thing of {label} on {topic}{'.' if topic % 3 else '!'}")
    (sentence,) = findings(prompts)
    assert "calm and joy: words alone give AUROC 1.00" in sentence and "may be a direction of words" in sentence


def test_noise_that_differs_by_chance_is_no_confound():
    import random

    rng = random.Random(0)
    told = [findings(rows(lambda label, topic: f"{'a ' * rng.randint(2, 9)}end{rng.choice('.!?')}")) for _ in range(20)]
    claims = [sentence for said in told for sentence in said if "too few topics to rule out" not in sentence]
    assert len(claims) <= 2, claims
    # what thirty topics cannot rule out, two hundred can
    more = rows(lambda label, topic: f"{'a ' * rng.randint(2, 9)}end{rng.choice('.!?')}", topics=200)
    assert not findings(more)


def test_counts_of_a_label():
    prompts = [
        PromptRow("joy", "t1", "I am Happy now.", 3),
        PromptRow("joy", None, "unhappy!", 1),
        PromptRow("calm", "t1", "calm it is", 1),
        PromptRow("calm", "t2", "it was", 1),
    ]
    found = {(row.emotion_a, row.measure): row.statistic.value for row in audited(prompts) if row.emotion_b is None}
    assert found["joy", "n_prompts"] == 2 and found["joy", "n_repeated"] == 2
    assert (found["joy", "min_words"], found["joy", "mean_words"], found["joy", "max_words"]) == (1, 2.5, 4)
    # whole words only; a label without a list is its own word
    assert found["joy", "own_word_share"] == found["calm", "own_word_share"] == 0.5
    assert found["joy", "complete_topics_share"] == 0.5


def test_too_few_topics_are_said_to_be_too_few():
    assert "too few topics" in failure("a", "b", Area(None, None, None))
    assert not verdict("x", {("a", "b"): Area(0.6, 0.5, 0.70)}, {}).passes
    assert verdict("x", {("a", "b"): Area(0.6, 0.5, 0.699)}, {}).passes


@pytest.mark.parametrize(
    ("words", "passes", "said"),
    [
        (Area(0.8, 0.71, 0.9), False, "words alone tell 1 of 1 pairs of labels apart; largest surface AUROC 0.60, up to 0.65"),
        (
            Area(0.8, 0.70, 0.9),
            True,
            "passes; largest surface AUROC 0.60, up to 0.65, a and b; largest words AUROC 0.80, up to 0.90",
        ),
        (Area(1.0, None, None), False, "too few topics to tell whether words alone tell 1 of 1 pairs of labels apart; "),
        (Area(None, None, None), False, "too few topics to tell whether words alone tell 1 of 1 pairs of labels apart; "),
    ],
)
def test_a_set_fails_where_words_surely_tell_labels_apart(words, passes, said):
    found = verdict("x", {("a", "b"): Area(0.6, 0.5, 0.65)}, {("a", "b"): words})
    assert found.passes is passes and said in found.text


@pytest.mark.parametrize("name", shipped_sets())
def test_the_shipped_sets_pass_but_for_the_words_of_explicit_ones(name):
    prompts = [
        PromptRow(prompt.emotion, prompt.topic, prompt.text, prompt.n_copies) for prompt in shipped_prompt_set(name).prompts
    ]
    audited = audit(prompts, Sampling(0, 99, (name,)), read_words(None))
    said = {(row.emotion_a, row.emotion_b, row.measure) for row in audited if row.finding and row.emotion_b}
    pairs = {(row.emotion_a, row.emotion_b) for row in audited if row.emotion_b}
    assert said == (set() if name.startswith("implicit") else {(*pair, WORDS) for pair in pairs})
    shares = {row.emotion_a: row.statistic.value for row in audited if row.measure == "own_word_share"}
    assert all((shares[label] > 0) != name.startswith("implicit") for label in ("anger", "apology", "gratitude"))


def test_the_command_tells_keeps_and_fails(tmp_path):
    store = ["--store", tmp_path / "store"]
    texts = [
        {"text": row.text, "emotion": row.emotion, "topic": row.topic}
        for row in rows(lambda label, topic: f"{label} on {topic}{'!' if label == 'joy' else '.'}")
    ]
    (tmp_path / "ends.jsonl").write_text("".join(json.dumps(row) + "\n" for row in texts))
    emo_ok("datasets", "import", tmp_path / "ends.jsonl", "--dataset", "ends", *store)
    ran = emo("datasets", "audit", "ends", *store)
    assert ran.code == 4
    assert "100% of joy prompts" in ran.err and "surface features or words predict the label" in ran.err
    assert "prompt_audit_by_emotion" in ran.out and "prompt_audit_by_pair" in ran.out
    again = emo("datasets", "audit", "ends", *store, "--format", "json")
    assert "audit: ends (" not in again.err
    assert json.loads(again.out)[0]["passes"] is False
