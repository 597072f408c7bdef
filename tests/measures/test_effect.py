"""d' and distances without noise, against small oracles and where the truth is known."""

import numpy as np
import pytest

from emotion_cli.measures.gram import gram
from emotion_cli.measures.inference.draws import Contrast, draws_of
from emotion_cli.measures.inference.sampling import Sampling
from emotion_cli.measures.inference.statistic import Tail
from emotion_cli.measures.labels import OTHERS, Labels
from emotion_cli.measures.within.effect import d_prime, squared_distance
from emotion_cli.measures.within.likeness import comparisons, geometry_of

LABELS = ["calm", "joy", "rage", "shame"]
WIDTH = 6


def sample(rng, topics=12, shift=2.0, each=1):
    labels = [label for _ in range(topics) for label in LABELS for _ in range(each)]
    rows = rng.normal(size=(len(labels), WIDTH))
    for i, label in enumerate(labels):
        rows[i, LABELS.index(label)] += shift * (label != "calm")
    return rows, labels, [f"t{i // (4 * each)}" for i in range(len(labels))]


def contrast_of(labels, topics, names=("calm", "joy"), draws=30):
    return Contrast("joy", draws_of(labels, topics, list(names), Sampling(0, draws, ("x",))))


def d_prime_by_loops(contrast, rows, is_emotion):
    draws = contrast.draws
    differences, squares, degrees = [], 0.0, 0
    for fold in np.unique(draws.folds):
        test, train = draws.folds == fold, draws.folds != fold
        others = [rows[train & (draws.codes == code)].mean(0) for code in range(len(draws.names)) if code != contrast.code]
        if len(draws.names) == 2:  # permuted labels, too
            others = [rows[train & ~is_emotion].mean(0)]
        direction = rows[train & is_emotion].mean(0) - np.mean(others, axis=0)
        scores = rows @ direction / np.linalg.norm(direction)
        parts = [scores[test & is_emotion], scores[test & ~is_emotion]]
        differences.append(parts[0].mean() - parts[1].mean())
        squares += sum(((part - part.mean()) ** 2).sum() for part in parts)
        degrees += sum(len(part) - 1 for part in parts)
    return np.mean(differences) / np.sqrt(squares / degrees)


@pytest.mark.parametrize(("names", "each"), [(("calm", "joy"), 1), (("calm", "joy"), 3), (("joy", "rage", "shame"), 1)])
def test_d_prime_is_that_of_scores_of_held_out_topics(names, each):
    rows, labels, topics = sample(np.random.default_rng(0), each=each)
    contrast = contrast_of(labels, topics, names)
    used = rows[contrast.draws.used]
    curves = d_prime(contrast, [gram(used)])
    assert curves.values[0, 0] == pytest.approx(d_prime_by_loops(contrast, used, contrast.is_emotion[0]))
    if len(names) == 2:
        for draw in (1, 2, 3):
            assert curves.values[0, draw] == pytest.approx(d_prime_by_loops(contrast, used, contrast.is_emotion[draw]))


def test_d_prime_has_no_unit_and_is_not_defined_where_nothing_varies():
    rows, labels, topics = sample(np.random.default_rng(1))
    contrast = contrast_of(labels, topics)
    used = rows[contrast.draws.used]
    same = np.ones_like(used)
    only = np.where(contrast.is_emotion[0][:, None], 2.0, 1.0) * same
    curves = d_prime(contrast, [gram(used), gram(1000 * used + 5), gram(same), gram(only)])
    assert curves.values[1] == pytest.approx(curves.values[0])
    assert np.isnan(curves.values[2:, 0]).all() and np.isnan(curves.bootstrap[2]).all()
    layers = d_prime(contrast, [gram(used), gram(1000 * used + 5), gram(same)])
    _, mean = layers.statistics([1, 2, 3], [1, 2, 3], Tail.UPPER)[-1]
    assert mean.value == pytest.approx(curves.values[0, 0])  # the layer without a direction is left out


