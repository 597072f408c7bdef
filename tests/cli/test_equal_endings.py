"""Prompts of a label that all end in one token: at layer 0 their last states are equal, and nothing can be aligned there."""

import json

import pytest
import tiny
from command import emo_ok

TOPICS = ["the bus", "a of", "you and I", "today", "the bus is late", "so much", "the today", "and the bus", "you", "late"]
ENDINGS = {"thanks": ("thank you {} !", "!"), "rage": ("I am furious {} .", "."), "calm": ("the bus is {} a", "a")}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    root = tmp_path_factory.mktemp("endings")
    rows = [
        {"text": text.format(topic), "emotion": label, "topic": topic} for topic in TOPICS for label, (text, _) in ENDINGS.items()
    ]
    (root / "ends.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    models = [
        tiny.save_model(root / name, architecture, seed=i)
        for i, (name, architecture) in enumerate((("one", "llama"), ("two", "qwen2"), ("three", "gemma2")))
    ]
    emo_ok("datasets", "import", root / "ends.jsonl", "-d", "ends", "--store", root / "store")
    given = [word for model in models for word in ("-m", model)]
    emo_ok("run", "-d", "ends", *given, "--reference", "calm", "--neutral", "calm", "--store", root / "store", EMO_SUBSPACES="1")
    return root / "store"


def rows_of(store, layers):
    query = f"""select measure, layer_a, layer_b, value, p_value from cross_model_statistics
                where model_a <> model_b and mapping is not null and control is null and layer_a {layers}
                and model_a not like '%:%' and model_b not like '%:%'"""
    return json.loads(emo_ok("sql", query, "--format", "json", "--store", store).out)


def test_what_is_carried_from_equal_states_is_not_defined(store):
    flat = [row for row in rows_of(store, "= 0") if row["measure"] in ("aligned_cosine", "aligned_specificity")]
    assert flat and all(row["value"] is None for row in flat)
    higher = [row for row in rows_of(store, "> 0") if row["measure"] == "aligned_cosine"]
    assert higher and all(row["value"] is not None for row in higher)


def test_every_stage_comes_to_its_end(store):
    assert (store / "report.md").is_file()
    counts = json.loads(emo_ok("sql", "select count(*) as n from consensus_statistics", "--format", "json", "--store", store).out)
    assert counts[0]["n"] > 0
