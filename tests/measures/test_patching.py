"""Statistics of carried states against short oracles, and in worlds whose truth is known."""

from itertools import product

import numpy as np
import pytest

from emotion_cli.measures.causal.patching import TOPIC_SIGNS, Topics, agreement, beside_directions, beside_signs, share
from emotion_cli.measures.inference.sampling import Sampling
from emotion_cli.measures.inference.statistic import GAUSSIAN, TOO_FEW
from emotion_cli.measures.inference.statistic import Test as NullTest


def topics_of(n, seed=0, draws=400, clusters=None):
    return Topics([f"topic {i}" for i in range(n)], clusters, Sampling(seed, draws, ("world",)))


def test_p_is_that_of_all_sign_flips():
    values = np.random.default_rng(1).normal(0.5, 1, size=8)
    (statistic,) = beside_signs(values[None], topics_of(8, draws=20000))
    means = np.array([np.mean(np.array(signs) * values) for signs in product((-1, 1), repeat=8)])
    assert statistic.value == pytest.approx(values.mean()) and statistic.null.kind == TOPIC_SIGNS
    assert statistic.null.p_value == pytest.approx(np.mean(means >= values.mean() - 1e-12), abs=0.012)
    assert statistic.null.high == pytest.approx(np.quantile(means, 0.975), abs=0.03)


def test_topics_of_a_cluster_are_flipped_together():
    values = np.repeat(np.random.default_rng(1).normal(size=6), 5)
    clusters = [f"writer {i // 5}" for i in range(30)]
    (alone,) = beside_signs(values[None], topics_of(30))
    (together,) = beside_signs(values[None], topics_of(30, clusters=clusters))
    assert together.n == 6 and together.null.high > 1.5 * alone.null.high


def test_few_topics_give_no_p():
    (statistic,) = beside_signs(np.ones((1, 4)), topics_of(4))
    assert statistic.null.p_value is None and statistic.null.kind == TOO_FEW


def test_a_cell_is_compared_with_the_largest_of_all():
    chance = np.random.default_rng(2)
    values = np.vstack([chance.normal(0.9, 1, size=12), 1e-3 * chance.normal(size=(40, 12)), np.zeros((1, 12))])
    (alone,) = beside_signs(values[:1], topics_of(12))
    among = beside_signs(values, topics_of(12))
    assert alone.null.p_value < among[0].null.p_value < 1
    assert among[-1].null.p_value == 1.0 and among[-1].value == 0.0


def test_shares_are_ratios_of_means_and_null_without_a_whole():
    chance = np.random.default_rng(3)
    total = chance.normal(2, 0.5, size=20)
    found = share(0.25 * total, total, topics_of(20))
    assert found.value == pytest.approx(0.25) and found.interval.low == pytest.approx(0.25)
    part = chance.normal(1, 0.5, size=20)
    found = share(part, total, topics_of(20))
    assert found.value == pytest.approx(part.mean() / total.mean()) and found.interval.low < found.value < found.interval.high
    assert share(part, total - total.mean(), topics_of(20)).value is None


def test_other_directions_are_the_null_that_is_given():
    draws = np.random.default_rng(4).normal(size=(199, 2))
    found = beside_directions(np.array([[3.0] * 6, [0.0] * 6]), draws, topics_of(6), NullTest(GAUSSIAN))
    assert found[0].null.p_value == pytest.approx(1 / 200, abs=0.011) and found[1].null.p_value > 0.4


def test_agreement_is_correlation_and_slope():
    guessed = np.array([0.0, 1.0, 2.0, 3.0])
    assert agreement(0.5 * guessed + 1, guessed) == pytest.approx((1.0, 0.5))
    assert agreement(guessed[:2], guessed[:2]) == (None, None) and agreement(guessed, 0 * guessed) == (None, None)


def shares_of_worlds(own=0.0, any_donor=0.0, other_topic=0.0, worlds=200):
    """Share of 200 worlds, 16 topics and 5 cells, in which an effect, one beyond the neutral donor, and both are found."""
    found = []
    for world in range(worlds):
        chance, topics = np.random.default_rng(world), topics_of(16, world)
        seen = own + any_donor + chance.normal(size=(5, 16))
        neutral = any_donor + other_topic + chance.normal(size=(5, 16))
        effect, beyond = (
            np.array([statistic.null.p_value for statistic in beside_signs(values, topics)]) for values in (seen, seen - neutral)
        )
        found.append([p.min() < 0.05 for p in (effect, beyond, np.maximum(effect, beyond))])
    return np.mean(found, axis=0)


def test_an_effect_is_found_where_the_emotion_makes_it():
    """Chance, what any donor does, and what a donor of another topic does: a verdict needs the effect and what is beyond."""
    assert shares_of_worlds().max() <= 0.09
    alone, beyond, both = shares_of_worlds(any_donor=2.0)
    assert alone >= 0.9 and max(beyond, both) <= 0.09
    alone, beyond, both = shares_of_worlds(other_topic=-2.0)
    assert beyond >= 0.9 and max(alone, both) <= 0.09
    assert shares_of_worlds(own=2.0).min() >= 0.9
