"""Calibration: synthetic models of known truth go through import and compare; what is stored must say that truth, and no more.

Each layer is a model of its own, so one store holds many independent replicates. Tolerances are stated beside each claim.
"""

import numpy as np
import pytest
import synthetic as made

from warehouse.removal import Filters, to_remove
from warehouse.store import Store

TOPICS, DRAWS, LATENT = 24, 200, 12
SAME = "the same emotion in both models or a contrast that is stronger for this emotion in both"
SHARED = "a shared contrast with the reference, not shown to be this emotion"
TOO_FEW = "too few dimensions to tell"
NOTHING = "nothing shown to be shared"
RATE = 0.13
"""Most that may be called significant at 5 %: 48 or more correlated cases, so twice the standard error above it."""


@pytest.fixture(scope="module", params=[16, 150], ids=["prompts more than dimensions", "prompts fewer than dimensions"])
def independent(request, tmp_path_factory):
    """Layers 0-7 without classes, 8-15 with classes four standard deviations apart; nothing in common between the models."""
    rng = np.random.default_rng(request.param)
    width = request.param

    def layer(i):
        means = {label: rng.normal(size=width) * (2.8 if i >= 8 else 0) for label in made.LABELS}
        return rng.normal(size=(4 * TOPICS, width)) + made.by_label(means, TOPICS, width)

    models = {name: [layer(i) for i in range(16)] for name in ("one", "two")}
    return made.compared(tmp_path_factory.mktemp("independent"), models, TOPICS, draws=DRAWS)


def rows(catalog, *, layers=None, **equal):
    found = catalog.dicts("cross_model_tests_by_layer", **{name: [value] for name, value in equal.items()})
    return [row for row in found if row["layer_a"] is not None and (layers is None or row["layer_a"] in layers)]


def rate(found):
    """Share of the cases with a p-value that are significant; with 12 latent dimensions, some rest on too few to have one."""
    return np.mean([row["p_value"] <= 0.05 for row in found if row["p_value"] is not None])


@pytest.mark.parametrize("layers", [range(8), range(8, 16)], ids=["one class", "classes apart"])
def test_independent_models_share_nothing(independent, layers):
    cosines = rows(independent, measure="aligned_cosine", fit="ridge", layers=layers)
    assert len(cosines) == 8 * 3 * 2
    assert abs(np.mean([row["value"] for row in cosines])) < 0.06
    assert rate(cosines) <= RATE
    assert rate(rows(independent, measure="transfer_auroc", fit="ridge", layers=layers)) <= RATE
    for fit in ("procrustes", "ridge_neutral", "procrustes_neutral"):
        assert abs(np.mean([row["value"] for row in rows(independent, measure="aligned_cosine", fit=fit, layers=layers)])) < 0.06
    specific = rows(independent, measure="aligned_specificity", layers=layers)
    assert np.mean([row["ci_low"] > 0 and row["q_value"] < 0.05 for row in specific]) <= 0.05
    said = independent.dicts("cross_model_alignment_by_layer", fit=["ridge"], layer_a=list(layers))
    assert np.mean([row["verdict"] == NOTHING for row in said]) >= 0.9


def test_independent_models_arrange_prompts_independently(independent):
    for measure in ("cka_debiased", "rsa", "cka_labels_removed", "cka_labels_topics_removed"):
        found = rows(independent, measure=measure, layers=range(8))
        assert abs(np.mean([row["value"] for row in found])) < 0.03
        assert sum(row["p_value"] <= 0.05 for row in found) <= 2


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """Models that read one latent text: layers 0-7 without emotion, 8-15 with one contrast for all, 16-23 with anger only."""
    rng = np.random.default_rng(3)
    width = 40
    one, two = [], []
    for i in range(24):
        generic, own = rng.normal(size=(2, LATENT))
        means = dict.fromkeys(made.EMOTIONS, generic * 1.2) if 8 <= i < 16 else {"anger": own * 1.2} if i >= 16 else {}
        latent = rng.normal(size=(4 * TOPICS, LATENT)) + made.by_label(means, TOPICS, LATENT)
        for model in (one, two):
            model.append(latent @ rng.normal(size=(LATENT, width)) + rng.normal(size=(4 * TOPICS, width)))
    return made.compared(tmp_path_factory.mktemp("shared"), {"one": one, "two": two}, TOPICS, draws=DRAWS)


