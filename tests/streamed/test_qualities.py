"""Quality of directions by batches: values are those of inner products of all prompts, nulls and intervals agree."""

import tracemalloc

import numpy as np
import pytest
from worlds import world

from emotion_cli.measures.gram import gram
from emotion_cli.measures.inference.resampling import units_of
from emotion_cli.measures.inference.sampling import Sampling
from emotion_cli.measures.streamed import preparing, products, qualities, rows, samples
from emotion_cli.measures.streamed.classified import LayerClassifiers
from emotion_cli.measures.streamed.inputs import Inputs
from emotion_cli.measures.streamed.limits import PERMUTED_SAMPLE
from emotion_cli.measures.whitening import whitened
from emotion_cli.measures.within import quality
from emotion_cli.measures.within.bag_of_words import Texts
from emotion_cli.measures.within.separability import HeldOut

KINDS = ("complete", "ragged", "none", "clustered")
EXACT = {"auroc", "d_prime", "split_half", "squared_distance", "centroid_accuracy", "auroc_best", "auroc_random", "auroc_heldout"}


def _measured(kind, reference, sampling, *, whitens=False, topics=40, effect=1.0, monkeypatch=None):
    made = world(21, kind=kind, reference=reference, labels=4, topics=topics, effect=effect, width=20)
    test = world(22, kind="complete", reference=reference, labels=4, topics=10, width=20)
    layers = {1: made.rows, 2: made.rows[:, ::-1] + 1}
    of_tests = {1: test.rows, 2: test.rows[:, ::-1] + 1}
    n = len(made.rows)
    held_out = HeldOut("test", np.arange(n, n + len(test.rows)), test.labels.labels, test.labels.topics)
    gaussian = np.random.default_rng(0).normal(size=(20, sampling.draws))
    grams = {layer: gram(np.vstack([part, of_tests[layer]]), n, gaussian) for layer, part in layers.items()}
    if whitens:
        grams = {layer: whitened(part, n, 20) for layer, part in grams.items()}
    measures = quality.OF_A_READING if whitens else quality.OF_A_DIRECTION
    expected = quality.qualities(quality.Material(grams, made.labels, sampling, {1, 2}, held_out=[held_out]), measures)
    measured = qualities.LayerQualities(Inputs(made.labels, sampling, {1, 2}, held_out=[held_out], is_reading=whitens))
    units = units_of(made.labels.topics, made.labels.clusters)
    for layer, part in layers.items():
        read = rows.ArrayRows(part, units)
        read = preparing.whitened(read) if whitens else read
        measured.layer(layer, read, [rows.ArrayRows(of_tests[layer]).mapped(read.changed)], gaussian)
    return {_key(row): row for row in measured.rows()}, {_key(row): row for row in expected}


def _with_texts(reference, sampling, *, classifies=False):
    """Rows by batches and of all inner products, of prompts with texts, a control and a test set with texts."""
    sets = [
        world(seed, reference=reference, labels=4, topics=topics, width=20, effect=0.3) for seed, topics in ((31, 40), (32, 12))
    ]
    rng = np.random.default_rng(7)
    vocabulary = np.array([f"word{i}" for i in range(30)])
    made, test = sets
    texts = []
    for part in sets:
        own = [f"{label[-1]}{i}" for label, i in zip(part.labels.labels, rng.integers(0, 3, len(part.rows)), strict=True)]
        words = [(*rng.choice(vocabulary, 4).tolist(), *([word] * bool(rng.random() < 0.5))) for word in own]
        texts.append(Texts(tuple(map(" ".join, words)), tuple(words)))
    control = np.random.default_rng(8).normal(size=made.rows.shape) + made.rows
    n = len(made.rows)
    held_out = HeldOut("test", np.arange(n, n + len(test.rows)), test.labels.labels, test.labels.topics, texts[1])
    layers = {1: made.rows, 2: made.rows[:, ::-1] + 1}
    of_tests = {1: test.rows, 2: test.rows[:, ::-1] + 1}
    grams = {layer: gram(np.vstack([part, of_tests[layer]]), n) for layer, part in layers.items()}
    measures = quality.OF_A_CLASSIFIER if classifies else quality.OF_A_DIRECTION
    material = quality.Material(
        grams, made.labels, sampling, {1, 2}, None, [held_out], texts[0], {} if classifies else {"bag": gram(control)}
    )
    units = units_of(made.labels.topics, made.labels.clusters)
    controls = {} if classifies else {"bag": rows.ArrayRows(control, units)}
    inputs = Inputs(made.labels, sampling, {1, 2}, None, None if classifies else texts[0], [held_out], controls=controls)
    measured = LayerClassifiers(inputs) if classifies else qualities.LayerQualities(inputs)
    for layer, part in layers.items():
        measured.layer(layer, rows.ArrayRows(part, units), [rows.ArrayRows(of_tests[layer])])
    return {_key(row): row for row in measured.rows()}, {_key(row): row for row in quality.qualities(material, measures)}


def _numbers(statistic):
    null = statistic.null
    values = (statistic.value, *statistic.interval, null.mean, null.low, null.high, null.p_value, statistic.n, null.n_draws)
    return np.array([np.nan if value is None else value for value in values], float)


def _key(row):
    return row.emotion, row.layer, row.measure, row.test_set, row.control


