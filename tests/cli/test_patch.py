"""`emo patch` on tiny models: what it stores, what is kept, what is refused."""

import json
import shutil

import numpy as np
import pytest
import tiny
from command import emo, emo_ok

from emotion_cli.stages import patch as patching
from warehouse.store import Store

TOPICS = ["the bus", "a of", "you and I", "today", "the bus is late", "so much", "late today", "and the bus"]
TEXTS = {"thanks": "thank you {} .", "rage": "I am furious {} !", "sorry": "I am so sorry {} .", "calm": "the bus is {} ."}
TEST_TEXTS = {"thanks": "{} thank you .", "rage": "{} I am furious !", "sorry": "{} so sorry I am .", "calm": "{} is the bus ."}
WORDS = 'thanks = ["thank", "much"]\nrage = ["furious"]\nsorry = ["sorry"]\n'
TABLES = ("patching_effects", "patching_statistics")


def write_prompts(path, texts, topics):
    rows = [{"text": text.format(topic), "emotion": label, "topic": topic} for topic in topics for label, text in texts.items()]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture(scope="module", params=["llama", "gpt2"])
def made(request, tmp_path_factory):
    """A store with activations of one tiny model, a test set, and the words of its labels."""
    root = tmp_path_factory.mktemp("patch")
    tiny.save_model(root / "tiny", request.param)
    (root / "words.toml").write_text(WORDS)
    store = ("--store", root / "store")
    emo_ok("datasets", "import", write_prompts(root / "train.jsonl", TEXTS, TOPICS), "-d", "mine", *store)
    test = write_prompts(root / "test.jsonl", TEST_TEXTS, TOPICS[:6])
    emo_ok("datasets", "import", test, "-d", "other", "--role", "test", *store)
    emo_ok("extract", "-d", "mine", "-m", root / "tiny", *store)
    return root


@pytest.fixture
def place(made, tmp_path):
    shutil.copytree(made, tmp_path / "place")
    return tmp_path / "place"


def patch(place, *options, ok=True):
    words = ("patch", "-d", "mine", "--on", "other", "-m", place / "tiny", "--store", place / "store", "--neutral", "calm")
    line = (*words, "--suffix", " I am", "--words", place / "words.toml", *options)
    return emo_ok(*line) if ok else emo(*line)


def rows(place, query):
    return json.loads(emo_ok("sql", query, "--format", "json", "--store", place / "store").out)


def test_states_are_carried_topic_by_topic(place):
    verdicts = json.loads(patch(place, "--real", "--format", "json").out)
    assert {row["emotion"] for row in verdicts} == {"thanks", "rage", "sorry"} and all(row["verdict"] for row in verdicts)
    assert all(row["site"] == "residual" and row["r"] is not None and row["slope"] is not None for row in verdicts)
    counts = rows(place, "select emotion, donor, positions, count(*) as n from patching_effects group by all order by all")
    assert counts == [
        {"emotion": emotion, "donor": donor, "positions": place_name, "n": 6 * 4}
        for emotion in ("rage", "sorry", "thanks")
        for donor in sorted((emotion, "calm"))
        for place_name in ("-1", "-2", "suffix")
    ]
    # the whole state of the last token, behind the last block, is all that the next word is read from
    (whole,) = rows(
        place,
        "select count(*) as n, max(abs(effect - (clean - corrupted))) as error, max(abs(effect)) as most from patching_effects "
        "where layer = 3 and positions = '-1'",
    )
    assert whole["n"] == 36 and whole["error"] < 2e-5 and whole["most"] > 0.001
    # and what enters the first block is the same token in both texts, unless a learned position is added to it
    (nothing,) = rows(place, "select max(abs(effect)) as most from patching_effects where layer = 0 and positions = '-1'")
    assert nothing["most"] < 2e-5 or "gpt2" in (place / "tiny" / "config.json").read_text()
    (means,) = rows(
        place,
        "select c.effect as stored, avg(e.effect) as mean from patching_cells_by_layer c join patching_effects e "
        "using (run_id, emotion, layer, positions) where c.emotion = 'rage' and c.layer = 2 and c.positions = '-1' "
        "and e.donor = 'rage' group by all",
    )
    assert means["stored"] == pytest.approx(means["mean"])
    emo_ok("verify", "--store", place / "store")