def test_the_same_texts_without_emotion(shared):
    """The models are alike, the labels mean nothing: CKA and RSA high, aligned cosines at their null."""
    assert min(row["value"] for row in rows(shared, measure="cka_debiased", layers=range(8))) > 0.5
    assert min(row["value"] for row in rows(shared, measure="rsa", layers=range(8))) > 0.3
    cosines = rows(shared, measure="aligned_cosine", fit="ridge", layers=range(8))
    assert abs(np.mean([row["value"] for row in cosines])) < 0.1
    assert rate(cosines) <= RATE
    assert rate(rows(shared, measure="transfer_auroc", fit="ridge", layers=range(8))) <= RATE


def test_one_contrast_for_all_emotions_is_not_called_the_same_emotion(shared):
    cosines = rows(shared, measure="aligned_cosine", fit="ridge", layers=range(8, 16))
    assert np.mean([row["value"] for row in cosines]) > 0.6
    assert rate(cosines) > 0.9
    verdicts = [row["verdict"] for row in shared.dicts("cross_model_alignment_by_layer", fit=["ridge"], layer_a=range(8, 16))]
    assert verdicts.count(SAME) == 0
    assert verdicts.count(SHARED) + verdicts.count(TOO_FEW) > 0.85 * len(verdicts) and verdicts.count(SHARED) > 0.5 * len(
        verdicts
    )


def test_what_one_emotion_shares_is_found_there_and_nowhere_else(shared):
    found = {
        emotion: rows(shared, measure="aligned_cosine", fit="ridge", emotion=emotion, layers=range(16, 24))
        for emotion in made.EMOTIONS
    }
    assert rate(found["anger"]) > 0.9
    assert np.mean([row["value"] for row in found["anger"]]) > 0.6
    said = shared.dicts("cross_model_alignment_by_layer", fit=["ridge"], layer_a=range(16, 24))
    # most of the family is of layers that share nothing else, so 200 draws leave no q below 0.05
    above = [row["specificity_low"] > 0 and row["others_low"] > 0 for row in said if row["emotion"] == "anger"]
    assert np.mean(above) > 0.7
    assert np.mean([row["verdict"] == SAME for row in said if row["emotion"] != "anger"]) <= 0.07
    assert rate([*found["apology"], *found["gratitude"]]) <= 0.2


@pytest.fixture(scope="module")
def folder_of_copies(tmp_path_factory):
    return tmp_path_factory.mktemp("copies")


@pytest.fixture(scope="module")
def copies(folder_of_copies):
    """A model, a rotated and rescaled copy, and one that is wider too."""
    rng = np.random.default_rng(4)
    width = 20
    means = {label: rng.normal(size=width) for label in made.EMOTIONS}
    layers = [rng.normal(size=(4 * TOPICS, width)) + made.by_label(means, TOPICS, width) for _ in range(3)]
    turns = [np.linalg.qr(rng.normal(size=(60, 60)))[0] for _ in layers]
    small = [np.linalg.qr(rng.normal(size=(width, width)))[0] for _ in layers]
    models = {
        "model": layers,
        "rotated": [7.0 * rows @ turn for rows, turn in zip(layers, small, strict=True)],
        "widened": [0.1 * rows @ turn[:width] for rows, turn in zip(layers, turns, strict=True)],
    }
    return made.compared(folder_of_copies, models, TOPICS, draws=50)


def test_a_copy_in_other_coordinates_is_the_same_model(copies):
    for pair in (("model", "rotated"), ("model", "widened")):
        where = {"model_a": pair[0], "model_b": pair[1]}
        assert min(row["value"] for row in rows(copies, measure="cka_debiased", **where)) > 0.999
        for row in copies.dicts(
            "cross_model_alignment_by_layer", fit=["ridge"], **{name: [value] for name, value in where.items()}
        ):
            assert row["aligned_cosine"] > row["ceiling"] - 0.05
            assert row["transfer_auroc"] > row["own_auroc"] - 0.03
            assert row["verdict"] == SAME
    raw = [row for row in rows(copies, measure="cosine") if row["model_b"] == "rotated"]
    assert len(raw) == 9 and np.mean([abs(row["value"]) for row in raw]) < 2 / np.sqrt(20)
    # where widths differ there is no raw cosine
    assert {row["model_b"] for row in rows(copies, measure="cosine")} == {"rotated"}


