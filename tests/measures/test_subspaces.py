"""Subspaces: exchanged labels as null, copies, and models as they stand."""

import numpy as np
import pytest

from emotion_cli.measures.between.space import space_of
from emotion_cli.measures.between.subspaces import (
    explained,
    explained_directions,
    overlaps_between,
    overlaps_unaligned,
    overlaps_within,
)
from emotion_cli.measures.inference.relabelling import design_of
from emotion_cli.measures.inference.sampling import Sampling
from emotion_cli.measures.labels import Labels

LABELS = ["anger", "apology", "neutral"]
TOPICS = 36
SAMPLING = Sampling(0, 40, ("d",))


def design(*emotions):
    return design_of(Labels(LABELS * TOPICS, [f"t{i // 3:02d}" for i in range(3 * TOPICS)], emotions, "neutral"))


def space(rows):
    return space_of(rows @ rows.T)


def p_of(one):
    return one.sampled.statistic(TOPICS).null.p_value


def test_models_that_share_nothing_overlap_as_exchanged_labels_do():
    rng = np.random.default_rng(0)
    ps, beyond = [], []
    for _ in range(12):
        a, b = (space(rng.normal(size=(3 * TOPICS, 60))) for _ in range(2))
        found = [one for one in overlaps_between(a, b, design("anger"), SAMPLING) if one.measure == "subspace_overlap"]
        ps += [p_of(one) for one in found if one.k == 5]
        beyond += [one.sampled.value - one.sampled.draws.mean() for one in found]
    assert abs(np.mean(beyond)) < 0.01
    assert np.mean(np.array(ps) <= 0.05) <= 0.15


def test_a_rotated_copy_overlaps_as_far_as_topics_allow():
    """Anger has two dimensions of its own; the overlap with the copy's is nearly whole, and that of exchanged labels is not."""
    rng = np.random.default_rng(1)
    rows = 0.3 * rng.normal(size=(3 * TOPICS, 12))
    rows[::3, :2] += [5, 4] * rng.normal(size=(TOPICS, 2))
    rows[1::3, 2:4] += [5, 4] * rng.normal(size=(TOPICS, 2))
    rows[2::3, 4:6] += [5, 4] * rng.normal(size=(TOPICS, 2))
    # the map is fitted without anger, so the others know its dimensions a little
    rows[1:, :2] += rng.normal(size=(3 * TOPICS - 1, 2))
    turn, _ = np.linalg.qr(rng.normal(size=(30, 30)))
    found = overlaps_between(space(rows), space(rows @ turn[:12]), design("anger"), SAMPLING)
    values = {(one.k, one.measure, one.mapping): one for one in found}
    for mapping in ("a_to_b", "b_to_a"):
        one = values[2, "subspace_overlap", mapping]
        assert one.sampled.value > 0.95 and one.sampled.value > one.sampled.draws.max()
        assert values[2, "principal_angle_last", mapping].sampled.value < 15


def test_an_emotion_with_dimensions_of_its_own_overlaps_less_with_the_others():
    rng = np.random.default_rng(2)
    rows = rng.normal(size=(3 * TOPICS, 200))
    rows[::3, :2] *= 6
    found = {
        (one.emotion, one.k): one
        for one in overlaps_within(space(rows), design("anger", "apology"), SAMPLING)
        if one.measure == "subspace_overlap"
    }
    assert found["anger", 2].sampled.value < found["anger", 2].sampled.draws.min()
    assert p_of(found["anger", 2]) < 0.05
    for one in explained(space(rows), design("anger"), SAMPLING):
        if one.k == 2:
            assert one.sampled.value > one.sampled.draws.max()


