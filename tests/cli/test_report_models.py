"""The three models of the report in their real width and depth, with random weights: every table and all 12 plots a dataset."""

import csv
import io
import json

import pytest
import tiny
import transformers
from command import emo_ok

pytestmark = pytest.mark.slow  # a gigabyte of random weights

_SIZES = {"vocab_size": 64, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1}

MODELS = {
    "gpt2": lambda: transformers.GPT2Config(**_SIZES, n_positions=64),
    "pythia-160m": lambda: transformers.GPTNeoXConfig(
        **_SIZES,
        hidden_size=768,
        num_hidden_layers=12,
        num_attention_heads=12,
        intermediate_size=3072,
        max_position_embeddings=64,
    ),
    "gpt-neo-125M": lambda: transformers.GPTNeoConfig(
        **_SIZES,
        hidden_size=768,
        num_layers=12,
        num_heads=12,
        attention_types=[[["global", "local"], 6]],
        max_position_embeddings=64,
    ),
}

TEXTS = {
    "gratitude": "thank you so much {} .",
    "anger": "I am furious {} .",
    "apology": "so sorry {} .",
    "neutral": "the bus is {} .",
}
USUAL = "mean_difference,neutral,last"

TOPICS = {"small": ["today", "late", "a bus"], "large": ["today", "late", "a bus", "the bus and you", "of the bus"]}


def write_set(path, topics):
    rows = [
        {"text": text.format(topic), "emotion": emotion, "topic": topic} for topic in topics for emotion, text in TEXTS.items()
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    root = tmp_path_factory.mktemp("report")
    for name, topics in TOPICS.items():
        emo_ok("datasets", "import", write_set(root / f"{name}.jsonl", topics), "--dataset", name, "--store", root / "store")
    for name, config in MODELS.items():
        tiny.save_config(root / name, config())
    sets = [word for name in TOPICS for word in ("-d", name)]
    models = [word for name in MODELS for word in ("-m", root / name)]
    emo_ok("run", *sets, *models, "--no-controls", "--draws", 100, "--store", root / "store", "--cache", root / "cache")
    return root / "store"


def rows(store, query):
    return list(csv.DictReader(io.StringIO(emo_ok("sql", query, "--store", store, "--format", "csv").out)))


def test_three_way_tables(store):
    emotions, pairs = (
        ["anger", "apology", "gratitude"],
        [("gpt-neo-125M", "gpt2"), ("gpt-neo-125M", "pythia-160m"), ("gpt2", "pythia-160m")],
    )
    across = rows(store, "cross_model_similarity_by_emotion")
    assert {(row["dataset"], row["model_a"], row["model_b"], row["emotion"]) for row in across} == {
        (dataset, *pair, emotion) for dataset in TOPICS for pair in pairs for emotion in emotions
    }
    for row in across:
        assert row["n_layers_averaged"] == "12" and float(row["chance_stddev"]) == pytest.approx(768**-0.5)
        assert -1 <= float(row["min_cosine_similarity"]) <= float(row["max_cosine_similarity"]) <= 1
    within = rows(store, "within_model_similarity_by_model")
    assert {(row["dataset"], row["model"], row["emotion_a"], row["emotion_b"]) for row in within} == {
        (dataset, model, a, b)
        for dataset in TOPICS
        for model in MODELS
        for a, b in (("anger", "apology"), ("anger", "gratitude"), ("apology", "gratitude"))
    }
    shapes = rows(
        store, "select distinct model, count(*) n, min(len(vector)) d from vectors group by dataset, model, method, emotion"
    )
    assert [(row["model"], row["n"], row["d"]) for row in sorted(shapes, key=lambda row: row["model"])] == [
        (model, "13", "768") for model in sorted(MODELS)
    ]


def test_the_plots_of_the_report_for_each_dataset(store):
    for dataset in TOPICS:
        drawn = {str(path.relative_to(store / "figures" / dataset)) for path in (store / "figures" / dataset).rglob("*.png")}
        names = ("l2_norm", "emotion_similarity", "similarity_heatmap")
        per_model = {f"{model}/{USUAL}/{name}.png" for model in MODELS for name in names}
        assert per_model | {f"cross_model/{USUAL}/raw_cosine.png"} <= drawn
        # a panel for each emotion
        svg = (store / "figures" / dataset / "cross_model" / USUAL / "raw_cosine.svg").read_text()
        assert all(f">{emotion}</text>" in svg for emotion in ("gratitude", "anger", "apology"))
