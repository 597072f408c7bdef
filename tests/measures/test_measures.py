"""Directions, nulls and cosines against small oracles and simulations."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotion_cli.measures.between.cosine import raw_cosine
from emotion_cli.measures.directions import directions
from emotion_cli.measures.gram import gram
from emotion_cli.measures.inference.exchange import Exchange
from emotion_cli.measures.inference.sampling import Sampling, generator
from emotion_cli.measures.inference.statistic import Tail, null_of
from emotion_cli.measures.labels import OTHERS, Labels
from emotion_cli.measures.within.likeness import comparisons

EMOTIONS = ["joy", "rage", "shame"]


def sample(rng, topics=12, width=20, shift=0.0):
    labels = [label for _ in range(topics) for label in ("calm", *EMOTIONS)]
    blocks = [f"topic-{i // 4}" for i in range(len(labels))]
    rows = rng.normal(size=(len(labels), width))
    for i, label in enumerate(labels):
        rows[i, ("calm", *EMOTIONS).index(label)] += shift * (label != "calm")
    return rows, labels, blocks


@given(st.integers(0, 10_000))
def test_mean_difference_is_the_difference_of_means(seed):
    rows, labels, _ = sample(np.random.default_rng(seed), topics=3, width=5)
    names = np.array(labels)
    for direction in directions(rows, Labels(labels, [], EMOTIONS, "calm")):
        expected = rows[names == direction.emotion].mean(0) - rows[names == "calm"].mean(0)
        np.testing.assert_allclose(direction.vector, expected, atol=1e-12)
        assert direction.l1_norm == pytest.approx(np.abs(expected).sum())
        assert direction.l2_norm == pytest.approx(np.linalg.norm(expected))
        lengths = np.linalg.norm(rows[names == "calm"], axis=1)
        assert direction.relative_norm == pytest.approx(np.linalg.norm(expected) / lengths.mean())
        assert (direction.n_emotion, direction.n_reference) == (3, 3)
    for direction in directions(rows, Labels(labels, [], EMOTIONS, OTHERS)):
        others = [rows[names == other].mean(0) for other in EMOTIONS if other != direction.emotion]
        np.testing.assert_allclose(direction.vector, rows[names == direction.emotion].mean(0) - np.mean(others, 0), atol=1e-12)
        assert direction.n_reference == 6


def test_the_mean_is_taken_in_double_precision():
    rows = np.full((4, 3), 2.0**24, np.float32)
    rows[1] += 2  # lost when summed in float32
    (direction,) = directions(rows, Labels(["a", "a", "r", "r"], [], ["a"], "r"))
    np.testing.assert_array_equal(direction.vector, [1, 1, 1])


@given(st.lists(st.sampled_from(["a", "b", "c", None]), min_size=1, max_size=30), st.integers(0, 99))
def test_permutations_stay_within_blocks(blocks, seed):
    # labels that all differ, so that no permutation stands for another
    permuted = Exchange(np.arange(len(blocks)), blocks).orders(5, np.random.default_rng(seed))
    shared = {block for block in blocks if block is not None and blocks.count(block) > 1}
    for draw in permuted:
        assert sorted(draw) == list(range(len(blocks)))
        for i, j in enumerate(draw):
            assert blocks[i] == blocks[j] or {blocks[i], blocks[j]}.isdisjoint(shared)


def test_the_generator_depends_on_names_and_seed_only():
    assert generator(0, "a").integers(1 << 60) == generator(0, "a").integers(1 << 60)
    assert len({int(generator(seed, name).integers(1 << 60)) for seed in (0, 1) for name in ("a", "b")}) == 4


def test_p_values_count_the_value_itself_among_the_draws():
    draws = np.arange(1, 100) / 100
    assert null_of(2.0, draws, Tail.BOTH).p_value == pytest.approx(2 / 100)
    assert null_of(0.5, draws, Tail.BOTH).p_value == 1.0
    assert null_of(None, draws, Tail.BOTH).p_value is None
    assert null_of(0.5, np.full(3, np.nan), Tail.BOTH) == (None, None, None, None, 0, "permuted")


def cosines(rows_by_layer, labels, blocks, measure="cosine", *, reference="calm", seed=0, draws=200):
    grams = {layer: gram(rows) for layer, rows in rows_by_layer.items()}
    averaged = [layer for layer in grams if layer > 0]
    found = comparisons(grams, Labels(labels, blocks, EMOTIONS, reference), Sampling(seed, draws, ("test",)), averaged)
    return [one for one in found if one.measure == measure]


@pytest.mark.parametrize("reference", ["calm", OTHERS])
def test_cosines_from_inner_products_equal_cosines_of_vectors(reference):
    rng = np.random.default_rng(0)
    rows, labels, blocks = sample(rng)
    layers = {0: rows, 1: rng.normal(size=rows.shape), 2: rng.normal(size=rows.shape)}
    found = {(one.layer, one.emotion_a, one.emotion_b): one for one in cosines(layers, labels, blocks, reference=reference)}
    assert len(found) == 3 * 4
    for layer, activations in layers.items():
        made = directions(activations, Labels(labels, blocks, EMOTIONS, reference))
        vector = {direction.emotion: direction.vector for direction in made}
        for a, b in (("joy", "rage"), ("joy", "shame"), ("rage", "shame")):
            expected = vector[a] @ vector[b] / np.linalg.norm(vector[a]) / np.linalg.norm(vector[b])
            assert found[layer, a, b].statistic.value == pytest.approx(expected, abs=1e-12)
    if reference == "calm":
        against = cosines(layers, labels, blocks, measure="cosine_others")
        own = cosines(layers, labels, blocks, reference=OTHERS)
        assert [one.statistic for one in against] == [one.statistic for one in own]
    # the mean over layers leaves the embeddings out
    mean = (found[1, "joy", "rage"].statistic.value + found[2, "joy", "rage"].statistic.value) / 2
    assert found[None, "joy", "rage"].statistic.value == pytest.approx(mean)
    assert found[1, "joy", "rage"].statistic.null.n_draws == 200


def test_the_null_draws_equal_directions_of_permuted_labels():
    rng = np.random.default_rng(1)
    rows, labels, blocks = sample(rng, topics=6)
    one = cosines({1: rows}, labels, blocks, draws=50)[0]
    used = [i for i, label in enumerate(labels) if label in ("calm", "joy", "rage")]
    codes = np.array([["calm", "joy", "rage"].index(labels[i]) for i in used])
    exchange = Exchange(codes, [blocks[i] for i in used])
    draws = exchange.orders(50, generator(0, "test", "cosine", "calm", "calm", "joy", "rage"))
    found = []
    for draw in draws:
        shuffled = [labels[used[i]] for i in draw]
        a, b = (d.vector for d in directions(rows[used], Labels(shuffled, [], ["joy", "rage"], "calm")))
        found.append(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
    assert one.statistic.null.mean == pytest.approx(np.mean(found), abs=1e-12)
    assert one.statistic.null.low == pytest.approx(np.quantile(found, 0.025), abs=1e-12)


def test_noise_has_cosine_one_half_and_even_p_values():
    """Labels that mean nothing: the cosine is 0.5, its null is centred there, and p is below 0.05 in about 5 % of cases."""
    rng = np.random.default_rng(2)
    found = []
    for i in range(150):
        rows, labels, blocks = sample(rng, width=40)
        found += cosines({1: rows}, labels, blocks, draws=99, seed=i)[:1]
    assert np.mean([one.statistic.value for one in found]) == pytest.approx(0.5, abs=0.03)
    assert np.mean([one.statistic.null.mean for one in found]) == pytest.approx(0.5, abs=0.03)
    assert 0.0 < np.mean([one.statistic.null.p_value <= 0.05 for one in found]) < 0.11


def test_zero_vectors_have_no_cosine():
    rows, labels, blocks = sample(np.random.default_rng(3))
    rows[:] = rows[0]
    one = cosines({0: rows, 1: rows}, labels, blocks, draws=20)
    assert [c.statistic.value for c in one] == [None] * 9
    assert all(c.statistic.null.p_value is None for c in one)


def test_the_chance_of_a_raw_cosine_is_that_of_random_directions():
    rng = np.random.default_rng(4)
    width = 30
    vectors = rng.normal(size=(4000, width))
    fixed = rng.normal(size=width)
    cosines = vectors @ fixed / np.linalg.norm(vectors, axis=1) / np.linalg.norm(fixed)
    one = raw_cosine(fixed, vectors[0])
    assert one.value == pytest.approx(cosines[0])
    assert (one.null.low, one.null.high) == pytest.approx(np.quantile(cosines, [0.025, 0.975]), abs=0.02)
    assert one.null.p_value == pytest.approx(np.mean(np.abs(cosines) >= abs(cosines[0])), abs=0.03)
    assert raw_cosine(fixed, np.zeros(width)).value is None
    with pytest.raises(ValueError, match="width"):
        raw_cosine(fixed, fixed[1:])