def test_copies_are_explained_by_their_consensus(copies):
    found = copies.dicts("consensus_by_layer")
    assert len(found) == 3 * 3 * 4 and {row["model"] for row in found} == {"model", "rotated", "widened"}
    for row in found:
        # what is missing is noise: squared length 20 of a direction, 5 of the noise of eight topics, on both sides
        assert row["share"] > max(0.3, row["null_high"]) and row["p_value"] == 1 / 51
        assert row["ci_low"] <= row["share"] <= row["ci_high"]
    # the copies of one direction lie in one place
    for place in {(row["layer"], row["emotion"]) for row in found if row["layer"] is not None}:
        own = [row for row in found if (row["layer"], row["emotion"]) == place]
        assert max(np.ptp([row[axis] for row in own]) for axis in ("x", "y")) < 1e-3
    assert len(copies.dicts("consensus_by_emotion")) == 9


def test_a_consensus_goes_with_each_of_its_models(copies, folder_of_copies):
    for model in ("model", "rotated", "widened"):
        places = [one.place for one in to_remove(Store(folder_of_copies), Filters(models=[model]))]
        assert sum(place.startswith("consensus_statistics/") for place in places) == 1


def test_two_models_have_no_consensus(shared):
    assert shared.dicts("consensus_by_layer") == []


def test_noise_is_not_fitted_in_sample(independent):
    """With fewer prompts than dimensions a map fits its own prompts perfectly: no stored value may show it."""
    values = [row["value"] for row in rows(independent, measure="aligned_cosine", layers=range(8))]
    assert max(values) < 0.6


def test_each_measure_has_its_null_and_says_how_many_draws(shared):
    for row in rows(shared):
        if row["measure"] == "carried_cosine":
            assert row["null_kind"] is row["p_value"] is row["n_draws"] is None and row["target_emotion"] in made.EMOTIONS
            assert row["ci_low"] <= row["value"] <= row["ci_high"] and row["mc_error"] > 0
        elif row["measure"].startswith(("cka", "rsa", "aligned", "transfer")):
            assert row["null_low"] <= row["null_high"] and row["n"] == TOPICS
            assert row["ci_low"] <= row["value"] <= row["ci_high"]
            assert (row["p_value"] is None) == (row["null_kind"] == "too_few")
            assert row["p_value"] is None or 0 < row["p_value"] <= row["q_value"] + 1e-12 <= 1 + 1e-9
            flipped = row["measure"].startswith("aligned") and not row["measure"].endswith("ceiling")
            assert row["n_draws"] == (DRAWS if flipped else DRAWS // 10)
            assert (row["null_kind"] in ("sign_flips", "too_few")) == flipped
            assert (row["mc_error"] is None) == row["measure"].startswith(("cka", "rsa"))
    means = [row for row in shared.dicts("cross_model_tests_by_layer") if row["layer_a"] is None]
    assert {(row["measure"], row["fit"]) for row in means} >= {("cka_debiased", None), ("rsa", None), ("aligned_cosine", "ridge")}


def test_the_matrix_of_carried_emotions_is_stored_and_its_diagonal_is_the_aligned_cosine(shared):
    cells = {
        (row["emotion"], row["target_emotion"]): row["value"]
        for row in rows(shared, measure="carried_cosine", fit="ridge", mapping="a_to_b", layers=[9])
    }
    assert set(cells) == {(a, b) for a in made.EMOTIONS for b in made.EMOTIONS}
    (specific,) = rows(shared, measure="aligned_specificity", fit="ridge", mapping="a_to_b", emotion="anger", layers=[9])
    matrix = np.array([[cells[a, b] for b in made.EMOTIONS] for a in made.EMOTIONS])
    expected = matrix[0, 0] - matrix[0, 1:].mean() - matrix[1:, 0].mean() + matrix[1:, 1:].mean()
    assert specific["value"] == pytest.approx(expected)
    for row in rows(shared, measure="aligned_cosine", fit="ridge", mapping="a_to_b", layers=[9]):
        assert row["value"] == cells[row["emotion"], row["emotion"]]


def test_means_over_layers_have_no_number_of_components_where_layers_differ(independent, shared):
    """Procrustes has as many components at every layer here, so the mean has it, too; ridge has none."""
    means = [row for row in shared.dicts("cross_model_tests_by_layer", measure=["aligned_cosine"]) if row["layer_a"] is None]
    assert {row["k"] for row in means if row["fit"].startswith("ridge")} == {None}
    by_layer = {row["k"] for row in rows(shared, measure="aligned_cosine", fit="procrustes")}
    assert {row["k"] for row in means if row["fit"] == "procrustes"} == (by_layer if len(by_layer) == 1 else {None})
