"""Comparisons of labels by batches are those of inner products of all prompts; the normal limit is what permutations tend to."""

import numpy as np
import pytest
from scipy.stats import kstest
from worlds import world

from emotion_cli.measures.gram import gram
from emotion_cli.measures.inference.resampling import units_of
from emotion_cli.measures.inference.sampling import Sampling
from emotion_cli.measures.inference.statistic import Statistic
from emotion_cli.measures.streamed import comparisons as streamed
from emotion_cli.measures.streamed import limits, products, rows, scatter
from emotion_cli.measures.within.likeness import comparisons, permuted_cosines

KINDS = ("complete", "ragged", "none", "mixed", "clustered")


def _numbers(statistic: Statistic) -> np.ndarray:
    null = statistic.null
    values = (statistic.value, *statistic.interval, null.mean, null.low, null.high, null.p_value, statistic.n, null.n_draws)
    return np.array([np.nan if value is None else value for value in values], float)


def _streamed(layers, labels, sampling, averaged, controls=None):
    units = units_of(labels.topics, labels.clusters)
    controls = {kind: rows.ArrayRows(part, units) for kind, part in (controls or {}).items()}
    measured = streamed.LayerComparisons(streamed.Compared(labels, sampling), averaged, controls)
    made = [row for number, part in layers.items() for row in measured.layer(number, rows.ArrayRows(part, units))]
    return [*made, *measured.means()]


@pytest.mark.parametrize("reference", ["neutral", "others"])
@pytest.mark.parametrize("kind", KINDS)
def test_all_rows_are_those_of_all_inner_products(kind, reference, monkeypatch):
    monkeypatch.setattr(rows, "BATCH_BYTES", 8 * 24 * 30)
    monkeypatch.setattr(products, "SUMS_BYTES", 4 * 4 * 24 * 20)
    monkeypatch.setattr(products, "DENSE_BYTES", 4 * 4 * 24 * 3)
    sampling = Sampling(3, 60, ("set",))
    made = world(11, kind=kind, reference=reference, labels=5)
    other = world(11, kind=kind, labels=5, effect=0.2).rows
    flat = np.tile(made.rows[:1], (len(made.rows), 1))
    layers = {0: flat, 1: made.rows, 2: made.rows[:, ::-1] + other}
    control = other + made.rows
    expected = comparisons(
        {layer: gram(part) for layer, part in layers.items()}, made.labels, sampling, {0, 1, 2}, {"words": gram(control)}
    )
    found = _streamed(layers, made.labels, sampling, {0, 1, 2}, {"words": control})

    def key(row):
        return (row.measure, row.emotion_a, row.emotion_b, -1 if row.layer is None else row.layer, row.control or "")

    assert sorted(map(key, found)) == sorted(map(key, expected))
    by_key = {key(row): row.statistic for row in found}
    for row in expected:
        statistic = by_key[key(row)]
        assert statistic.null.kind == row.statistic.null.kind
        np.testing.assert_allclose(_numbers(statistic), _numbers(row.statistic), rtol=2e-4, atol=2e-5, err_msg=str(key(row)))
        if row.statistic.value is not None:
            assert statistic.value == pytest.approx(row.statistic.value, rel=1e-6, abs=1e-6)


def _normal(made, reference, sampling, monkeypatch):
    monkeypatch.setattr(streamed, "MOST_ROWS", 0)
    compared = streamed.Compared(made.labels, sampling)
    units = units_of(made.labels.topics, made.labels.clusters)
    centred = streamed._about_mean(rows.ArrayRows(made.rows, units), compared)
    means = np.zeros((len(compared.names), made.rows.shape[1]))
    return streamed._permuted(centred, compared, compared.mixtures, means, np.zeros(len(compared.emotions)), "cosine")[1:]


@pytest.mark.parametrize("reference", ["neutral", "others"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_normal_limit_is_what_permutations_give(kind, reference, monkeypatch):
    # 20 seeds, fixed before the first run
    agreed = 0
    for seed in range(20):
        made = world(100 + seed, topics=250, labels=4, width=24, kind=kind, reference=reference)
        sampling = Sampling(seed, 400, ("set",))
        pair = ("label 000", "label 001")
        permuted = permuted_cosines([gram(made.rows)], made.labels, pair, sampling.about("cosine", reference)).values[0, 1:]
        drawn = _normal(made, reference, sampling, monkeypatch)[:, 0]
        agreed += kstest(permuted, drawn).pvalue > 0.01
    assert agreed >= 19


def test_a_scatter_that_is_not_centred_by_topic_is_caught(monkeypatch):
    # the same test fails where topics count as noise
    agreed = 0
    for seed in range(20):
        made = world(100 + seed, topics=250, labels=4, width=24, of_topics=3)
        sampling = Sampling(seed, 400, ("set",))
        pair = ("label 000", "label 001")
        permuted = permuted_cosines([gram(made.rows)], made.labels, pair, sampling.about("cosine", "neutral")).values[0, 1:]
        monkeypatch.setattr(
            streamed, "groups_of", lambda codes, topics, clusters: scatter.groups_of(codes, [None] * len(topics), clusters)
        )
        agreed += kstest(permuted, _normal(made, "neutral", sampling, monkeypatch)[:, 0]).pvalue > 0.01
    assert agreed < 10


def test_more_labels_or_prompts_are_large():
    assert not limits.is_large(4_000, 20)
    assert limits.is_large(4_001, 2)
    assert limits.is_large(100, 21)
