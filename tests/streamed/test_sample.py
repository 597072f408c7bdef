"""Samples of prompts: whole topics, all labels alike, from anywhere in a set."""

from collections import Counter

import numpy as np
import pytest
from worlds import world

from emotion_cli.measures.inference.sampling import Sampling
from emotion_cli.measures.streamed import limits
from emotion_cli.measures.streamed.sample import Sample, sample_of
from emotion_cli.prompts.audit import PromptRow
from emotion_cli.prompts.words import WordList
from emotion_cli.stages import audit as stage


def _sampling(seed):
    return Sampling(seed, 20, ("set",))


def test_topics_are_taken_whole_and_once():
    labels = world(1, topics=300, labels=5, kind="ragged").labels
    sample = sample_of(labels.labels, labels.topics, 200, _sampling(0))
    cells = Counter((labels.topics[i], labels.labels[i]) for i in sample.places.tolist())
    assert set(cells.values()) == {1} and len(sample.places) <= 200 and sample.labels == sorted(set(labels.labels))
    stored = {(topic, label) for topic, label in zip(labels.topics, labels.labels, strict=True)}
    taken = {topic for topic, _ in cells}
    assert {*cells} == {(topic, label) for topic, label in stored if topic in taken}
    # the most complete ones first
    sizes = Counter(topic for topic, _ in stored)
    assert min(sizes[topic] for topic in taken) >= max(sizes[topic] for topic in sizes.keys() - taken)


def test_of_labels_without_topics_there_are_equally_many():
    labels = world(1, topics=300, labels=4, kind="none").labels
    sample = sample_of(labels.labels, labels.topics, 200, _sampling(0))
    assert {*Counter(labels.labels[i] for i in sample.places.tolist()).values()} == {50}


def test_of_many_labels_a_sample_has_those_that_are_kept():
    labels = world(1, topics=40, labels=60).labels
    sample = sample_of(labels.labels, labels.topics, 600, _sampling(0), {"neutral", "label 007"})
    assert len(sample.labels) == 20 and {"neutral", "label 007"} <= {*sample.labels}
    assert len({labels.topics[i] for i in sample.places.tolist()}) == 30


@pytest.mark.parametrize("kind", ["complete", "none"])
def test_every_prompt_is_as_likely(kind):
    # 200 seeds, fixed before the first run
    labels = world(1, topics=60, labels=3, kind=kind).labels
    counts = np.zeros(len(labels.labels))
    for seed in range(200):
        counts[sample_of(labels.labels, labels.topics, 60, _sampling(seed)).places] += 1
    for label in set(labels.labels):
        of_label = counts[np.asarray(labels.labels) == label]
        share = of_label.mean() / 200
        assert np.abs(of_label - of_label.mean()).max() < 4.5 * np.sqrt(200 * share * (1 - share)) + 1


def _confounded():
    """A set whose first thousand prompts hide that one label ends otherwise."""
    rng = np.random.default_rng(3)
    rows = []
    for i in range(4_400):
        label = ("anger", "neutral")[i % 2]
        end = "!" if label == "anger" and i > 1_200 and rng.random() < 0.8 else "."
        rows.append(PromptRow(label, None, f"{' '.join(rng.choice(['a', 'cat', 'sat', 'here', 'now'], 6))} {i}{end}", 1))
    return rows


def _ends(rows) -> tuple[float, int | None]:
    (row,) = [row for row in stage.audit(rows, _sampling(1), WordList({}), "neutral") if row.measure == "final_char_auroc"]
    return row.statistic.value, row.statistic.n_sampled


def test_an_audit_of_a_sample_finds_what_the_whole_set_has_and_a_sample_of_the_first_prompts_does_not(monkeypatch):
    rows = _confounded()
    value, n_sampled = _ends(rows)
    assert n_sampled == limits.MOST_SAMPLED
    first = Sample(np.arange(limits.MOST_SAMPLED), ["anger", "neutral"])
    with monkeypatch.context() as patch:
        patch.setattr(stage, "sample_of", lambda *_: first)
        of_first, _ = _ends(rows)
    monkeypatch.setattr(limits, "MOST_PROMPTS", 10_000)
    whole, n_sampled = _ends(rows)
    assert n_sampled is None
    assert value == pytest.approx(whole, abs=0.04)
    assert abs(of_first - whole) > 0.15
