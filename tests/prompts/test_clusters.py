"""The column `cluster`: read from every kind of file, refused where it contradicts itself, shown; and topics that belong into one."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from emotion_cli.errors import UsageError
from emotion_cli.prompts.near_duplicates import MOST_IN_COMMON, near_duplicates
from emotion_cli.prompts.reading import read_prompt_set
from emotion_cli.prompts.reading.columns import Columns
from emotion_cli.prompts.shipped import shipped_prompt_set, shipped_sets

ROWS = [
    {"text": "a", "emotion": "x", "topic": "one", "cluster": "mia"},
    {"text": "b", "emotion": "x", "topic": "two", "cluster": "mia"},
    {"text": "c", "emotion": "y", "topic": "one", "cluster": "mia"},
    {"text": "d", "emotion": "y", "topic": "three", "cluster": None},
]


def written(path, rows=ROWS):
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        mark = "," if path.suffix == ".csv" else "\t"
        lines = [mark.join(rows[0]), *(mark.join(value or "" for value in row.values()) for row in rows)]
        path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".jsonl", ".parquet"])
def test_clusters_are_read_from_every_kind_of_file(tmp_path, ending):
    prompt_set = read_prompt_set([written(tmp_path / f"set{ending}")], "s")
    assert prompt_set.columns()["cluster"] == ["mia", "mia", "mia", None]
    # which topics belong together changes no activation
    bare = [{**row, "cluster": None} for row in ROWS]
    assert read_prompt_set([written(tmp_path / f"bare{ending}", bare)], "s").sha256 == prompt_set.sha256


def test_clusters_are_read_from_a_file_of_one_label_and_may_have_another_name(tmp_path):
    (tmp_path / "x.json").write_text('{"prompts": [{"text": "a", "topic": "t", "cluster": "mia"}, "b"]}')
    (tmp_path / "y.json").write_text('{"prompts": ["c", "d"]}')
    assert read_prompt_set([tmp_path], "s").columns()["cluster"] == ["mia", None, None, None]
    renamed = [{("writer" if key == "cluster" else key): value for key, value in row.items()} for row in ROWS]
    path = written(tmp_path / "set.csv", renamed)
    assert read_prompt_set([path], "s", columns=Columns(cluster="writer")).columns()["cluster"][0] == "mia"


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        (
            {"text": "e", "emotion": "x", "topic": "one", "cluster": "tom"},
            "set.csv:6: the topic 'one' has cluster 'tom' here and cluster 'mia' at {path}:2",
        ),
        (
            {"text": "e", "emotion": "x", "topic": "two", "cluster": None},
            "set.csv:6: the topic 'two' has no cluster here and cluster 'mia' at {path}:3",
        ),
        ({"text": "e", "emotion": "x", "topic": None, "cluster": "tom"}, "set.csv:6: cluster 'tom' without a topic"),
        ({"text": "e", "emotion": "x", "topic": "four", "cluster": "Mia"}, "the cluster 'Mia' looks like 'mia' at"),
    ],
)
def test_clusters_that_cannot_be_are_refused_with_the_line(tmp_path, row, fault):
    path = written(tmp_path / "set.csv", [*ROWS, row])
    with pytest.raises(UsageError) as refused:
        read_prompt_set([path], "s")
    assert fault.format(path=path) in str(refused.value)


TEMPLATES = [
    "Thank you so much for bringing the {} back to me yesterday",
    "I am furious that you never brought the {} back to me",
]


def test_topics_from_one_template_are_near_duplicates_and_those_of_one_cluster_are_known():
    things = ["ladder", "kettle", "bicycle"]
    texts = [TEMPLATES[0].format(thing) for thing in things] + ["We met at the station and waited for the last train home"]
    topics = [*things, "station"]
    found = near_duplicates(texts, topics, [None] * 4)
    assert (found.n_pairs, found.n_topics) == (3, 4) and found.share >= MOST_IN_COMMON
    sentence = found.finding("gratitude")
    assert "3 pairs of topics" in sentence and all(repr(topic) in sentence for topic in found.topics) and "`cluster`" in sentence
    known = near_duplicates(texts, topics, ["lent", "lent", "lent", None])
    assert known.n_pairs == 0 and known.finding("gratitude") is None
    assert near_duplicates([], [], []).n_pairs == 0


def test_pairs_are_counted_alike_in_pieces(monkeypatch):
    rng = np.random.default_rng(0)
    words = [f"word{i}" for i in range(12)]
    texts = [" ".join(rng.choice(words, 6)) for _ in range(40)]
    topics = [f"t{i}" for i in range(40)]

    def runs(text):
        padded = f" {text} "
        return {padded[i : i + 3] for i in range(len(padded) - 2)}

    sets = [runs(text) for text in texts]
    expected = sum(
        len(sets[i] & sets[j]) / len(sets[i] | sets[j]) >= MOST_IN_COMMON - 1e-6 for i in range(40) for j in range(i + 1, 40)
    )
    monkeypatch.setattr("emotion_cli.prompts.near_duplicates.CHUNK", 7)
    assert 0 < near_duplicates(texts, topics, [None] * 40).n_pairs == expected


def test_the_shipped_sets_have_none():
    for name in shipped_sets():
        prompts = shipped_prompt_set(name).prompts
        for label in {prompt.emotion for prompt in prompts}:
            chosen = [prompt for prompt in prompts if prompt.emotion == label]
            found = near_duplicates([p.text for p in chosen], [p.topic for p in chosen], [p.cluster for p in chosen])
            assert found.n_pairs == 0 and found.share < 0.5
