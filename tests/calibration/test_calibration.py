"""What the measures say of data of which the truth is known, several hundred times over: p-values, nulls, intervals, verdicts.

Fixed seeds. A tolerance is what the number of repetitions allows: a share of 300 has a standard error of at most 0.03, and
Kolmogorov-Smirnov rejects a true uniform distribution with probability 0.001.
"""

from collections import defaultdict
from typing import NamedTuple

import numpy as np
import pytest
from scipy import stats

from emotion_cli.measures.gram import gram
from emotion_cli.measures.inference.auroc import area_interval
from emotion_cli.measures.inference.draws import Contrast, draws_of
from emotion_cli.measures.inference.sampling import Sampling
from emotion_cli.measures.labels import OTHERS, Labels
from emotion_cli.measures.within.likeness import comparisons
from emotion_cli.measures.within.quality import Material, qualities
from emotion_cli.measures.within.reliability import split_half
from emotion_cli.measures.within.separability import HeldOut, auroc
from emotion_cli.measures.within.surface import surface_of

pytestmark = pytest.mark.slow

LABELS = ["anger", "joy", "pride", "neutral"]
EMOTIONS = LABELS[:3]
WIDTH = 24
DRAWS = 99
LEAST_P = 0.001
COVERS = 0.93


class World(NamedTuple):
    """Activations [prompt, width] of each layer, with labels and topics."""

    layers: list[np.ndarray]
    labels: list[str]
    topics: list[str]


def world(rng, *, topics=20, effects=None, topic_effect=0.0, missing=0.0, n_layers=2):
    """Prompts of a model with an attention sink: one dimension with a large mean, two with a large spread."""
    labels = np.array([label for _ in range(topics) for label in LABELS])
    names = np.repeat([f"topic {t}" for t in range(topics)], len(LABELS))
    # unequal class sizes: only `joy` and the reference lose prompts, the reference more
    lost = rng.random(len(labels)) < missing * ((labels == "neutral") + 0.5 * (labels == "joy"))
    spread, sink = np.ones(WIDTH), np.zeros(WIDTH)
    spread[:2], sink[0] = (8, 4), 300
    layers = []
    for _ in range(n_layers):
        shared = np.repeat(rng.normal(size=(topics, WIDTH)) * topic_effect, len(LABELS), axis=0)
        rows = sink + shared + rng.normal(size=(len(labels), WIDTH)) * spread
        if effects is not None:
            rows = rows + effects[[LABELS.index(label) for label in labels]]
        layers.append(rows[~lost])
    return World(layers, labels[~lost].tolist(), names[~lost].tolist())


def measured(train, test, *, reference, seed):
    """All statistics of one world, by (measure, emotion or pair, layer)."""
    grams = {k + 1: gram(np.vstack([a, b]), len(a)) for k, (a, b) in enumerate(zip(train.layers, test.layers, strict=True))}
    held = HeldOut("letters", np.arange(len(train.labels), len(train.labels) + len(test.labels)), test.labels, test.topics)
    labels, sampling = Labels(train.labels, train.topics, EMOTIONS, reference), Sampling(seed, DRAWS, ("x",))
    found = {
        (one.measure, one.emotion, one.layer if one.measure != "auroc_best" else "best"): one.statistic
        for one in qualities(Material(grams, labels, sampling, list(grams), held_out=[held]))
    }
    for one in comparisons(grams, labels, sampling, list(grams)):
        found[one.measure, (one.emotion_a, one.emotion_b), one.layer] = one.statistic
    return found


def uniform(p_values, rng, *, tails=1):
    """Kolmogorov-Smirnov p of permutation p-values, which lie on a grid: each is spread over its cell."""
    cell = tails / (DRAWS + 1)
    return stats.kstest(np.clip(np.asarray(p_values) - cell * rng.random(len(p_values)), 0, 1), "uniform").pvalue


NOTHING = [
    pytest.param({}, "neutral", id="no topic effects"),
    pytest.param({"topic_effect": 1.0}, OTHERS, id="topic effects of 1, reference others"),
    pytest.param({"topic_effect": 3.0}, "neutral", id="topic effects of 3"),
    pytest.param({"topic_effect": 1.0, "missing": 0.4}, "neutral", id="unequal class sizes"),
]


