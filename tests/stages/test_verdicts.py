"""From imported activations to verdicts, by the whole path: import, vectors, quality, comparison, SQL."""

import numpy as np
import pyarrow as pa
import pytest

from emotion_cli import pipeline
from emotion_cli.exchange.importing import import_activations
from emotion_cli.job.listener import Silence
from emotion_cli.settings import Settings
from warehouse.catalog import Catalog
from warehouse.store import Store

LABELS = ("anger", "joy", "neutral")
TOPICS, WIDTH, WORLDS = 40, 16, 8
EFFECTS = {
    "nothing": np.zeros((3, WIDTH)),
    "orthogonal": 6 * np.eye(3, WIDTH),
    "one twice": np.array([[4.0] + [0.0] * (WIDTH - 1), [4.0] + [0.0] * (WIDTH - 1), [0.0] * WIDTH]),
    "opposed": np.array([[4.0] + [0.0] * (WIDTH - 1), [-4.0] + [0.0] * (WIDTH - 1), [0.0] * WIDTH]),
}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Models of each kind that read one dataset, in a store; and a dataset whose labels end differently."""
    store = Store(tmp_path_factory.mktemp("store"))
    for kind, effects in EFFECTS.items():
        for world in range(WORLDS):
            put(store, "x", f"{kind} {world}", lambda label, topic: f"{label} on topic {topic}.", effects, world)
    job = pipeline.job_in_store(store, Settings(store=store.root, draws=199), Silence())
    pipeline.run(job, pipeline.stages("vectors", "compare"))
    return store


def put(store, dataset, model, text, effects, seed):
    rng = np.random.default_rng([len(model), seed])
    rows = [
        {
            "text": f"{label} {text(label, topic)}",
            "emotion": label,
            "topic": str(topic),
            "pooling": "last",
            "layer": layer,
            "activation": (100 + effects[k] + rng.normal(size=WIDTH)).astype(np.float32).tolist(),
        }
        for topic in range(TOPICS)
        for k, label in enumerate(LABELS)
        for layer in (1, 2)
    ]
    import_activations(store, [pa.Table.from_pylist(rows)], dataset=dataset, model=model, create_dataset=True)


@pytest.mark.parametrize(
    ("kind", "verdict", "least"),
    [
        ("nothing", "no direction shown", WORLDS - 1),
        ("orthogonal", "as similar as their shared reference makes them", WORLDS - 1),
        ("one twice", "more similar than their shared reference makes them", WORLDS),
        ("opposed", "less similar than their shared reference makes them", WORLDS),
    ],
)
def test_verdicts(store, kind, verdict, least):
    rows = [row for row in Catalog(store).dicts("within_model_verdicts_by_layer", dataset=["x"]) if row["model"].startswith(kind)]
    assert len(rows) == 3 * WORLDS
    for layer in (1, 2, None):
        assert sum(row["verdict"] == verdict for row in rows if row["layer"] == layer) >= least
    by_model = [
        row for row in Catalog(store).dicts("within_model_similarity_by_model", dataset=["x"]) if row["model"].startswith(kind)
    ]
    assert [row["verdict"] for row in by_model] == [row["verdict"] for row in rows if row["layer"] is None]


def test_q_values_find_the_planted_directions_and_little_else(store):
    rows = [row for row in Catalog(store).dicts("q_values_by_measure", dataset=["x"]) if row["measure"] == "auroc"]
    assert all(row["q_value"] >= row["p_value"] for row in rows)
    called = {kind: np.mean([row["q_value"] <= 0.05 for row in rows if row["model"].startswith(kind)]) for kind in EFFECTS}
    assert called["nothing"] <= 0.1 and called["one twice"] == called["opposed"] == 1.0


def test_the_best_layer_s_null_is_that_of_the_best(store):
    rows = Catalog(store).dicts("best_layers_by_emotion", dataset=["x"], method=["mean_difference"])
    assert {row["layer"] for row in rows} <= {1, 2}
    by_layer = {
        (row["model"], row["emotion"], row["layer"]): row
        for row in Catalog(store).dicts("direction_quality_by_layer", dataset=["x"], method=["mean_difference"])
    }
    for row in rows:
        own = by_layer[row["model"], row["emotion"], row["layer"]]
        assert row["auroc"] == own["auroc"] == max(by_layer[row["model"], row["emotion"], layer]["auroc"] for layer in (1, 2))
        assert row["max_null_high"] >= own["auroc_null_high"] - 1e-9 and row["max_p_value"] >= own["auroc_p_value"]
        assert row["heldout_auroc"] is None


def test_a_test_set_of_the_same_model_is_read_once_it_is_there(tmp_path):
    store = Store(tmp_path)
    put(store, "x", "m", lambda label, topic: f"on topic {topic}.", EFFECTS["one twice"], 0)
    settings = Settings(store=tmp_path, draws=99)
    job = pipeline.job_in_store(store, settings, Silence())
    pipeline.run(job, pipeline.stages("vectors", "compare"))
    rows = [
        {
            "text": f"{label} test {topic}",
            "emotion": label,
            "topic": str(topic),
            "pooling": "last",
            "layer": layer,
            "activation": (100 + EFFECTS["one twice"][k] + np.random.default_rng([topic, k]).normal(size=WIDTH)).tolist(),
        }
        for topic in range(15)
        for k, label in enumerate(LABELS)
        for layer in (1, 2)
    ]
    import_activations(store, [pa.Table.from_pylist(rows)], dataset="exam", model="m", create_dataset=True, role="test")
    job = pipeline.job_in_store(store, settings, Silence())
    reasons = {step.stage: step.reason for step in pipeline.plan(job, pipeline.stages("vectors", "compare"))}
    assert "exam" in reasons["quality"] and not reasons["vectors"] and not reasons["compare"]
    pipeline.run(job, pipeline.stages("vectors", "compare"))
    best = Catalog(store).dicts("best_layers_by_emotion")
    assert all(row["heldout_auroc"] > 0.95 and row["heldout_p_value"] == 0.01 for row in best)
    assert pipeline.run(job, pipeline.stages("vectors", "compare")).done == []