def test_a_screen_carries_nothing_and_gives_way_to_what_is_carried(place):
    printed = json.loads(patch(place, "--site", "mlp", "--format", "json").out)
    assert all(row["effect"] is None and row["attribution"] is not None for row in printed)
    assert {row["verdict"] for row in printed} <= {"predicted", "not shown"}
    assert rows(place, "select count(effect) as n, min(layer) as low from patching_effects") == [{"n": 0, "low": 1}]
    (before,) = rows(place, "select sum(attribution) as all from patching_effects")
    plan = json.loads(patch(place, "--site", "mlp", "--real", "--dry-run", "--format", "json").out)
    assert [row["reason"] for row in plan] == ["missing: real"]
    patch(place, "--site", "mlp", "--real")
    (after,) = rows(place, "select sum(attribution) as all, count(*) - count(effect) as n from patching_effects")
    assert after == {"all": pytest.approx(before["all"], rel=1e-9), "n": 0}
    # what was carried is not forgotten when only a screen is asked for
    assert "1 up to date" in patch(place, "--site", "mlp").err


def test_directions_stand_beside_permuted_and_gaussian_ones(place):
    patch(place, "--site", "direction", "--real", "--layer", "2", "--controls", "39")
    counts = rows(
        place,
        "select donor, draw is null as itself, count(*) as n from patching_effects where emotion = 'rage' group by all order by all",
    )
    assert [(row["donor"], row["itself"], row["n"]) for row in counts] == [
        ("calm", True, 12),
        ("rage", False, 39 * 12),
        ("rage", True, 12),
    ]
    kinds = rows(
        place, "select distinct measure, null_kind from patching_statistics where measure like '%directions' order by all"
    )
    assert [(row["measure"], row["null_kind"]) for row in kinds] == [
        ("attribution_against_directions", "gaussian"),
        ("attribution_against_directions", "permuted_residuals"),
        ("effect_against_directions", "permuted_residuals"),
    ]
    store = Store(place / "store")
    (partition,) = store.partitions("activations")
    stored = partition.read(["emotion", "layer", "activation"], layer=2).to_pylist()
    mean = {label: np.mean([row["activation"] for row in stored if row["emotion"] == label], axis=0) for label in TEXTS}
    unit = mean["rage"] - mean["calm"]
    unit /= np.linalg.norm(unit)
    found = rows(
        place,
        "select topic, attribution, effect from patching_effects where emotion = 'rage' and donor = 'rage' and positions = 'suffix' "
        "and draw is null order by topic",
    )
    from emotion_cli.models.intervening import Engine
    from emotion_cli.models.loading import load
    from emotion_cli.models.patching import Patch, Patcher, along
    from emotion_cli.models.sources.finding import find

    engine = Engine(load(find(str(place / "tiny"), cache=place), head=True))
    encode = engine.loaded.tokenizer
    tokens = [[encode.convert_tokens_to_ids(word) for word in words] for words in (["furious"], ["sorry"], ["thank", "much"])]
    patcher = Patcher(engine, tokens, ["residual"], [2])
    for row in found:
        into, donor = (
            patcher.read([0, *encode(TEST_TEXTS[label].format(row["topic"]) + " I am", add_special_tokens=False).input_ids])
            for label in ("calm", "rage")
        )
        before, after = (text.states["residual", 2][-2:] for text in (into, donor))
        places = (len(into.ids) - 2, len(into.ids) - 1)
        (change,) = patcher.plain_changes(into.ids, [Patch("residual", 2, places, along(before, after, unit[None])[0])])
        assert row["effect"] == pytest.approx(change[0], abs=2e-5)


def test_heads_are_places_of_their_own(place):
    patch(place, "--site", "head", "--layer", "1", "--real")
    counts = rows(place, "select head, count(*) as n from patching_effects where donor = 'rage' group by all order by all")
    assert counts == [{"head": head, "n": 6} for head in range(4)]