@pytest.mark.parametrize("whitens", [False, True])
@pytest.mark.parametrize("reference", ["neutral", "others"])
@pytest.mark.parametrize("kind", KINDS)
def test_values_are_those_of_all_inner_products(kind, reference, whitens, monkeypatch):
    monkeypatch.setattr(rows, "BATCH_BYTES", 8 * 20 * 30)
    monkeypatch.setattr(products, "SUMS_BYTES", 4 * 4 * 20 * 20)
    found, expected = _measured(kind, reference, Sampling(3, 40, ("set",)), whitens=whitens)
    assert set(found) == set(expected)
    assert {measure for _, _, measure, _, _ in found} == EXACT - ({"squared_distance"} if whitens else set())
    for key, row in expected.items():
        value = row.statistic.value
        assert found[key].statistic.value == (None if value is None else pytest.approx(value, rel=1e-6, abs=1e-6)), key


NULL_FROM_A_SAMPLE = {"auroc", "auroc_best", "d_prime", "split_half", "centroid_accuracy"}
SAMPLED = {"auroc_gain", "auroc_gain_heldout", "auroc_words", "auroc_words_heldout"}


@pytest.mark.parametrize("reference", ["neutral", "others"])
def test_where_samples_hold_all_prompts_nulls_and_rivals_are_those_of_today(reference, monkeypatch):
    monkeypatch.setattr(samples, "CENTROID_DRAWS", 1000)
    monkeypatch.setattr(rows, "BATCH_BYTES", 8 * 20 * 30)
    found, expected = _with_texts(reference, Sampling(3, 60, ("set",)))
    assert set(found) == set(expected)
    assert {key[2] for key in found} >= NULL_FROM_A_SAMPLE | SAMPLED
    for key, row in expected.items():
        of_found, of_expected = _numbers(found[key].statistic), _numbers(row.statistic)
        # intervals of directions are those of a first-order change
        same = slice(None) if key[2] in SAMPLED | {"auroc_heldout", "centroid_accuracy"} else np.r_[0, 3:9]
        np.testing.assert_allclose(of_found[same], of_expected[same], rtol=1e-6, atol=1e-6, err_msg=str(key))
        assert (found[key].statistic.n_sampled is not None) == (key[2] in SAMPLED), key


@pytest.mark.parametrize("reference", ["neutral", "others"])
def test_where_the_sample_holds_all_prompts_the_classifier_is_that_of_today(reference, monkeypatch):
    monkeypatch.setattr(rows, "BATCH_BYTES", 8 * 20 * 30)
    found, expected = _with_texts(reference, Sampling(3, 60, ("set",)), classifies=True)
    assert set(found) == set(expected) and {key[2] for key in found} == {"auroc", "auroc_heldout"}
    for key, row in expected.items():
        np.testing.assert_allclose(_numbers(found[key].statistic), _numbers(row.statistic), rtol=1e-6, atol=1e-6)


def test_a_test_set_of_many_prompts_needs_no_inner_products_of_all(monkeypatch):
    # 6,000 prompts of a test set: their inner products alone would fill 288 MB
    made = world(41, labels=3, topics=30, width=8)
    test = world(42, labels=3, topics=2_000, width=8)
    held_out = HeldOut("test", np.arange(len(test.rows)), test.labels.labels, test.labels.topics)
    inputs = Inputs(made.labels, Sampling(1, 20, ("set",)), {1}, held_out=[held_out])
    for measured in (qualities.LayerQualities(inputs), LayerClassifiers(inputs)):
        tracemalloc.start()
        measured.layer(1, rows.ArrayRows(made.rows), [rows.ArrayRows(test.rows)])
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 8 * len(test.rows) ** 2 / 4
        assert {row.measure for row in measured.rows()} >= {"auroc", "auroc_heldout"}


@pytest.mark.parametrize("reference", ["neutral", "others"])
@pytest.mark.parametrize("kind", ["complete", "none"])
def test_intervals_and_nulls_agree_with_those_of_all_prompts(kind, reference):
    # 1,000 draws; sizes fixed before the first run
    found, expected = _measured(kind, reference, Sampling(5, 1000, ("set",)), topics=120, effect=0.15)
    for key, row in expected.items():
        _, layer, measure, _, _ = key
        if layer is None or measure in ("auroc_best", "auroc_heldout"):
            continue
        statistic, other = found[key].statistic, row.statistic
        if other.interval.low is not None and measure != "squared_distance":
            widths = [float(np.ptp(np.array(part.interval, float))) for part in (statistic, other)]
            assert widths[0] == pytest.approx(widths[1], rel=0.15), key
            assert statistic.interval.low == pytest.approx(other.interval.low, abs=0.2 * widths[1]), key
        if measure in ("auroc", "d_prime", "split_half", "centroid_accuracy"):
            assert statistic.null.kind == PERMUTED_SAMPLE
            widths = [part.null.high - part.null.low for part in (statistic, other)]
            assert widths[0] == pytest.approx(widths[1], rel=0.35 if measure == "centroid_accuracy" else 0.2), key
            assert statistic.null.mean == pytest.approx(other.null.mean, abs=0.15 * widths[1]), key


def test_draws_of_a_sample_have_the_spread_of_those_of_all_prompts(monkeypatch):
    # a third of the prompts: without the factor the null would be 1.7 times as wide
    monkeypatch.setattr(qualities, "OF_NULL", samples.Size(80, 4))
    for kind in ("complete", "none"):
        found, expected = _measured(kind, "neutral", Sampling(5, 1000, ("set",)), topics=120, effect=0.15)
        ratios = {"auroc": [], "d_prime": []}
        for key, row in expected.items():
            if key[1] is not None and key[2] in ratios:
                null, other = found[key].statistic.null, row.statistic.null
                ratios[key[2]].append((null.high - null.low) / (other.high - other.low))
        for measure, of_measure in ratios.items():
            assert np.mean(of_measure) == pytest.approx(1, abs=0.12), (kind, measure)
