"""Stages whose statistics are streamed write the rows of those that hold all inner products."""

from pathlib import Path

import numpy as np
import pytest
import synthetic

from emotion_cli import pipeline
from emotion_cli.job import comparisons
from emotion_cli.job.extractions import extractions_in_store
from emotion_cli.job.job import Job
from emotion_cli.measures.streamed import limits
from emotion_cli.settings import Settings
from warehouse.store import Store

TOPICS = 24


def _layers() -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    means = {label: rng.normal(size=12) for label in synthetic.LABELS}
    return [synthetic.by_label(means, TOPICS, 12) * layer + rng.normal(size=(4 * TOPICS, 12)) for layer in range(3)]


def _tables(folder: Path, names: tuple[str, ...], stages: tuple[str, ...], **settings) -> dict[str, list[dict]]:
    store = Store(folder)
    synthetic.add_model(store, "made", _layers(), TOPICS)
    chosen = Settings(store=folder, dataset=("synthetic",), draws=50, **settings)
    job = Job(store, chosen, extractions_in_store(store, chosen))
    pipeline.run(job, pipeline.stages(*stages))
    return {name: store.read(name).to_pylist() for name in names}


def _same(found: list[dict], expected: list[dict], keys: tuple[str, ...]) -> None:
    def key(row: dict) -> tuple:
        return tuple(str(row[name]) for name in keys)

    assert sorted(map(key, found)) == sorted(map(key, expected))
    by_key = {key(row): row for row in found}
    for row in expected:
        for name, value in row.items():
            if isinstance(value, list | float):
                np.testing.assert_allclose(by_key[key(row)][name], value, rtol=2e-4, atol=2e-5, err_msg=f"{key(row)} {name}")
            else:
                assert by_key[key(row)][name] == value, (key(row), name)


@pytest.mark.parametrize("reference", ["neutral", "others"])
@pytest.mark.parametrize("method", ["mean_difference", "neutral_pcs_removed", "mean_difference_centred"])
def test_vectors_and_comparisons_are_the_same(tmp_path, method, reference, monkeypatch):
    names = ("vectors", "within_model_statistics")
    settings = {"method": method, "reference": reference, "sources": {"method": "--method"}}
    stages = ("vectors", "compare")
    expected = _tables(tmp_path / "whole", names, stages, **settings)
    monkeypatch.setattr(limits, "MOST_PROMPTS", 0)
    found = _tables(tmp_path / "streamed", names, stages, **settings)
    _same(found["vectors"], expected["vectors"], ("layer", "emotion"))
    keys = ("layer", "emotion_a", "emotion_b", "measure")
    _same(found["within_model_statistics"], expected["within_model_statistics"], keys)


def test_whitened_vectors_are_the_same(tmp_path, monkeypatch):
    settings = {"method": "whitened", "sources": {"method": "--method"}}
    expected = _tables(tmp_path / "whole", ("vectors",), ("vectors", "vectors"), **settings)
    monkeypatch.setattr(limits, "MOST_PROMPTS", 0)
    found = _tables(tmp_path / "streamed", ("vectors",), ("vectors", "vectors"), **settings)
    _same(found["vectors"], expected["vectors"], ("layer", "emotion"))


SAMPLED = ("auroc_words", "auroc_surface", "auroc_gain")
"""Measures that are made on a sample."""


def test_quality_has_the_same_rows_and_values(tmp_path, monkeypatch):
    names, stages = ("vector_quality",), ("vectors", "quality")
    expected = _tables(tmp_path / "whole", names, stages)["vector_quality"]
    monkeypatch.setattr(limits, "MOST_PROMPTS", 0)
    found = _tables(tmp_path / "streamed", names, stages)["vector_quality"]

    def key(row: dict) -> tuple:
        return tuple(str(row[name]) for name in ("method", "emotion", "layer", "measure", "control"))

    assert sorted(map(key, found)) == sorted(map(key, expected))
    assert {row["measure"] for row in found} >= {*SAMPLED, "auroc", "centroid_accuracy"}
    assert {row["method"] for row in found} == {"mean_difference", "whitened", "logistic"}
    by_key = {key(row): row for row in found}
    for row in expected:
        other = by_key[key(row)]
        assert other["value"] == (None if row["value"] is None else pytest.approx(row["value"], rel=1e-6, abs=1e-6)), key(row)
        assert (other["n_sampled"] is not None) == (row["measure"] in SAMPLED or row["method"] == "logistic"), key(row)


