"""Distances between labels of two models: unbiased, compared with orders of labels, beside a ceiling."""

import numpy as np
import pytest

from emotion_cli.measures.between.dissimilarity import (
    dissimilarities,
    dissimilarity_ceilings,
    distances,
    halves_of,
    orders_of,
)
from emotion_cli.measures.between.space import space_of
from emotion_cli.measures.inference.relabelling import design_of
from emotion_cli.measures.inference.sampling import Sampling
from emotion_cli.measures.labels import Labels

LABELS = ("anger", "awe", "calm", "joy", "pride", "shame")
TOPICS, WIDTH = 20, 30
SAMPLING = Sampling(0, 200, ("d",))


def each(work, numbers):
    for number in numbers:
        work(number)


def design(labels=LABELS):
    names = [f"t{i // len(labels):02d}" for i in range(TOPICS * len(labels))]
    return design_of(Labels(labels * TOPICS, names, labels[:-1], labels[-1]))


def rows_of(rng, means):
    return (means + rng.normal(size=(TOPICS, *means.shape))).reshape(-1, means.shape[1])


def space(rows):
    return space_of(rows @ rows.T)


def plain_distances(rows, blocks):
    """Mean over pairs of topics of the product of differences, in plain numpy."""
    shaped = ((rows - rows.mean(0)) / np.sqrt(((rows - rows.mean(0)) ** 2).sum(1).mean())).reshape(TOPICS, len(LABELS), -1)
    found = np.zeros((len(LABELS), len(LABELS)))
    for a in range(len(LABELS)):
        for b in range(len(LABELS)):
            difference = shaped[blocks, a] - shaped[blocks, b]
            products = difference @ difference.T
            found[a, b] = (products.sum() - np.trace(products)) / (len(blocks) * (len(blocks) - 1))
    return found


def test_distances_are_products_over_different_topics():
    rows = rows_of(np.random.default_rng(0), np.random.default_rng(1).normal(size=(len(LABELS), WIDTH)))
    members = halves_of(design(), SAMPLING)[:2]
    found = distances(space(rows), design(), members)
    for of_set, which in zip(found, members, strict=True):
        np.testing.assert_allclose(of_set, plain_distances(rows, np.flatnonzero(which)), atol=1e-10)
    # labels that do not differ have distance 0 but for noise, which plain distances do not
    nothing = [distances(space(rows_of(np.random.default_rng(i), np.zeros((6, WIDTH)))), design(), members)[0] for i in range(40)]
    above = np.array(nothing)[:, *np.triu_indices(6, 1)]
    assert abs(above.mean()) < 3 * above.mean(1).std() / np.sqrt(40)


def test_the_similarity_follows_from_the_distances():
    rng = np.random.default_rng(2)
    x, y = (rows_of(rng, rng.normal(size=(len(LABELS), WIDTH))) for _ in range(2))
    (found,) = dissimilarities([(space(x), space(y))], design(), SAMPLING, each=each)
    upper = np.triu_indices(len(LABELS), 1)
    values, moved = [], []
    order = orders_of(len(LABELS), SAMPLING)[1]
    for half in halves_of(design(), SAMPLING):
        for blocks_x, blocks_y in ((half, ~half), (~half, half)):
            a, b = plain_distances(x, np.flatnonzero(blocks_x)), plain_distances(y, np.flatnonzero(blocks_y))
            values.append(np.corrcoef(a[upper], b[upper])[0, 1])
            moved.append(np.corrcoef(a[upper], b[order][:, order][upper])[0, 1])
    assert found.sampled.value == pytest.approx(np.mean(values))
    assert found.sampled.draws[0] == pytest.approx(np.mean(moved))
    assert len(found.sampled.draws) == 200 and len(found.sampled.groups) == TOPICS


def test_all_orders_of_few_labels_are_taken():
    five = ("anger", "awe", "calm", "joy", "shame")
    rng = np.random.default_rng(3)
    rows = rows_of(rng, rng.normal(size=(5, WIDTH)))
    (found,) = dissimilarities([(space(rows), space(rows))], design(five), SAMPLING, each=each)
    assert len(found.sampled.draws) == 119
    # the true order is one of the 120
    as_good = np.sum(found.sampled.draws >= found.sampled.value)
    assert as_good < 3 and found.sampled.statistic(TOPICS).null.p_value == pytest.approx((1 + as_good) / 120)


def test_four_labels_have_no_similarity():
    four = LABELS[:4]
    rows = rows_of(np.random.default_rng(4), np.zeros((4, WIDTH)))
    assert dissimilarities([(space(rows), space(rows))], design(four), SAMPLING, each=each) == []


def test_a_turned_copy_reaches_the_ceiling_and_other_labels_do_not():
    rng = np.random.default_rng(5)
    near, inverted, beyond = [], [], []
    for _ in range(15):
        means = 0.7 * rng.normal(size=(len(LABELS), WIDTH))
        turn = np.linalg.qr(rng.normal(size=(WIDTH, WIDTH)))[0]
        x, same, other = (rows_of(rng, part) for part in (means, means @ turn, 0.7 * rng.normal(size=means.shape)))
        (ceiling,) = dissimilarity_ceilings([space(x)], design(), SAMPLING, each=each)
        alike, unlike = dissimilarities([(space(x), space(same)), (space(x), space(other))], design(), SAMPLING, each=each)
        assert ceiling.measure == "rdm_ceiling" and alike.measure == "rdm_similarity"
        near.append(alike.sampled.value - ceiling.sampled.value)
        beyond.append(alike.sampled.statistic(TOPICS).null.p_value < 0.05)
        inverted.append(unlike.sampled.statistic(TOPICS).null.p_value < 0.05)
    assert abs(np.mean(near)) < 0.1
    assert np.mean(beyond) > 0.8 and np.mean(inverted) < 0.3
