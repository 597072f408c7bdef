"""Controls by the command line, on tiny models: what a run adds, what counts as a model, and what stands beside the models."""

import csv
import io
import json

import numpy as np
import pytest
import tiny
from command import emo, emo_ok
from workplaces import write_prompts

from emotion_cli.models.controls import word_rows
from warehouse.catalog import Catalog
from warehouse.store import Store

CALM = ("--reference", "calm", "--neutral", "calm")
MODELS = ("tiny-a", "tiny-b")
KINDS = ("words", "embeddings", "untrained")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A store of two models and their controls over a training set and a test set."""
    root = tmp_path_factory.mktemp("controls")
    tiny.save_model(root / "tiny-a", "gpt2", seed=5)
    tiny.save_model(root / "tiny-b", "llama", seed=6)
    prompts = write_prompts(root / "mine.jsonl")
    emo_ok("datasets", "import", prompts, "--dataset", "mine", "--store", root / "store")
    emo_ok("datasets", "import", prompts, "--dataset", "exam", "--role", "test", "--store", root / "store")
    emo_ok("run", *options(root))
    return root


def options(root, *words):
    models = [word for name in MODELS for word in ("-m", root / name)]
    return ["-d", "mine", "-d", "exam", *models, *CALM, *words, "--store", root / "store", "--cache", root / "cache"]


def sql(root, statement):
    ran = emo_ok("sql", statement, "--store", root / "store", "--format", "csv")
    return list(csv.DictReader(io.StringIO(ran.out)))


def test_a_run_adds_the_controls_and_a_second_run_does_nothing(place):
    found = sql(place, "select distinct model, control, n_layers, poolings from extractions order by all")
    assert [(row["model"], row["control"], row["n_layers"]) for row in found] == [
        ("embeddings:tiny-a", "embeddings", "0"),
        ("embeddings:tiny-b", "embeddings", "0"),
        ("tiny-a", "", "3"),
        ("tiny-b", "", "3"),
        ("untrained:tiny-a", "untrained", "3"),
        ("untrained:tiny-b", "untrained", "3"),
        ("words:0", "words", "0"),
    ]
    assert "0 tasks done" in emo_ok("run", *options(place)).err
    assert "no fault was found" in emo_ok("verify", "--store", place / "store").err


@pytest.mark.parametrize(("words", "kinds"), [(["--no-controls"], set()), (["--controls", "words"], {"words"})])
def test_fewer_controls_are_planned_where_fewer_are_asked_for(place, tmp_path, words, kinds):
    emo_ok("datasets", "import", place / "mine.jsonl", "--dataset", "mine", "--store", tmp_path)
    given = ["-d", "mine", "-m", place / "tiny-a", *CALM, "--store", tmp_path, "--cache", place / "cache"]
    plan = json.loads(emo_ok("run", *given, *words, "--dry-run", "--format", "json").out)
    models = {step["subject"].split(", ")[1] for step in plan if step["stage"] == "extract"}
    assert models == {"tiny-a"} | {"words:0" for _ in kinds}


def test_stored_rows_of_words_follow_from_the_texts(place):
    catalog = Catalog(Store(place / "store"))
    texts = {row["prompt_id"]: row["text"] for row in catalog.dicts("prompts", dataset=["mine"])}
    rows = catalog.dicts("activations", model=["words:0"], dataset=["mine"])
    assert {(row["pooling"], row["layer"]) for row in rows} == {("mean", 0)} and len(rows) == len(texts)
    for row in rows:
        words = [word.lower() for word in texts[row["prompt_id"]].split() if word.isalpha()]
        assert row["n_tokens"] in (len(words), len(words) + 1)
        if row["n_tokens"] == len(words):
            np.testing.assert_allclose(row["activation"], word_rows([words], seed=0)[0], rtol=1e-5)


def test_a_control_is_measured_but_never_counts_as_a_model(place):
    measures = sql(place, "select control, list(distinct measure order by measure) as m from vector_quality group by all")
    of = {row["control"]: row["m"] for row in measures}
    # gains of the models have the kind of what is subtracted
    assert "auroc_words" in of[""] and "auroc_heldout" in of["words"] and "auroc_surface" not in of["words"]
    assert "auroc_gain_heldout" in of["embeddings"] and "auroc_gain" not in of["untrained"]
    own = sql(place, "select measure from vector_quality where model = 'words:0' and measure like '%gain%'")
    assert own == []
    page = (place / "store" / "report.md").read_text(encoding="utf-8")
    assert "beside words alone on the same prompts" in page and "| random words |" in page
    assert "| words:0 |" not in page and "| untrained:tiny-a |" not in page
    assert {path.name for path in (place / "store" / "figures" / "mine").iterdir()} == {*MODELS, "cross_model"}
    assert sql(place, "select * from consensus_statistics") == []
    listed = emo_ok("vectors", "--best", *CALM, "--store", place / "store", "--format", "csv").out
    assert "tiny-a" in listed and "untrained" not in listed and "words:0" not in listed


def test_gains_stand_beside_each_direction(place):
    rows = sql(
        place, "select * from more_than_words_by_layer where model = 'tiny-a' and layer = 2 and method = 'mean_difference'"
    )
    assert {(row["measure"], row["test_set"]) for row in rows} == {("auroc", ""), ("auroc_heldout", "exam")}
    for row in rows:
        assert all(row[name] for name in ("auroc", "tfidf", "random_words", "embeddings", "untrained", "more_than_words"))
    words = sql(
        place,
        "select emotion, value from vector_quality where model = 'words:0' and measure = 'auroc' and method = 'mean_difference'",
    )
    of_words = {row["emotion"]: float(row["value"]) for row in words}
    for row in rows:
        if row["measure"] == "auroc":
            assert float(row["random_words"]) == pytest.approx(of_words[row["emotion"]])


def test_two_models_stand_beside_their_controls(place):
    found = sql(
        place, "select distinct model_a, model_b, control, measure from cross_model_statistics where measure like 'aligned_%'"
    )
    gains = {row["control"] for row in found if row["measure"] == "aligned_gain"}
    assert gains == set(KINDS)
    pairs = {(row["model_a"], row["model_b"]) for row in found if row["control"] and row["measure"] == "aligned_cosine"}
    assert pairs == {("embeddings:tiny-a", "embeddings:tiny-b"), ("untrained:tiny-a", "untrained:tiny-b")}
    rows = sql(place, "select * from cross_model_alignment_by_emotion where fit = 'ridge'")
    assert {(row["model_a"], row["model_b"]) for row in rows} == {MODELS}
    assert all(row["over_words"] and row["over_untrained"] and row["embeddings_together"] for row in rows)
    likeness = sql(place, "select distinct control from within_model_statistics where measure = 'cosine_gain'")
    assert {row["control"] for row in likeness} == {"words", "embeddings"}


def test_one_control_by_itself(place, tmp_path):
    store = ("--store", tmp_path)
    emo_ok("datasets", "import", place / "mine.jsonl", "--dataset", "mine", *store)
    emo_ok("extract", "-d", "mine", "-m", "words:3", *store)
    emo_ok("vectors", "-m", "words:3", *CALM, *store)
    paths = emo_ok("export", "-m", "words:3", *CALM, *store, "--output", tmp_path / "out").out.split()
    assert len(paths) == 1
    listed = csv.DictReader(io.StringIO(emo_ok("models", "list", *store, "--format", "csv").out))
    assert [row["source"] for row in listed if row["model"] == "words:3"] == ["control"]
    refused = emo("plot", "-m", "words:3", *CALM, *store)
    assert refused.code == 2 and "a control has no figures" in refused.err
    again = emo_ok("extract", "-d", "mine", "-m", "words:3", "--dtype", "bfloat16", *store)
    assert "0 extractions done" in again.err


def test_names_of_controls_are_refused_where_they_mean_nothing(place):
    store = ("--store", place / "store", "--cache", place / "cache")
    for words in (["models", "check", "words:0"], ["extract", "-m", "words:x"], ["extract", "-m", "embeddings:words:0"]):
        assert emo(*words, *store).code == 2
    named = emo("extract", "-d", "mine", "-m", place / "tiny-a", "--name", "words:0", *store)
    assert named.code == 2 and "controls" in named.err
    # a seed between colons is no emoji
    assert "words:x:" in emo("extract", "-d", "mine", "-m", "words:x", *store).err
