"""Debiased CKA from products of width by width is that of inner products of all prompts."""

import numpy as np
import pytest

from emotion_cli.measures.between.geometry import MEASURES as GEOMETRIES
from emotion_cli.measures.between.geometry import Matrices, cka, correlations_of, geometries, hsic_pattern
from emotion_cli.measures.between.space import space_of
from emotion_cli.measures.inference.relabelling import kept_without_groups
from emotion_cli.measures.inference.sampling import Sampling
from emotion_cli.measures.streamed import arrangement
from emotion_cli.measures.streamed.rows import ArrayRows


def _two_models(seed, n, shared=2.0):
    rng = np.random.default_rng(seed)
    common = shared * rng.normal(size=(n, 5))
    return [common @ rng.normal(size=(5, width)) + rng.normal(size=(n, width)) + 7 for width in (13, 21)]


def _cka(x, y):
    a, b = (hsic_pattern(rows @ rows.T) for rows in (x, y))
    return (a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum())


@pytest.mark.parametrize("shared", [0.0, 0.3, 2.0])
def test_it_is_that_of_all_inner_products_of_the_shared_prompts(shared, monkeypatch):
    monkeypatch.setattr(arrangement, "BATCH_BYTES", 8 * 21 * 30)
    n, rng = 260, np.random.default_rng(3)
    x, y = _two_models(4, n, shared)
    # the second model has other prompts too, lacks some, and has them in another order
    lacking = rng.choice(n, 40, replace=False)
    order = rng.permutation(np.setdiff1d(np.arange(n), lacking))
    of_b = np.vstack([rng.normal(size=(15, 21)), y[order]])
    places = np.full(n, -1)
    places[order] = 15 + np.arange(len(order))
    units = rng.integers(0, 50, n)
    groups = units % 20
    whole = arrangement.debiased_cka(ArrayRows(x, np.unique(units, return_inverse=True)[1]), ArrayRows(of_b), places, groups)
    kept = places >= 0
    assert whole.value == pytest.approx(_cka(x[kept], y[kept]), rel=1e-9, abs=1e-12)
    present = np.unique(groups[kept])
    assert len(whole.without) == len(present)
    for value, group in zip(whole.without, present, strict=True):
        rest = kept & (groups != group)
        assert value == pytest.approx(_cka(x[rest], y[rest]), rel=1e-9, abs=1e-12)


def test_rows_that_do_not_differ_have_no_arrangement():
    x, y = _two_models(4, 50)
    flat = np.tile(x[:1], (50, 1))
    whole = arrangement.debiased_cka(ArrayRows(flat), ArrayRows(y), np.arange(50), np.arange(50) % 5)
    assert np.isnan(whole.value) and np.isnan(whole.without).all()


def _results(x, y, sampling):
    sides = [{0: Matrices(space_of(rows @ rows.T).gram, correlations_of(rows))} for rows in (x, y)]
    units = np.arange(len(x))
    groups = kept_without_groups(units, sampling)
    measure = next(measure for measure in GEOMETRIES if measure.run is cka)
    (result,) = geometries(
        measure, *sides, [(0, 0)], groups, sampling, lambda work, numbers: [*map(work, numbers)], rows=units[:, None]
    )
    return result.sampled


def test_the_null_of_a_sample_brought_to_all_prompts_is_as_wide_as_theirs():
    # 10 seeds, fixed before the first run; a quarter of the prompts: without the factor the null is 4 times as wide
    ratios = []
    for seed in range(10):
        x, y = _two_models(50 + seed, 600, shared=1.0)
        sampling = Sampling(seed, 300, ("set",))
        chosen = np.random.default_rng(seed).choice(600, 150, replace=False)
        of_sample = _results(x[chosen], y[chosen], sampling).draws * (150 / 600)
        ratios.append(
            np.ptp(np.quantile(of_sample, [0.05, 0.95])) / np.ptp(np.quantile(_results(x, y, sampling).draws, [0.05, 0.95]))
        )
    assert np.mean(ratios) == pytest.approx(1, abs=0.12)


def test_products_of_prompts_with_themselves_that_count_are_caught(monkeypatch):
    x, y = _two_models(4, 60, shared=0.0)
    everyone, groups = np.arange(60), np.arange(60) % 5
    whole = arrangement.debiased_cka(ArrayRows(x), ArrayRows(y), everyone, groups)
    assert whole.value == pytest.approx(_cka(x, y), rel=1e-9, abs=1e-12)
    monkeypatch.setattr(arrangement._Sums, "hsic", lambda sums: float(np.vdot(sums.outer, sums.outer)))
    assert arrangement.debiased_cka(ArrayRows(x), ArrayRows(y), everyone, groups).value > whole.value + 0.1
