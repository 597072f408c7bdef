"""The shift of a direction between sets of many prompts is that of all inner products, draw by draw."""

import numpy as np
import pytest
from worlds import world

from emotion_cli.measures.gram import gram
from emotion_cli.measures.inference.resampling import units_of
from emotion_cli.measures.inference.sampling import Sampling
from emotion_cli.measures.streamed import products, rows, shift
from emotion_cli.measures.within.dataset_shift import dataset_shifts

KINDS = ("complete", "ragged", "none", "mixed", "clustered")


class OneForAll(Sampling):
    """The same draws for every direction, as where they share their labels."""

    def generator(self, *names: str) -> np.random.Generator:
        return super().generator(*names[:1])


def _sets(kind: str, reference: str):
    """Prompts of two sets, some of whose topics are in both."""
    made = world(31, kind=kind, reference=reference, topics=60, labels=4, width=20)
    rng = np.random.default_rng(5)
    units = units_of(made.labels.topics, made.labels.clusters)
    side = rng.integers(0, 3, units.max() + 1)[units]
    rest = np.where(side < 2, side == 1, rng.random(len(units)) < 0.5)
    order = np.concatenate([np.flatnonzero(~rest), np.flatnonzero(rest)])
    return made.rows[order], made.labels.of(order), rest[order]


def _shifts(layers, labels, rest, sampling):
    units = units_of(labels.topics, labels.clusters)
    measured = shift.LayerShifts(labels, rest, sampling, {*layers})
    n_first = int((~rest).sum())
    for layer, part in layers.items():
        # each set is stored in another order
        stored = [np.random.default_rng(i).permutation(n) for i, n in enumerate((n_first, int(rest.sum())))]
        first, second = rows.ArrayRows(part[:n_first][stored[0]]), rows.ArrayRows(part[n_first:][stored[1]])
        parts = [(first, np.argsort(stored[0])), (second, np.argsort(stored[1]))]
        measured.layer(layer, rows.JoinedRows(parts, units))
    return {(row.emotion, row.layer): row.statistic for row in measured.rows()}


def _numbers(statistic) -> np.ndarray:
    null = statistic.null
    values = (statistic.value, *statistic.interval, null.mean, null.low, null.high, null.p_value, statistic.n, null.n_draws)
    return np.array([np.nan if value is None else value for value in values], float)


@pytest.mark.parametrize("reference", ["neutral", "others"])
@pytest.mark.parametrize("kind", KINDS)
def test_all_rows_are_those_of_all_inner_products(kind, reference, monkeypatch):
    monkeypatch.setattr(rows, "BATCH_BYTES", 8 * 20 * 30)
    for name in ("SUMS_BYTES", "DENSE_BYTES"):
        monkeypatch.setattr(shift, name, 8 * 4 * 20 * 5)
        monkeypatch.setattr(products, name, 4 * 4 * 20 * 7)
    monkeypatch.setattr(shift, "CHUNK", 700)
    part, labels, rest = _sets(kind, reference)
    layers = {0: np.tile(part[:1], (len(part), 1)), 1: part, 2: part[:, ::-1] ** 3}
    sampling = (Sampling if reference == "neutral" else OneForAll)(3, 60, ("a", "b"))
    expected = dataset_shifts({layer: gram(of_layer) for layer, of_layer in layers.items()}, labels, rest, sampling, {0, 1, 2})
    found = _shifts(layers, labels, rest, sampling)
    assert found.keys() == {(row.emotion, row.layer) for row in expected}
    for row in expected:
        statistic = found[row.emotion, row.layer]
        assert statistic.null.kind == row.statistic.null.kind
        numbers = _numbers(statistic), _numbers(row.statistic)
        np.testing.assert_allclose(*numbers, rtol=2e-4, atol=2e-5, err_msg=f"{row.emotion} {row.layer}")
        if row.statistic.value is not None:
            assert statistic.value == pytest.approx(row.statistic.value, rel=1e-6, abs=1e-6)


def test_pairs_within_a_topic_that_count_are_caught(monkeypatch):
    part, labels, rest = _sets("complete", "neutral")
    sampling = Sampling(3, 5, ("a", "b"))
    expected = {row.emotion: row.statistic.value for row in dataset_shifts({1: gram(part)}, labels, rest, sampling, {1})}
    dense = shift._dense
    monkeypatch.setattr(shift, "_dense", lambda *given: (0 * (made := dense(*given))[0], made[1]))
    found = _shifts({1: part}, labels, rest, sampling)
    assert not any(found[emotion, 1].value == pytest.approx(value, abs=1e-3) for emotion, value in expected.items())