def test_a_run_that_was_stopped_goes_on_and_gives_the_same_bytes(place, tmp_path, monkeypatch):
    def files(root):
        return sorted(path.name for table in TABLES for path in (root / "store" / table).rglob("*.parquet"))

    options = ("--site", "direction", "--layer", "1-2")
    monkeypatch.setattr(patching, "TOPICS_OF_A_PART", 2)
    shutil.copytree(place, tmp_path / "other")
    patch(tmp_path / "other", *options)
    whole, calls = patching._Work._effects, []

    def stopped(self, pairs):
        calls.append(pairs)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return whole(self, pairs)

    monkeypatch.setattr(patching._Work, "_effects", stopped)
    assert patch(place, *options, ok=False).code == 130
    monkeypatch.setattr(patching._Work, "_effects", lambda self, pairs: calls.append(pairs) or whole(self, pairs))
    patch(place, *options)
    # of three parts one was kept
    assert len(calls) == 2 + 2 and len(files(place)) == 4 and files(place) == files(tmp_path / "other")


def test_a_changed_vector_makes_it_stale(place):
    options = ("--site", "direction", "--layer", "2")
    patch(place, *options)
    assert "1 up to date" in patch(place, *options).err
    plan = json.loads(patch(place, *options, "--seed", "5", "--dry-run", "--format", "json").out)
    assert plan[0]["reason"] == "changed: seed"
    emo_ok("extract", "-d", "mine", "-m", place / "tiny", "--store", place / "store", "--pooling", "mean", "--pooling", "last")
    plan = json.loads(patch(place, *options, "--dry-run", "--format", "json").out)
    assert plan[0]["reason"].startswith("changed: activations")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--site", "heads"), "did you mean head?"),
        (("--suffix", " "), "--suffix: it holds no text"),
        (("--positions", "text"), "tokens of two texts do not align, so no whole residual can be carried there"),
        (("--positions", "-3"), "--positions -3: the suffix ' I am' has 2 tokens"),
        (("--positions", "3"), "'3' is neither suffix, text nor a place from the end"),
        (("--layer", "9"), "--layer: 9 is not a layer of this model, 0 to 3"),
        (("--layer", "0", "--site", "mlp"), "--layer 0: no mlp is there"),
        (("--on", "mine"), "--on: mine has role train"),
        (("--neutral", "nothing"), "nothing"),
    ],
)
def test_wrong_options_are_refused_with_the_way_out(place, options, words):
    ran = patch(place, *options, ok=False)
    assert ran.code == 2 and words in ran.err, ran.err


def test_words_that_begin_alike_are_refused(place):
    (place / "words.toml").write_text('thanks = ["thank"]\nrage = ["thank you"]\nsorry = ["sorry"]\n')
    ran = patch(place, ok=False)
    assert ran.code == 2 and "begin with the same token" in ran.err and "next:" in ran.err


def test_a_run_includes_it_where_it_is_asked_for(place):
    line = (
        "run",
        "-d",
        "mine",
        "-d",
        "other",
        "-m",
        place / "tiny",
        "--store",
        place / "store",
        "--neutral",
        "calm",
        "--dry-run",
    )
    planned = json.loads(emo_ok(*line, "--causal", "--no-controls", "--format", "json").out)
    assert [row["subject"] for row in planned if row["stage"] == "patch"] == [
        "mine, tiny, residual on other",
        "mine, tiny, direction on other",
    ]
    assert not [row for row in json.loads(emo_ok(*line, "--format", "json").out) if row["stage"] == "patch"]


def test_a_causal_run_goes_on_where_no_token_is_a_label_s_own(place):
    """Labels whose words begin with one token cannot be told apart: a note says so, and what comes behind is made."""
    sets = ("-d", "mine", "-d", "other", "-m", place / "tiny", "--neutral", "calm", "--reference", "calm", "--no-controls")
    ran = emo_ok("run", "--causal", *sets, "--draws", 100, "--store", place / "store")
    assert "left out: mine, tiny, residual on other: no word of rage begins with a token of its own" in " ".join(
        ran.plain.split()
    )
    assert (place / "store" / "report.md").is_file() and not Store(place / "store").partitions("patching_statistics")
