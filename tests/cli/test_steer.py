"""`emo steer` on tiny models: what it stores, what is kept, what is refused."""

import json
import shutil

import numpy as np
import pytest
import tiny
from command import emo, emo_ok

from emotion_cli.job.steered import residual_norms
from emotion_cli.stages import steer as steering
from warehouse.store import Store

TOPICS = ["the bus", "a of", "you and I", "today", "the bus is late", "so much", "late today", "and the bus"]
TEXTS = {"thanks": "thank you {} .", "rage": "I am furious {} !", "sorry": "I am so sorry {} .", "calm": "the bus is {} ."}
TEST_TEXTS = {"thanks": "{} thank you .", "rage": "{} I am furious !", "sorry": "{} so sorry I am .", "calm": "{} is the bus ."}
QUICK = ("--neutral", "calm", "--reference", "calm", "--controls", "39", "--alpha", "0.1,0.3")


def write_prompts(path, texts, topics):
    rows = [{"text": text.format(topic), "emotion": label, "topic": topic} for topic in topics for label, text in texts.items()]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A store with activations of one tiny model and its untrained copy, and a test set."""
    root = tmp_path_factory.mktemp("steer")
    tiny.save_model(root / "tiny", "llama")
    emo_ok("datasets", "import", write_prompts(root / "train.jsonl", TEXTS, TOPICS), "-d", "mine", "--store", root / "store")
    emo_ok(
        *("datasets", "import", write_prompts(root / "test.jsonl", TEST_TEXTS, TOPICS[:6])),
        *("-d", "other", "--role", "test", "--store", root / "store"),
    )
    emo_ok("extract", "-d", "mine", "-m", root / "tiny", "--store", root / "store")
    return root


@pytest.fixture
def place(made, tmp_path):
    shutil.copytree(made, tmp_path / "place")
    return tmp_path / "place"


def steer(place, *options, ok=True):
    words = ("steer", "-d", "mine", "--on", "other", "-m", place / "tiny", "--store", place / "store", *options)
    return emo_ok(*words) if ok else emo(*words)


def rows(place, query):
    return json.loads(emo_ok("sql", query, "--format", "json", "--store", place / "store").out)


def test_all_alphas_and_the_deciding_controls_are_stored_and_a_verdict_is_printed(place):
    ran = steer(place, *QUICK, "--format", "json")
    verdicts = json.loads(ran.out)
    assert {row["emotion"] for row in verdicts} == {"thanks", "rage", "sorry"} and all(row["verdict"] for row in verdicts)
    assert "1 run done, 0 up to date" in ran.err
    counts = rows(place, "select direction, alpha, count(*) as n from steering_effects group by all order by all")
    real = [row for row in counts if row["direction"] != "permuted"]
    assert [(row["direction"], row["alpha"], row["n"]) for row in real] == [
        (emotion, alpha, 24) for emotion in ("rage", "sorry", "thanks") for alpha in (0.1, 0.3)
    ]
    # as many as are asked for, of each emotion, at the alpha that decides, on the texts that the contrast is about
    assert sum(row["n"] for row in counts if row["direction"] == "permuted") == 3 * 39 * 12
    (run,) = rows(place, "from steering_runs")
    assert (run["test_dataset"], run["operation"], run["unit"], run["n_texts"]) == ("other", "add", "norm", 24)
    assert "1 up to date" in steer(place, *QUICK).err


def test_against_others_all_emotions_share_their_permuted_directions(place):
    steer(place, "--neutral", "calm", "--reference", "others", "--controls", "39", "--alpha", "0.1")
    counts = rows(place, "select emotion, count(*) as n from steering_effects where direction = 'permuted' group by all")
    assert counts == [{"emotion": None, "n": 39 * 18}]
    measures = rows(place, "select distinct measure from steering_statistics order by 1")
    assert {"effect_specific", "response_specific", "response_best", "effect_own", "damage_kl"} <= {
        row["measure"] for row in measures
    }


def test_effects_are_those_of_a_plain_hook(place):
    import torch
    import transformers

    steer(place, *QUICK, "--layer", "2")
    store = Store(place / "store")
    (partition,) = store.partitions("activations")
    stored = partition.read(["prompt_id", "emotion", "layer", "activation"], layer=2).to_pylist()
    mean = {label: np.mean([row["activation"] for row in stored if row["emotion"] == label], axis=0) for label in TEXTS}
    unit = mean["rage"] - mean["calm"]
    unit /= np.linalg.norm(unit)
    model = transformers.AutoModelForCausalLM.from_pretrained(place / "tiny").eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(place / "tiny")
    lengths = []

    def measure(module, args, output):
        lengths.extend(output[0, 1:].norm(dim=-1).tolist())

    handle = model.model.layers[1].register_forward_hook(measure)
    for topic in TOPICS:
        model(torch.tensor([[0, *tokenizer(TEXTS["calm"].format(topic), add_special_tokens=False).input_ids]]))
    handle.remove()
    (norm,) = rows(place, "select value, n_sinks from residual_norms where layer = 2")
    assert norm["value"] == pytest.approx(np.mean(lengths), rel=1e-5) and norm["n_sinks"] == 0
    delta = torch.tensor(0.3 * norm["value"] * unit, dtype=torch.float32)

    def add(module, args, output):
        changed = output.clone()
        changed[:, 1:] += delta
        return changed

    def log_prob(text):
        ids = torch.tensor([[0, *tokenizer(text, add_special_tokens=False).input_ids]])
        logits = torch.log_softmax(model(ids).logits[0, :-1].double(), -1)
        return float(logits[torch.arange(ids.shape[1] - 1), ids[0, 1:]].mean())

    found = rows(
        place,
        "select text, log_prob, log_prob_base from steering_effects join prompts using (prompt_id) "
        "where direction = 'rage' and alpha = 0.3 and role = 'test'",
    )
    assert len(found) == 24
    with torch.no_grad():
        base = [log_prob(row["text"]) for row in found]
        handle = model.model.layers[1].register_forward_hook(add)
        changed = [log_prob(row["text"]) for row in found]
        handle.remove()
    assert [row["log_prob_base"] for row in found] == pytest.approx(base, abs=1e-5)
    assert [row["log_prob"] for row in found] == pytest.approx(changed, abs=1e-5)


def test_a_further_alpha_computes_only_itself_and_changed_activations_make_all_stale(place):
    steer(place, *QUICK, "--layer", "2")
    files = {path.name for path in (place / "store/steering_effects").rglob("*.parquet")}
    plan = json.loads(steer(place, *QUICK[:-2], "--alpha", "0.1,0.3,0.01", "--layer", "2", "--dry-run", "--format", "json").out)
    assert [row["reason"] for row in plan] == ["missing: mean_difference/calm/last/2/0.01"]
    steer(place, *QUICK[:-2], "--alpha", "0.1,0.3,0.01", "--layer", "2")
    after = {path.name for path in (place / "store/steering_effects").rglob("*.parquet")}
    assert files < after and len(after - files) == 1
    plan = json.loads(steer(place, *QUICK, "--seed", "5", "--layer", "2", "--dry-run", "--format", "json").out)
    assert plan[0]["reason"] == "changed: seed"


def test_screens_know_every_layer_and_add_nothing(place):
    out = json.loads(steer(place, "--neutral", "calm", "--screen", "--format", "json").out)
    assert all(row["verdict"] and 1 <= row["layer"] <= 3 for row in out) and len(out) == 6
    layers = rows(place, "select distinct layer from steering_responses_by_layer")
    assert {row["layer"] for row in layers} == {0, 1, 2, 3, None}
    assert {row["reference"] for row in out} == {"calm", "others"}
    assert not list((place / "store/steering_effects").rglob("*.parquet"))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--on", "mine"), "--on: mine has role train: directions are tried on a test set"),
        (("-d", "other"), "--dataset: other has role test: a test set never makes a vector"),
        (("--alpha", "0"), "--alpha: '0' is no list of numbers between 0 and 100"),
        (("--positions", "last"), "--positions last: nothing stands before the texts"),
        (("--unit", "norms"), "did you mean norm?"),
        (("--layer", "9"), "--layer: 9 is not a layer of this model, 0 to 3"),
        (("--prefix", " "), "--prefix: it holds no text"),
    ],
)
def test_wrong_options_are_refused_with_the_way_out(place, options, words):
    ran = steer(place, *QUICK, *options, ok=False)
    assert ran.code == 2 and words in ran.err, ran.err


def test_models_without_activations_are_named(place):
    tiny.save_model(place / "second", "gpt2")
    ran = emo("steer", "-d", "mine", "--on", "other", "-m", place / "second", "--store", place / "store")
    assert ran.code == 3 and "emo extract" in ran.plain


def test_behind_a_prefix_only_the_texts_tokens_are_scored(place):
    steer(place, *QUICK, "--layer", "2", "--prefix", "you and I", "--positions", "continuation")
    (run,) = rows(place, "select prefix, positions from steering_runs")
    assert run == {"prefix": "you and I", "positions": "continuation"}
    lengths = rows(
        place, "select distinct text, n_tokens from steering_effects join prompts using (prompt_id) where role = 'test'"
    )
    assert all(row["n_tokens"] == len(row["text"].split()) for row in lengths)


def test_a_run_that_was_stopped_between_parts_goes_on_and_gives_the_same_bytes(place, tmp_path, monkeypatch):
    def files(root):
        tables = ("steering_effects", "steering_statistics", "residual_norms")
        return sorted(path.name for table in tables for path in (root / "store" / table).rglob("*.parquet"))

    shutil.copytree(place, tmp_path / "other")
    steer(tmp_path / "other", *QUICK, "--layer", "2")
    whole, calls = steering._Work._tested, []

    def stopped(self, *given):
        calls.append(given)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return whole(self, *given)

    monkeypatch.setattr(steering._Work, "_tested", stopped)
    assert steer(place, *QUICK, "--layer", "2", ok=False).code == 130
    scored = []
    own = steering._Work._scores
    monkeypatch.setattr(steering._Work, "_scores", lambda self, *given: scored.append(given) or own(self, *given))
    steer(place, *QUICK, "--layer", "2")
    # directions of two emotions were added before: those of the third are left
    assert len(scored) == 1 and files(place) == files(tmp_path / "other")


def test_a_sink_changes_no_unit():
    norms = np.random.default_rng(0).uniform(1, 2, size=(3, 41))
    columns = residual_norms(norms, [0, 1, 2], 5.0)
    planted = np.hstack([norms, 100 * norms[:, :1]])
    with_sink = residual_norms(planted, [0, 1, 2], 5.0)
    assert with_sink["value"] == pytest.approx(columns["value"], rel=1e-12) and with_sink["n_sinks"] == [1, 1, 1]
    assert columns["value"] == pytest.approx(norms.mean(1).tolist())


def write(place, *options, ok=True):
    words = ("steer", "-d", "mine", "-m", place / "tiny", "--store", place / "store", "--neutral", "calm", *options)
    return emo_ok(*words) if ok else emo(*words)


BEHIND = ("--prefix", "today I", "--tokens", "6", "--layer", "2", "--reference", "calm")
DRAWN = ("--write", "2", "--temperature", "0.9", *BEHIND)


def test_texts_are_written_without_a_test_set_and_nothing_is_tested(place):
    import torch
    import transformers

    printed = json.loads(write(place, "--write", "1", *BEHIND, "--alpha", "0.2", "--format", "json").out)
    (unchanged,) = (row for row in printed if row["direction"] == "unchanged")
    model = transformers.AutoModelForCausalLM.from_pretrained(place / "tiny").eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(place / "tiny")
    ids = torch.tensor([[0, *tokenizer("today I", add_special_tokens=False).input_ids]])
    whole = model.generate(ids, max_new_tokens=6, do_sample=False)
    expected = [token for token in whole[0, 3:].tolist() if token != 1]
    assert unchanged["text"] == tokenizer.decode(expected, skip_special_tokens=True) and unchanged["alpha"] == 0
    with torch.no_grad():
        log_probs = torch.log_softmax(model(whole).logits[0, :-1].double(), -1)
    own = log_probs[torch.arange(2, 2 + len(expected)), expected]
    assert unchanged["nll_base"] == pytest.approx(-float(own.mean()), abs=1e-5)
    kinds = rows(place, "select direction, emotion, draw, count(*) as n from steered_texts group by all order by all")
    assert [(row["direction"], row["emotion"], row["n"]) for row in kinds] == [
        *(("permuted", emotion, 1) for emotion in ("rage", "sorry", "thanks")),
        ("rage", "rage", 1),
        ("sorry", "sorry", 1),
        ("thanks", "thanks", 1),
        ("unchanged", None, 1),
    ]
    (run,) = rows(place, "select test_dataset, prefix, n_texts, status from steering_runs")
    assert run == {"test_dataset": None, "prefix": "today I", "n_texts": 7, "status": "complete"}
    assert not rows(place, "from steering_statistics") and not rows(place, "from steering_effects")


def test_samples_of_one_number_share_random_numbers_and_a_further_alpha_writes_only_itself(place):
    write(place, *DRAWN, "--alpha", "0.000001")
    texts = rows(place, "select distinct sample, text from steered_texts order by 1")
    # a change of nearly nothing with the same random numbers writes what the unchanged model does
    assert [row["sample"] for row in texts] == [0, 1] and texts[0]["text"] != texts[1]["text"]
    plan = write(place, *DRAWN, "--alpha", "0.000001,5", "--dry-run", "--format", "json")
    assert json.loads(plan.out)[0]["reason"] == "missing: mean_difference/calm/last/2/5/2"
    write(place, *DRAWN, "--alpha", "0.000001,5")
    assert len(rows(place, "select distinct text from steered_texts where sample = 0")) > 1
    assert "1 up to date" in write(place, *DRAWN, "--alpha", "5").err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--write", "1"), "--write: nothing stands before what is written"),
        (("--write", "2", *BEHIND), "--write 2: without a temperature all would be the same text"),
        ((*DRAWN, "--on", "other"), "--on: written texts test nothing"),
        ((*DRAWN, "--screen"), "--screen: written texts test nothing"),
        ((*DRAWN, "--tokens", "62"), "--tokens 62: the model has 64 positions, and the prefix takes 3"),
        (("--on", "other", "--temperature", "0.5"), "--temperature: nothing is written"),
    ],
)
def test_options_of_writing_that_do_not_go_together_are_refused(place, options, words):
    ran = write(place, *options, ok=False)
    assert ran.code == 2 and words in ran.err, ran.err


def test_as_many_directions_are_permuted_as_an_effect_that_stands_alone_needs(place):
    steer(place, "--neutral", "calm", "--alpha", "0.1", "--layer", "2", "--draws", "130")
    # three emotions against calm, and against one another
    counts = rows(
        place,
        "select reference, emotion, count(distinct draw) as n from steering_effects where direction = 'permuted' group by all",
    )
    assert {row["n"] for row in counts} == {20 * 6}
    verdicts = rows(place, "select controls_needed, n_draws from steering_verdicts_by_emotion")
    assert {(row["controls_needed"], row["n_draws"]) for row in verdicts} == {(120, 120)}
    # the only small p of six: q is six times the least p, below 0.05 with these and not with one fewer
    assert 6 / (120 + 1) < 0.05 <= 6 / (119 + 1)


def test_too_few_permuted_directions_are_said_and_fewer_than_39_refused(place):
    ran = steer(place, *QUICK, "--layer", "1,2", "--draws", "100")
    assert "6 effects are tested together. With 39 permuted directions, one that stands alone cannot reach q < 0.05" in ran.plain
    assert "--controls 120 --draws 120" in " ".join(ran.plain.split())
    assert steer(place, "--controls", "38", ok=False).code == 2
