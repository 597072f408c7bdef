"""Subspaces: chance within a model, null by pairing between models, and copies."""

import numpy as np

from emotion_cli.measures.between.design import design_of
from emotion_cli.measures.between.space import space_of
from emotion_cli.measures.between.subspaces import explained, overlaps_between, overlaps_within

LABELS = ["anger", "apology", "neutral"]
TOPICS = 36
OPTIONS = {"dataset": "d", "seed": 0, "draws": 40}


def design():
    return design_of(LABELS * TOPICS, [f"t{i // 3:02d}" for i in range(3 * TOPICS)])


def space(rows):
    return space_of(rows @ rows.T)


def test_unrelated_prompts_overlap_as_randomly_paired_ones():
    rng = np.random.default_rng(0)
    ps, beyond = [], []
    for _ in range(12):
        a, b = (space(rng.normal(size=(3 * TOPICS, 60))) for _ in range(2))
        found = [one for one in overlaps_between(a, b, design(), ["anger"], **OPTIONS) if one.measure == "subspace_overlap"]
        ps += [(1 + (one.draws >= one.value).sum()) / (1 + len(one.draws)) for one in found if one.k == 5]
        beyond += [one.value - one.draws.mean() for one in found]
    assert abs(np.mean(beyond)) < 0.01
    assert np.mean(np.array(ps) <= 0.05) <= 0.15


def test_a_rotated_copy_overlaps_as_far_as_topics_allow():
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(3 * TOPICS, 12)) * np.array([5, 4] + [0.3] * 10)
    turn, _ = np.linalg.qr(rng.normal(size=(30, 30)))
    found = overlaps_between(space(rows), space(rows @ turn[:12]), design(), ["anger"], **OPTIONS)
    values = {(one.k, one.measure, one.direction): one for one in found}
    for direction in ("a_to_b", "b_to_a"):
        one = values[2, "subspace_overlap", direction]
        assert one.value > 0.95 and one.value > one.draws.max()
        assert values[2, "principal_angle_last", direction].value < 15


def test_within_a_model_chance_is_k_over_width():
    rng = np.random.default_rng(2)
    one = space(rng.normal(size=(3 * TOPICS, 200)))
    for found in overlaps_within(one, design(), ["anger", "apology"], 200, **OPTIONS):
        if found.measure == "subspace_overlap":
            assert abs(found.draws.mean() - found.k / 200) < 0.01
            assert found.value < 0.3


def test_explained_variance_is_that_of_pca():
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(3 * TOPICS, 40)) * np.linspace(3, 0.1, 40)
    values = {one.k: one for one in explained(space(rows), design(), ["apology"], 40, **OPTIONS)}
    own = rows[1::3] - rows[1::3].mean(0)
    squares = np.linalg.svd(own, compute_uv=False) ** 2
    for k, one in values.items():
        assert abs(one.value - squares[:k].sum() / squares.sum()) < 1e-9
        assert one.value > one.draws.max()