def test_models_are_compared_over_a_sample_that_each_row_names(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "MOST_PROMPTS", 0)
    monkeypatch.setattr(comparisons, "MATRICES_BYTES", 16 * 6 * 64**2)
    store = Store(tmp_path)
    layers = _layers()
    for name in ("first", "second", "third"):
        synthetic.add_model(store, name, layers, TOPICS)
    chosen = Settings(store=tmp_path, dataset=("synthetic",), draws=20)
    job = Job(store, chosen, extractions_in_store(store, chosen))
    pipeline.run(job, pipeline.stages("vectors", "compare"))
    of_models = store.read("cross_model_statistics").to_pylist()
    of_all = ("cosine", "cka_debiased")
    assert {row["n_sampled"] for row in of_models if row["measure"] not in of_all} == {48, 72}
    assert {row["n_sampled"] for row in of_models if row["measure"] in of_all} == {None}
    assert {row["null_kind"] for row in of_models if row["measure"] == "cka_debiased"} == {"paired_sample"}
    assert {row["measure"] for row in of_models} >= {"cka_debiased", "rsa", "aligned_cosine", "transfer_auroc"}
    assert all(row["n_sampled"] is not None for row in store.read("consensus_statistics").to_pylist())


def test_cka_is_that_of_all_prompts(tmp_path, monkeypatch):
    def rows_of(folder: Path) -> dict[tuple, dict]:
        store = Store(folder)
        for name, shift in (("first", 0), ("second", 1)):
            synthetic.add_model(store, name, [layer[:, shift:] + shift for layer in _layers()], TOPICS)
        chosen = Settings(store=folder, dataset=("synthetic",), draws=20)
        pipeline.run(Job(store, chosen, extractions_in_store(store, chosen)), pipeline.stages("vectors", "compare"))
        rows = store.read("cross_model_statistics").to_pylist()
        return {(row["layer_a"], row["layer_b"]): row for row in rows if row["measure"] == "cka_debiased"}

    expected = rows_of(tmp_path / "whole")
    monkeypatch.setattr(limits, "MOST_PROMPTS", 0)
    monkeypatch.setattr(comparisons, "MATRICES_BYTES", 16 * 6 * 64**2)
    found = rows_of(tmp_path / "streamed")
    assert found.keys() == expected.keys() and len(found) > 1
    for key, row in expected.items():
        for name in ("value", "ci_low", "ci_high", "n"):
            assert found[key][name] == (None if row[name] is None else pytest.approx(row[name], rel=1e-6, abs=1e-6)), (key, name)


def test_prompts_without_topics_have_cka_and_are_drawn_and_reported(tmp_path):
    values = {}
    for with_topics in (True, False):
        store = Store(tmp_path / str(with_topics))
        layers = _layers()
        for name, noise in (("first", 0), ("second", 1)):
            rng = np.random.default_rng(noise)
            synthetic.add_model(
                store, name, [layer + noise * rng.normal(size=layer.shape) for layer in layers], TOPICS, with_topics=with_topics
            )
        chosen = Settings(store=store.root, dataset=("synthetic",), draws=20)
        job = Job(store, chosen, extractions_in_store(store, chosen))
        pipeline.run(job, pipeline.stages("vectors", "compare" if with_topics else "report", without=["track", "steer"]))
        rows = store.read("cross_model_statistics").to_pylist()
        assert {"cka_debiased", "rsa"} <= {row["measure"] for row in rows}
        values[with_topics] = {
            (row["measure"], row["layer_a"]): row["value"] for row in rows if row["measure"] in ("cka_debiased", "rsa")
        }
    # topics are nothing to either
    assert values[False] == pytest.approx(values[True])
    assert (tmp_path / "False" / "report.md").is_file()


def test_the_shift_between_datasets_is_that_of_all_prompts(tmp_path, monkeypatch):
    def rows_of(folder: Path) -> list[dict]:
        store, part = Store(folder), TOPICS // 2
        layers = _layers()
        synthetic.add_model(store, "made", [layer[: 4 * part] for layer in layers], part, dataset="small")
        synthetic.add_model(store, "made", layers, TOPICS, dataset="large")
        chosen = Settings(store=folder, dataset=("small", "large"), draws=50)
        pipeline.run(Job(store, chosen, extractions_in_store(store, chosen)), pipeline.stages("vectors", "compare"))
        return store.read("cross_dataset_statistics").to_pylist()

    expected = rows_of(tmp_path / "whole")
    assert expected
    monkeypatch.setattr(limits, "MOST_PROMPTS", 0)
    _same(rows_of(tmp_path / "streamed"), expected, ("layer", "emotion", "measure"))
