"""The shift of a direction between datasets: closed form against loops, unbiased, and honest on noise."""

import numpy as np
import pytest

from emotion_cli.measures.gram import gram
from emotion_cli.measures.inference.sampling import Sampling
from emotion_cli.measures.labels import Labels
from emotion_cli.measures.within.dataset_shift import dataset_shifts

EMOTIONS = ["joy", "rage"]


def sample(seed, topics_own=12, topics_rest=9, width=200, own=3.0, rest=3.0, turned=False, alone=0):
    """Prompts of two sets; each emotion's shift lies along one dimension, another one for the rest where it is turned."""
    rng = np.random.default_rng(seed)
    rows, labels, topics, is_rest = [], [], [], []
    for t in range(topics_own + topics_rest):
        second = t >= topics_own
        for i, label in enumerate(("calm", *EMOTIONS)):
            row = rng.normal(size=width)
            row[i + (10 if second and turned else 0)] += (rest if second else own) * (label != "calm") * np.sqrt(width) / 4
            rows.append(row)
            labels.append(label)
            topics.append(f"t{t}" if t >= alone else None)
            is_rest.append(second)
    return np.array(rows), labels, topics, is_rest


def shifts(rows, labels, topics, is_rest, reference="calm", draws=200):
    grams = {0: gram(np.ones_like(rows)), 1: gram(rows), 2: gram(rows[:, ::-1] * 2)}
    made_of = Labels(labels, topics, EMOTIONS, reference)
    found = dataset_shifts(grams, made_of, is_rest, Sampling(0, draws, ("a", "b")), averaged={1, 2})
    return {(one.layer, one.emotion): one.statistic for one in found}


def differences(rows, labels, topics, keep, emotion, reference):
    names = sorted({topic for topic, kept in zip(topics, keep, strict=True) if kept})

    def row(topic, label):
        (i,) = [i for i in range(len(rows)) if topics[i] == topic and labels[i] == label]
        return rows[i]

    other = next(one for one in EMOTIONS if one != emotion) if reference == "others" else reference
    return np.array([row(name, emotion) - row(name, other) for name in names])


def off_diagonal(d):
    n = len(d)
    return ((d @ d.T).sum() - np.trace(d @ d.T)) / (n * (n - 1))


@pytest.mark.parametrize("reference", ["calm", "others"])
def test_with_complete_topics_it_is_the_mean_over_pairs_of_topics(reference):
    rows, labels, topics, is_rest = sample(1)
    found = shifts(rows, labels, topics, is_rest, reference, draws=5)
    for emotion in EMOTIONS:
        a = differences(rows, labels, topics, [not r for r in is_rest], emotion, reference)
        b = differences(rows, labels, topics, is_rest, emotion, reference)
        expected = (a @ b.T).mean() / np.sqrt(off_diagonal(a) * off_diagonal(b))
        assert found[1, emotion].value == pytest.approx(expected, abs=1e-9)
        assert found[1, emotion].n == 21


def test_noise_takes_no_part():
    values = [shifts(*sample(seed), draws=1)[1, "joy"].value for seed in range(40)]
    assert np.mean(values) == pytest.approx(1.0, abs=0.03)
    plain = []
    for seed in range(40):
        rows, labels, _, is_rest = sample(seed)
        names, second = np.array(labels), np.array(is_rest)
        a, b = (rows[(names == "joy") & part].mean(0) - rows[(names == "calm") & part].mean(0) for part in (~second, second))
        plain.append(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
    assert np.mean(plain) < 0.9


def test_another_direction_is_seen_as_one_and_the_null_holds_zero():
    same, turned = shifts(*sample(3)), shifts(*sample(3, turned=True))
    for emotion in EMOTIONS:
        assert same[1, emotion].interval.low > 0.7 and same[1, emotion].null.p_value < 0.02
        assert turned[1, emotion].interval.high < 0.5 and abs(turned[1, emotion].value) < 0.3
        assert same[1, emotion].null.low < 0 < same[1, emotion].null.high


def test_the_interval_covers_and_noise_has_no_value_or_a_wide_one():
    covered = [
        one.interval.low <= 1 <= one.interval.high
        for seed in range(30)
        if (one := shifts(*sample(100 + seed))[1, "rage"]).interval.low is not None
    ]
    assert len(covered) == 30 and np.mean(covered) >= 0.85
    for seed in range(20):
        one = shifts(*sample(seed, own=0, rest=0))[1, "joy"]
        # without a direction in the sets its length is not positive, or not in enough draws
        assert one.value is None or one.interval.low is None or one.interval.low < 0.9


def test_p_values_are_uniform_without_a_direction_in_the_rest():
    p_values = [shifts(*sample(seed, rest=0), draws=99)[1, "joy"].null.p_value for seed in range(60)]
    defined = [p for p in p_values if p is not None]
    assert np.mean([p <= 0.1 for p in defined]) < 0.25


def test_layers_without_length_have_no_value_and_means_leave_them_out():
    found = shifts(*sample(5))
    assert found[0, "joy"].value is None and found[0, "joy"].interval.low is None and found[0, "joy"].null.p_value is None
    assert found[None, "joy"].value == pytest.approx((found[1, "joy"].value + found[2, "joy"].value) / 2)
    # a layer that is another one turned and scaled has the same numbers, since the draws are the same
    assert found[2, "joy"].value == pytest.approx(found[1, "joy"].value)
    assert found[2, "joy"].interval.low == pytest.approx(found[1, "joy"].interval.low)
    assert found[None, "joy"].interval.low == pytest.approx(found[1, "joy"].interval.low)


def test_prompts_without_a_topic_stand_alone():
    rows, labels, _, is_rest = sample(7)
    found = shifts(rows, labels, [None] * len(rows), is_rest, draws=5)[1, "joy"]
    names, second = np.array(labels), np.array(is_rest)

    def mean_product(one, other):
        inner = rows[one] @ rows[other].T
        return (inner.sum() - np.trace(inner)) / (inner.size - len(inner)) if np.array_equal(one, other) else inner.mean()

    def product(part_a, part_b):
        pairs = [
            (sa * sb, (names == a) & part_a, (names == b) & part_b)
            for a, sa in (("joy", 1), ("calm", -1))
            for b, sb in (("joy", 1), ("calm", -1))
        ]
        return sum(sign * mean_product(one, other) for sign, one, other in pairs)

    expected = product(~second, second) / np.sqrt(product(~second, ~second) * product(second, second))
    assert found.value == pytest.approx(expected, abs=1e-9)