def test_d_prime_without_a_direction_is_0_and_its_interval_covers():
    """A direction has, on further prompts, the d' of its angle to the true difference; that is what the interval is of."""
    rng = np.random.default_rng(2)
    topics, n, length = 40, 200, 1.5
    covered, values = [], []
    for effect in (0.0, length):
        worlds = [sample(rng, topics, effect) for _ in range(n)]
        contrast = contrast_of(worlds[0][1], worlds[0][2], draws=200)
        used = [rows[contrast.draws.used] for rows, _, _ in worlds]
        rows = d_prime(contrast, [gram(one) for one in used]).statistics(range(n), [], Tail.UPPER)
        truth = effect * (np.arange(WIDTH) == 1)
        for (_, statistic), one in zip(rows, used, strict=True):
            directions = [contrast.weights(train)[0] @ one[train] for _, train in contrast.draws.split()]
            expected = np.mean([truth @ direction / np.linalg.norm(direction) for direction in directions])
            covered.append(statistic.interval.low <= expected <= statistic.interval.high)
            values.append((effect, statistic.value - expected))
    assert np.mean(covered) >= 0.93
    for effect in (0.0, length):
        assert np.mean([error for kind, error in values if kind == effect]) == pytest.approx(0, abs=0.06)


@pytest.mark.parametrize("reference", ["calm", OTHERS])
def test_distances_are_means_over_pairs_of_topics(reference):
    rows, labels, topics = sample(np.random.default_rng(3))
    emotions = LABELS[1:]
    found = {
        (row.emotion_a, row.emotion_b, row.measure): row.statistic
        for row in comparisons({1: gram(rows)}, Labels(labels, topics, emotions, reference), Sampling(0, 50, ("x",)), [1])
        if row.layer == 1
    }
    by_topic = {label: rows[np.array(labels) == label] for label in LABELS}

    def differences(emotion):
        others = [label for label in emotions if label != emotion] if reference == OTHERS else [reference]
        return by_topic[emotion] - np.mean([by_topic[label] for label in others], axis=0)

    def product(a, b):
        return ((a @ b.T).sum() - np.trace(a @ b.T)) / (len(a) * (len(a) - 1))

    joy, rage = differences("joy"), differences("rage")
    apart = product(joy - rage, joy - rage)
    assert found["joy", "rage", "squared_distance"].value == pytest.approx(apart)
    lengths = np.sqrt(product(joy, joy)) + np.sqrt(product(rage, rage))
    ratio = found["joy", "rage", "distance_ratio"]
    assert ratio.value == pytest.approx(np.sqrt(apart) / (lengths / 2))
    assert ratio.null.kind == "fixed" and ratio.null.mean == pytest.approx(1.0 if reference == "calm" else np.sqrt(3))
    used = ["calm", "joy"] if reference == "calm" else emotions
    contrast = contrast_of(labels, topics, used)
    (alone,) = squared_distance(contrast, [gram(rows[contrast.draws.used])]).statistics([1], [1], Tail.UPPER)
    assert alone[0] == 1 and alone[1].value == pytest.approx(product(joy, joy)) and alone[1].null.mean == 0


def test_squared_distances_hold_no_noise_and_have_no_mean_over_layers():
    rng = np.random.default_rng(4)
    for shift in (0.0, 1.0):
        found = []
        for _ in range(150):
            rows, labels, topics = sample(rng, shift=shift)
            contrast = contrast_of(labels, topics)
            statistics = squared_distance(contrast, [gram(rows[contrast.draws.used])] * 2).statistics([1, 2], [1, 2], Tail.UPPER)
            assert [layer for layer, _ in statistics] == [1, 2]
            found.append(statistics[0][1].value)
        assert np.mean(found) == pytest.approx(shift**2, abs=4 * np.std(found) / np.sqrt(150))
        assert min(found) < 0 or shift


def test_a_geometry_is_that_of_three_points():
    geometry = geometry_of(*(np.array([value]) for value in (1.0, 9.0, 1.5)))
    assert geometry.cosine == pytest.approx(0.5)
    assert geometry.squared_distance == pytest.approx(7) and geometry.distance_ratio == pytest.approx(np.sqrt(7) / 2)
    # noise may put two emotions nearer than one place, and a length below 0
    nearer, shorter = geometry_of(np.ones(1), np.ones(1), np.full(1, 1.1)), geometry_of(-np.ones(1), np.ones(1), np.ones(1))
    assert nearer.squared_distance < 0 and nearer.distance_ratio == 0
    assert np.isnan(shorter.cosine) and np.isnan(shorter.distance_ratio) and np.isfinite(shorter.squared_distance)
