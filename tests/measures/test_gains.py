"""Gains of aligned cosines over controls, against `aligned_cosines`, which carries both ways."""

from itertools import combinations

import numpy as np
import pytest

from emotion_cli.measures.between.alignment import aligned, aligned_cosines
from emotion_cli.measures.between.gains import GAIN, aligned_gains, carried_cosines
from emotion_cli.measures.between.space import space_of
from emotion_cli.measures.gram import gram
from emotion_cli.measures.inference.relabelling import design_of
from emotion_cli.measures.inference.sampling import Sampling
from emotion_cli.measures.labels import Labels
from emotion_cli.measures.within.likeness import comparisons

EMOTIONS, SAMPLING = ["anger", "joy", "pride"], Sampling(5, 20, ("gains",))


def each(work, numbers):
    for number in numbers:
        work(number)


@pytest.fixture(scope="module")
def design():
    names = [*EMOTIONS, "calm"]
    return design_of(Labels(names * 12, [f"t{i // 4}" for i in range(48)], EMOTIONS, "calm"))


@pytest.fixture(scope="module")
def spaces():
    rng = np.random.default_rng(3)
    means = np.tile(np.eye(4) * 3, (12, 1))
    rows = [means @ rng.normal(size=(4, 9)) + rng.normal(size=(48, 9)) for _ in range(4)]
    return [space_of(part @ part.T) for part in rows]


def test_carried_one_way_is_as_carried_both_ways(design, spaces):
    pairs = [(spaces[0], spaces[1]), (spaces[2], spaces[1])]
    one_way = carried_cosines(pairs, design, SAMPLING, each=each, splits=4)
    both = aligned_cosines(pairs, design, SAMPLING, each=each, splits=4)
    compared = 0
    for result in both:
        if result.mapping == "a_to_b":
            values = one_way[result.pair][design.emotions.index(result.emotion)]
            np.testing.assert_allclose(values[:, 0], result.sampled.splits, atol=1e-10)
            np.testing.assert_allclose(values.mean(0), [result.sampled.value, *result.sampled.groups], atol=1e-10)
            compared += 1
    assert compared == 2 * len(EMOTIONS)


def test_a_gain_is_the_difference_with_paired_replicates(design, spaces):
    a, b, control_a, control_b = spaces
    of_models = aligned([(a, b)], design, SAMPLING, neutral="calm", each=each, splits=4)
    of_controls = [carried_cosines([pair], design, SAMPLING, each=each, splits=4) for pair in ((control_a, b), (control_b, a))]
    gains = {(gain.emotion, gain.mapping): gain for gain in aligned_gains(of_models, of_controls, design.emotions)}
    assert len(gains) == 2 * len(EMOTIONS)
    known = {
        (result.emotion, result.mapping): result.sampled
        for result in of_models
        if result.measure == "aligned_cosine" and result.fit == "ridge"
    }
    rivals = {
        (result.emotion, mapping): result.sampled
        for pair, mapping in (((control_a, b), "a_to_b"), ((control_b, a), "b_to_a"))
        for result in aligned_cosines([pair], design, SAMPLING, each=each, splits=4)
        if result.mapping == "a_to_b"
    }
    for key, gain in gains.items():
        assert (gain.measure, gain.fit) == (GAIN, "ridge")
        assert gain.sampled.value == pytest.approx(known[key].value - rivals[key].value, abs=1e-10)
        np.testing.assert_allclose(gain.sampled.groups, known[key].groups - rivals[key].groups, atol=1e-10)


def test_a_flat_layer_has_no_gain(design, spaces):
    flat = space_of(np.ones((48, 48)))
    assert np.isnan(carried_cosines([(flat, spaces[0])], design, SAMPLING, each=each, splits=2)[0]).all()


def test_a_gain_of_likeness_is_the_difference_over_the_same_topics():
    rng = np.random.default_rng(9)
    labels = Labels([*EMOTIONS, "calm"] * 12, [f"t{i // 4}" for i in range(48)], EMOTIONS, "calm")
    means = np.tile(np.vstack([np.eye(3, 8) * 4 + 2, np.zeros(8)]), (12, 1))
    model, control = (gram(means * size + rng.normal(size=(48, 8))) for size in (1.0, 0.8))
    sampling = Sampling(2, 100, ("likeness",))
    rows = comparisons({0: model, 1: control}, labels, sampling, [0, 1], {"words": control})
    by_key = {(row.layer, row.emotion_a, row.emotion_b, row.measure, row.control): row.statistic for row in rows}
    for a, b in combinations(EMOTIONS, 2):
        of_layers = [by_key[layer, a, b, "cosine_unbiased", None].value for layer in (0, 1)]
        gains = [by_key[layer, a, b, "cosine_gain", "words"] for layer in (0, 1, None)]
        assert gains[0].value == pytest.approx(of_layers[0] - of_layers[1])
        assert gains[0].interval.low < gains[0].value < gains[0].interval.high
        # the control's own layer: nothing is left of it in any drawn topics
        assert (gains[1].value, *gains[1].interval) == (0, 0, 0)
        assert gains[2].value == pytest.approx(gains[0].value / 2)
        assert gains[0].null.mean == 0 and gains[0].null.p_value is None