@pytest.mark.parametrize(("how", "reference"), NOTHING)
def test_where_there_is_nothing_nothing_is_found(how, reference):
    p_values, values, differences_of, covers = (defaultdict(list) for _ in range(4))
    repetitions = 300
    for seed in range(repetitions):
        rng = np.random.default_rng([7, seed])
        found = measured(world(rng, **how), world(rng, **{**how, "topics": 12}), reference=reference, seed=seed)
        for (measure, whom, layer), one in found.items():
            # one emotion or pair and one layer of each: those of one world are not independent
            if whom not in ("anger", ("anger", "joy")) or layer not in (1, "best", None):
                continue
            key = measure, layer
            values[key].append(np.nan if one.value is None else one.value)
            if one.null.p_value is not None:
                p_values[key].append(one.null.p_value)
                differences_of[key].append(values[key][-1] - one.null.mean)
            truth = one.null.mean if measure.startswith("cosine_unbiased") else 0.5
            if one.interval.low is not None:
                covers[key].append(one.interval.low <= truth <= one.interval.high)
    rng = np.random.default_rng(0)
    for key, found in p_values.items():
        below = np.mean(np.array(found) <= 0.05)
        assert below <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / repetitions), (key, below)
        if key[0] != "centroid_accuracy":  # a share of few prompts: ties make its p too large, never too small
            assert uniform(found, rng, tails=2 if key[0].startswith("cosine") else 1) > LEAST_P, key
        # the null has the mean that the value has
        differences = np.array(differences_of[key])
        assert abs(np.mean(differences)) < 4 * np.std(differences) / np.sqrt(repetitions), key
    for layer in (1, None):
        assert np.mean(values["auroc", layer]) == pytest.approx(0.5, abs=0.03)
        assert np.mean(values["auroc_heldout", layer]) == pytest.approx(0.5, abs=0.03)
        assert abs(np.mean(values["split_half", layer])) < 0.12
        assert np.mean(covers["auroc", layer]) >= COVERS
    # the unbiased cosine of nothing is not defined, or its interval covers
    unbiased = next(key for key in values if key[0].startswith("cosine_unbiased") and key[1] == 1)
    undefined = np.isnan(values[unbiased]).mean()
    assert undefined > 0.5
    missed = sum(not inside for inside in covers[unbiased])
    assert missed / repetitions <= 1 - COVERS


def planted(rng, n, *, topics, width, effects, topic_effect=1.0):
    """Grams of `n` worlds with spherical noise of size 1 and the given effects [label, width], `n` times drawn."""
    labels = [label for _ in range(topics) for label in LABELS]
    names = [f"topic {t}" for t in range(topics) for _ in LABELS]
    rows = rng.normal(size=(n, topics * len(LABELS), width)) + np.repeat(
        rng.normal(size=(n, topics, width)) * topic_effect, 4, axis=1
    )
    rows += effects[[LABELS.index(label) for label in labels]]
    return rows, labels, names


@pytest.mark.parametrize("cosine", [-0.3, 0.0, 0.5, 0.9])
@pytest.mark.parametrize("strength", [2.0, 5.0])
def test_the_unbiased_cosine_s_interval_covers_the_planted_angle(cosine, strength):
    """Two directions at a known angle: as many worlds as layers, for they share nothing but the draws of topics."""
    rng = np.random.default_rng(3)
    width, n = 30, 300
    effects = np.zeros((4, width))
    effects[0, 0] = strength
    effects[1, :2] = strength * cosine, strength * np.sqrt(1 - cosine**2)
    rows, labels, names = planted(rng, n, topics=40, width=width, effects=effects)
    grams = {i: gram(one) for i, one in enumerate(rows)}
    made_of = Labels(labels, names, EMOTIONS[:2], "neutral")
    found = comparisons(grams, made_of, Sampling(0, 1000, ("x",)), averaged=[])
    one = [one.statistic for one in found if one.measure == "cosine_unbiased"]
    defined = [s for s in one if s.interval.low is not None]
    assert len(defined) >= (0.95 if strength == 5.0 else 0.5) * n
    assert np.mean([s.interval.low <= cosine <= s.interval.high for s in defined]) >= COVERS
    if strength == 5.0:
        assert np.mean([s.value for s in one]) == pytest.approx(cosine, abs=0.02)
        # which the plain cosine misses, for its noise is shared
        plain = np.mean([one.statistic.value for one in found if one.measure == "cosine"])
        noise = 2 * width / 40
        expected = (strength**2 * cosine + noise / 2) / (strength**2 + noise)
        assert plain == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize("strength", [0.5, 1.0, 2.0, 4.0])