@pytest.mark.parametrize("run", [explained, overlaps_within])
def test_meaningless_labels_are_not_told_from_exchanged_ones(run):
    """Prompts with unequal spread, about topics: p < 0.05 in 95 to 100 % against normal prompts or unrelated subspaces."""
    called = []
    for seed in range(40):
        rng = np.random.default_rng([3, seed])
        spread = 3 * 0.8 ** np.arange(30)
        topics = np.repeat(rng.normal(size=(TOPICS, 30)), 3, axis=0)
        rows = (topics + rng.normal(size=(3 * TOPICS, 30))) * spread
        found = run(space(rows), design("anger"), Sampling(seed, 40, ("d",)))
        called += [p_of(one) < 0.05 for one in found if one.measure in ("subspace_overlap", "subspace_explained") and one.k == 5]
    assert len(called) == 40 and np.mean(called) <= 0.15


def test_explained_variance_is_that_of_pca():
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(3 * TOPICS, 40)) * np.linspace(3, 0.1, 40)
    values = {one.k: one for one in explained(space(rows), design("apology"), SAMPLING)}
    own = rows[1::3] - rows[1::3].mean(0)
    squares = np.linalg.svd(own, compute_uv=False) ** 2
    for k, one in values.items():
        assert abs(one.sampled.value - squares[:k].sum() / squares.sum()) < 1e-9


def test_unaligned_overlap_is_chance_but_for_the_same_coordinates():
    from scipy.linalg import subspace_angles

    rng = np.random.default_rng(4)
    rows = rng.normal(size=(3 * TOPICS, 80)) * np.linspace(3, 0.1, 80)
    turn, _ = np.linalg.qr(rng.normal(size=(80, 80)))
    for other, same in ((2 * rows, True), (rows @ turn, False)):
        found = {(one.k, one.measure): one for one in overlaps_unaligned(rows, other, design("apology"), SAMPLING)}
        assert {k for k, _ in found} == {2, 5, 10, 20}
        for k in (2, 5, 10, 20):
            one = found[k, "subspace_overlap"]
            assert abs(one.sampled.draws.mean() - k / 80) < 0.015
            assert (
                one.sampled.value > 0.999
                if same
                else one.sampled.draws.min() * 0.5 < one.sampled.value < 1.3 * one.sampled.draws.max()
            )
    own = [np.linalg.svd(m[1::3] - m[1::3].mean(0), full_matrices=False)[2][:5].T for m in (rows, rows @ turn)]
    angles = np.degrees(subspace_angles(*own))
    np.testing.assert_allclose(
        [found[5, "principal_angle_last"].sampled.value, found[5, "principal_angle_first"].sampled.value],
        [angles[0], angles[-1]],
        atol=1e-6,
    )


def test_components_of_all_directions():
    rng = np.random.default_rng(5)
    labels = ["anger", "apology", "gratitude", "neutral"]
    topics = [f"t{i // 4:02d}" for i in range(4 * TOPICS)]
    blocks = design_of(Labels(labels * TOPICS, topics, labels[:3], "neutral"))
    generic = rng.normal(size=30) * np.array([[1], [1], [1], [0]])
    rows = rng.normal(size=(4 * TOPICS, 30)) + np.tile(generic, (TOPICS, 1))
    found = explained_directions(space(rows), blocks, SAMPLING)
    vectors = np.array([rows[i::4].mean(0) - rows[3::4].mean(0) for i in range(3)])
    squares = np.linalg.svd(vectors, compute_uv=False) ** 2
    np.testing.assert_allclose([one.sampled.value for one in found], (np.cumsum(squares) / squares.sum())[:2], atol=1e-9)
    # one contrast for all is more in one component than what labels share by their reference alone
    assert found[0].sampled.value > found[0].sampled.draws.max()
    noise = explained_directions(space(rng.normal(size=rows.shape)), blocks, SAMPLING)[0]
    assert noise.sampled.draws.min() <= noise.sampled.value <= noise.sampled.draws.max()
    # against the others, directions sum to zero: of three, one component is all there is to say
    assert [one.k for one in explained_directions(space(rows), blocks._replace(reference="others"), SAMPLING)] == [1]
