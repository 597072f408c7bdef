"""Methods and layer profiles through the whole command line, against models run by hand."""

import csv
import io
import json

import numpy as np
import pytest
import tiny
from command import emo, emo_ok
from sklearn.covariance import LedoitWolf
from transformers import AutoTokenizer

from warehouse.catalog import Catalog
from warehouse.store import Store

CALM = ("--reference", "calm", "--neutral", "calm")


def states(workplace):
    """Of each prompt of tiny-gpt2: its label, and the states of its tokens [layer, token, width]."""
    folder = workplace.models[0]
    prompts = [json.loads(line) for line in workplace.prompts.read_text().splitlines()]
    ids = [[0, *AutoTokenizer.from_pretrained(folder)(row["text"])["input_ids"]] for row in prompts]
    made = [np.array([state.double().numpy() for state in of_prompt]) for of_prompt in tiny.plain_states(folder, "gpt2", ids)]
    return [row["emotion"] for row in prompts], made


def test_profiles_follow_from_the_tokens(workplace):
    labels, made = states(workplace)
    found = {
        (row["pooling"], row["layer"]): row
        for row in Catalog(Store(workplace.store)).dicts("layer_profiles", model=["tiny-gpt2"])
    }
    assert set(found) == {(pooling, layer) for pooling in ("last", "mean") for layer in range(4)}
    for layer in range(4):
        neutral = [of[layer, 1:] for label, of in zip(labels, made, strict=True) if label == "calm"]
        median = np.median(np.linalg.norm(np.concatenate(neutral), axis=1))
        last = np.array([of[layer, -1] for of in made])
        tokens = np.linalg.norm(np.concatenate([of[layer, 1:] for of in made]), axis=1)
        for pooling, norms in (("last", np.linalg.norm(last, axis=1)), ("mean", tokens)):
            row = found[pooling, layer]
            assert row["sink_share"] == pytest.approx((norms > 5 * median).mean())
            assert row["low_outlier_share"] == pytest.approx((norms < median / 5).mean())
        variances = np.sort(last.var(0))
        assert found["last", layer]["top3_variance_share"] == pytest.approx(variances[-3:].sum() / variances.sum(), rel=1e-3)


def test_a_run_measures_three_methods_and_compares_one(workplace):
    catalog = Catalog(Store(workplace.store))
    made = {table: {row["method"] for row in catalog.dicts(table)} for table in ("vectors", "vector_quality")}
    assert made["vectors"] == {"mean_difference", "whitened"}
    assert made["vector_quality"] == {"mean_difference", "whitened", "logistic"}
    compared = ("within_model_statistics", "cross_model_statistics", "within_model_similarity_by_layer")
    for table in (*compared, "cross_model_similarity_by_layer"):
        assert {row["method"] for row in catalog.dicts(table)} == {"mean_difference"}, table
    classified = catalog.dicts("vector_quality", method=["logistic"])
    assert {row["measure"] for row in classified} == {"auroc"}
    assert all(row["p_value"] is None and row["null_kind"] is None and row["n_draws"] is None for row in classified)
    read = {row["measure"] for row in catalog.dicts("vector_quality", method=["whitened"])}
    added = {row["measure"] for row in catalog.dicts("vector_quality", method=["mean_difference"])}
    assert added - read == {"squared_distance"} and not read - added
    by_method = catalog.dicts("direction_quality_by_method", model=["tiny-gpt2"], pooling=["last"], emotion=["rage"])
    assert len(by_method) == 5 and all(row["verdict"] and row["logistic"] is not None for row in by_method)


def test_a_score_is_the_product_with_the_stored_reading_direction(workplace):
    labels, made = states(workplace)
    pooled = np.array([of[2, -1] for of in made])
    is_rage, is_calm = (np.array(labels) == label for label in ("rage", "calm"))
    expected = LedoitWolf().fit(pooled).get_precision() @ (pooled[is_rage].mean(0) - pooled[is_calm].mean(0))
    (row,) = Catalog(Store(workplace.store)).dicts(
        "vectors", model=["tiny-gpt2"], method=["whitened"], pooling=["last"], layer=[2], emotion=["rage"]
    )
    scores, right = pooled @ np.array(row["vector"]), pooled @ expected
    np.testing.assert_allclose(scores - scores.mean(), right - right.mean(), rtol=1e-2, atol=1e-2 * np.abs(right).max())
    assert row["relative_norm"] is None and row["l2_norm"] == pytest.approx(np.linalg.norm(row["vector"]), rel=1e-5)


@pytest.mark.parametrize("command", ["run", "compare", "plot", "report", "track", "export"])
@pytest.mark.parametrize("method", ["whitened", "logistic"])
def test_what_is_read_is_not_compared(workplace, command, method):
    models = ("-m", workplace.models[0], "--cache", workplace.cache) if command == "run" else ()
    ran = emo(command, "-d", "mine", *models, *CALM, "--method", method, "--store", workplace.store)
    assert ran.code == 2 and f"--method {method}: only `emo vectors` takes it: it says whether there is a direction" in ran.plain
    assert "direction_quality_by_method" in ran.plain


def test_one_method_is_made_where_it_is_named(workplace, tmp_path):
    store = tmp_path / "store"
    emo_ok("datasets", "import", workplace.prompts, "--dataset", "mine", "--store", store)
    emo_ok("extract", "-d", "mine", "-m", workplace.models[0], "--store", store, "--cache", workplace.cache)
    words = ("vectors", "--best", "-m", "tiny-gpt2", "--pooling", "last", "--draws", "100", *CALM, "--store", store)
    ran = emo_ok(*words, "--method", "whitened", "--format", "csv")
    assert {row["emotion"] for row in csv.DictReader(io.StringIO(ran.out))} == {"rage", "thanks"}
    emo_ok(*words, "--method", "logistic")
    catalog = Catalog(Store(store))
    assert {row["method"] for row in catalog.dicts("vectors")} == {"whitened"}
    assert {row["method"] for row in catalog.dicts("vector_quality")} == {"whitened", "logistic"}


def test_the_last_word_is_pooled(workplace, tmp_path):
    emo_ok("datasets", "import", workplace.prompts, "--dataset", "mine", "--store", tmp_path)
    words = ("-d", "mine", "-m", workplace.models[0], "--store", tmp_path, "--cache", workplace.cache)
    emo_ok("extract", *words, "--pooling", "content")
    labels, made = states(workplace)
    catalog = Catalog(Store(tmp_path))
    stored = catalog.dicts("activations", pooling=["content"], layer=[3])
    # each text ends with a token of its own for the final character
    expected = sorted(of[3, -2].tolist() for of in made)
    np.testing.assert_allclose(sorted(row["activation"] for row in stored), expected, atol=1e-4)
    assert len(stored) == len(labels)
    (profile,) = catalog.dicts("layer_profiles", layer=[3])
    assert profile["pooling"] == "content" and profile["sink_share"] is not None