def test_auroc_and_split_half_are_what_theory_gives_and_their_interval_covers(strength):
    """With noise of size s in d dimensions and n topics, a direction of length |m| is reliable to |m|^2 / (|m|^2 + 2 d s^2 / n),
    and separates by Phi(m w / (sqrt(2) s |w|)), w being what was found on four fifths of the topics."""
    rng = np.random.default_rng(4)
    topics, width, n, topic_effect = 50, 30, 300, 0.7
    effects = np.zeros((4, width))
    effects[0, 0] = strength
    rows, labels, names = planted(rng, n, topics=topics, width=width, effects=effects, topic_effect=topic_effect)
    contrast = Contrast("anger", draws_of(labels, names, ["anger", "neutral"], Sampling(0, 1000, ("x",))))
    used = rows[:, contrast.draws.used]
    # labels are permuted elsewhere: here only the values and the intervals count
    grams = [gram(one) for one in used]
    curves, halves = auroc(_unpermuted(contrast), grams), split_half(_unpermuted(contrast), grams)
    reliability = strength**2 / (strength**2 + 2 * width / topics)
    assert np.mean(halves.values[:, 0]) == pytest.approx(reliability, abs=0.03)
    sd = np.sqrt(1 + topic_effect**2)
    train = [np.flatnonzero(contrast.draws.folds != fold) for fold in np.unique(contrast.draws.folds)]
    directions = np.array([[contrast.weights(members)[0] @ one[members] for members in train] for one in used])
    truths = stats.norm.cdf(directions @ effects[0] / (np.sqrt(2) * sd * np.linalg.norm(directions, axis=2))).mean(1)
    assert np.mean(curves.values[:, 0]) == pytest.approx(np.mean(truths), abs=0.01)
    intervals = [
        area_interval(value, drawn, topics, 5) for value, drawn in zip(curves.values[:, 0], curves.bootstrap, strict=True)
    ]
    assert np.mean([one.low <= truth <= one.high for one, truth in zip(intervals, truths, strict=True)]) >= COVERS


def test_three_strong_orthogonal_classes_have_cosine_one_half_and_one_emotion_twice_is_more_alike():
    rng = np.random.default_rng(5)
    width, n = 40, 300
    orthogonal, twice = np.zeros((4, width)), np.zeros((4, width))
    for k in range(4):
        orthogonal[k, k] = 6.0  # the reference is a class like the others
    twice[:2, 0] = 4.0
    for effects, truth in ((orthogonal, 0.5), (twice, 1.0)):
        rows, labels, names = planted(rng, n, topics=40, width=width, effects=effects)
        grams = {i: gram(one) for i, one in enumerate(rows)}
        made_of = Labels(labels, names, EMOTIONS[:2], "neutral")
        found = comparisons(grams, made_of, Sampling(0, 1000, ("x",)), averaged=[])
        plain = [one.statistic for one in found if one.measure == "cosine"]
        unbiased = [one.statistic for one in found if one.measure == "cosine_unbiased"]
        holds = np.mean([s.interval.low <= 0.5 <= s.interval.high for s in unbiased])
        assert np.mean([s.value for s in unbiased]) == pytest.approx(truth, abs=0.02)
        if truth == 0.5:
            assert np.mean([s.value for s in plain]) == pytest.approx(0.5, abs=0.02)
            assert holds >= COVERS
        else:
            assert all(s.interval.low > 0.5 for s in unbiased)


def test_a_confound_in_the_last_character_is_matched_by_the_surface():
    """A model that knows nothing but the last character: its direction separates, and no better than the surface does."""
    rng = np.random.default_rng(6)
    topics, share = 40, 0.8
    labels = [label for _ in range(topics) for label in LABELS]
    names = [f"topic {t}" for t in range(topics) for _ in LABELS]
    gaps = []
    for seed in range(100):
        ends = np.where((np.array(labels) == "anger") == (rng.random(len(labels)) < share), "!", ".")
        rows = 0.05 * rng.normal(size=(len(labels), 12))
        rows[:, 0] += 4 * (ends == "!")
        surface = surface_of(ends.tolist(), ["the"] * len(labels), [5] * len(labels))
        made_of, sampling = Labels(labels, names, EMOTIONS, "neutral"), Sampling(seed, 19, ("x",))
        found = qualities(Material({1: gram(rows)}, made_of, sampling, averaged=[1], surface=surface))
        own = {one.measure: one.statistic for one in found if one.emotion == "anger" and one.layer is None}
        assert own["auroc"].value > 0.65 and own["auroc"].null.p_value <= 0.1
        gaps.append(own["auroc"].value - own["auroc_surface"].value)
        assert own["auroc_surface"].interval.low <= own["auroc"].value + 0.05
    # the direction breaks the surface's ties by chance
    assert abs(np.mean(gaps)) < 0.02


def _unpermuted(contrast):
    """The same contrast without its permuted labels, which cost the most."""
    return Contrast(
        contrast.emotion, contrast.draws.__class__(**{**vars(contrast.draws), "permuted": contrast.draws.permuted[:1]})
    )
