"""Maps, CKA and RSA against plain numpy on the activations themselves."""

import numpy as np
import pytest

from emotion_cli.measures.between.alignment import aligned, aligned_cosines, ceilings
from emotion_cli.measures.between.flips import signs_of
from emotion_cli.measures.between.geometry import (
    MEASURES,
    Matrices,
    best_depths,
    correlations_of,
    geometries,
    hsic_pattern,
    residual_measures,
)
from emotion_cli.measures.between.maps import ridge, rotations, rows_of
from emotion_cli.measures.between.space import space_of, spectrum_of, strength_of
from emotion_cli.measures.inference.relabelling import as_labelled, design_of, groups_left_out, thirds_of
from emotion_cli.measures.inference.sampling import Sampling, generator
from emotion_cli.measures.inference.statistic import Sampled, Tail, jackknife_interval, n_carrying, null_of
from emotion_cli.measures.labels import Labels

LABELS = ["anger", "apology", "gratitude", "neutral"]
EMOTIONS = LABELS[:3]


def each(work, numbers):
    for number in numbers:
        work(number)


def sample(seed, topics=18, widths=(9, 60), shared=6):
    rng = np.random.default_rng(seed)
    latent = rng.normal(size=(4 * topics, shared)) + np.tile(rng.normal(size=(4, shared)), (topics, 1))
    made = [latent @ rng.normal(size=(shared, width)) + rng.normal(size=(4 * topics, width)) for width in widths]
    return made, LABELS * topics, [f"t{i // 4:02d}" for i in range(4 * topics)]


def plain_map(x, y, labels, strength):
    """Ridge regression from x to y [row, d] with a free mean for each label, by its normal equations."""
    x, y = x.copy(), y.copy()
    for label in set(labels):
        own = labels == label
        x[own] -= x[own].mean(0)
        y[own] -= y[own].mean(0)
    return np.linalg.solve(x.T @ x + strength * np.eye(x.shape[1]), x.T @ y)


@pytest.mark.parametrize("left_out", [5, 30], ids=["few rows left out", "most rows left out"])
@pytest.mark.parametrize("width", [9, 60])
def test_the_dual_map_is_ridge_regression(width, left_out):
    rng = np.random.default_rng(0)
    x, y, v = rng.normal(size=(40, width)), rng.normal(size=(40, 7)), rng.normal(size=(3, width))
    labels = np.zeros((3, 2, 40))
    for draw in range(3):
        used = rng.permutation(40)[left_out:]
        labels[draw, rng.integers(0, 2, len(used)), used] = 1
        labels[draw, :, used[:4]] = [[1, 0], [1, 0], [0, 1], [0, 1]]
    alpha = ridge(x @ x.T, 2.5, v @ x.T, rows_of(labels))
    for draw in range(3):
        used = labels[draw].any(0)
        expected = v[draw] @ plain_map(x[used], y[used], labels[draw].argmax(0)[used], 2.5)
        np.testing.assert_allclose(alpha[draw] @ y, expected, atol=1e-9)


def test_rotations_are_procrustes():
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(30, 4)), rng.normal(size=(30, 4))
    labels = np.zeros((1, 2, 30))
    labels[0, 0, :12], labels[0, 1, 12:25] = 1, 1
    (turn,) = rotations(a, b, rows_of(labels))
    centred = [np.concatenate([m[:12] - m[:12].mean(0), m[12:25] - m[12:25].mean(0)]) for m in (a, b)]
    from scipy.linalg import orthogonal_procrustes

    np.testing.assert_allclose(turn, orthogonal_procrustes(*centred)[0], atol=1e-10)


def met(x, y, design, trial, split, *, emotion, target):
    """The cosine of one split, with explicit maps, vectors and means; `target` is weights [label] of the target's direction."""
    label, kept = trial.label[0], np.repeat(trial.kept[0][:, None], 4, 1)
    number = LABELS.index(emotion)
    fit = design.rows[split.fit].ravel()
    strength = strength_of(spectrum_of(x[fit] @ x[fit].T, 4), y[fit] @ y[fit].T, len(fit) - 4)
    used = ((label[split.fit] != number) & kept[split.fit]).ravel()
    carry = plain_map(x[fit][used], y[fit][used], label[split.fit].ravel()[used], strength)
    vectors = []
    for rows, third, weights in ((x, split.source, design.coefficients(emotion)), (y, split.target, target)):
        of = [rows[design.rows[third][(label[third] == i) & kept[third]]].mean(0) for i in range(4)]
        vectors.append(weights @ np.array(of))
    moved = vectors[0] @ carry
    return moved, vectors[1], moved @ vectors[1] / np.linalg.norm(moved) / np.linalg.norm(vectors[1])


def scaled(rows):
    return (rows - rows.mean(0)) / np.sqrt(((rows - rows.mean(0)) ** 2).sum(1).mean())


def by_name(results, **equal):
    """The samples of the results that have these values, by emotion and target emotion."""
    return {
        (one.emotion, one.target_emotion): one.sampled
        for one in results
        if all(getattr(one, name) == value for name, value in equal.items())
    }


@pytest.mark.parametrize("reference", ["neutral", "others"])
def test_aligned_cosines_follow_from_the_activations(reference):
    """The whole matrix, the directions against others, and one jackknife replicate once more, in plain numpy."""
    (x, y), labels, topics = sample(2)
    design = design_of(Labels(labels, topics, EMOTIONS, reference))
    sampling = Sampling(0, 20, ("d",))
    spaces = [(space_of(x @ x.T), space_of(y @ y.T))]
    results = aligned(spaces, design, sampling, neutral="neutral", each=each, splits=6)
    x, y = scaled(x), scaled(y)
    splits = thirds_of(design, sampling, 6)
    where = {"mapping": "a_to_b", "fit": "ridge"}
    cells = by_name(results, measure="carried_cosine", **where)
    trials = as_labelled(design), groups_left_out(design, sampling).part(slice(0, 1))
    others = design._replace(reference="others").coefficients("apology")
    against_others = by_name(results, measure="aligned_cosine_others", **where)["apology", None]
    for i, trial in enumerate(trials):
        for target in EMOTIONS:
            weights = design.coefficients(target)
            cosines = [met(x, y, design, trial, split, emotion="apology", target=weights)[2] for split in splits]
            one = cells["apology", target]
            assert (one.value, *one.groups)[i] == pytest.approx(np.mean(cosines), abs=1e-7)
            if i == 0:
                np.testing.assert_allclose(one.splits, cosines, atol=1e-7)
                assert one.mc_error == pytest.approx(np.std(cosines, ddof=1) / np.sqrt(6), abs=1e-6)
        cosines = [met(x, y, design, trial, split, emotion="apology", target=others)[2] for split in splits]
        assert (against_others.value, *against_others.groups)[i] == pytest.approx(np.mean(cosines), abs=1e-7)
    diagonal = by_name(results, measure="aligned_cosine", **where)["apology", None]
    assert diagonal.value == cells["apology", "apology"].value
    alone = by_name(aligned_cosines(spaces, design, sampling, each=each, splits=6), mapping="a_to_b")["apology", None]
    assert alone.draws is None and alone.value == pytest.approx(diagonal.value, abs=1e-12)
    np.testing.assert_allclose(alone.groups, diagonal.groups, atol=1e-12)


def test_signs_are_flipped_in_the_components_of_the_target_s_prompts():
    """Each draw once more: coordinates of both directions in principal components, label means removed, with random signs."""
    (x, y), labels, topics = sample(5)
    design = design_of(Labels(labels, topics, EMOTIONS, "neutral"))
    sampling = Sampling(0, 20, ("d",))
    spaces = [(space_of(x @ x.T), space_of(y @ y.T))]
    results = aligned(spaces, design, sampling, neutral="neutral", each=each, splits=4)
    x, y = scaled(x), scaled(y)
    table = design.rows
    within = (y[table] - y[table].mean(0)).reshape(table.size, -1)
    axes = np.linalg.svd(within, full_matrices=False)[2]
    signs = signs_of(design, sampling)
    parts = {}
    for emotion in EMOTIONS:
        for target in EMOTIONS:
            of_splits = []
            for split in thirds_of(design, sampling, 4):
                weights = design.coefficients(target)
                moved, goal, cosine = met(x, y, design, as_labelled(design), split, emotion=emotion, target=weights)
                along = (axes @ moved) * (axes @ goal) / np.linalg.norm(moved) / np.linalg.norm(goal)
                of_splits.append(np.concatenate([[cosine - along.sum()], along]))
            parts[emotion, target] = np.mean(of_splits, axis=0)
    where = {"mapping": "a_to_b", "fit": "ridge"}
    one = by_name(results, measure="aligned_cosine", **where)["anger", None]
    flipped = signs[:, : len(axes) + 1] @ parts["anger", "anger"]
    np.testing.assert_allclose(one.draws, flipped, atol=1e-7)
    assert one.parts.sum() == pytest.approx(one.value)
    one = by_name(results, measure="aligned_specificity", **where)["anger", None]
    mixed = parts["anger", "anger"] - (parts["anger", "apology"] + parts["anger", "gratitude"]) / 2
    mixed = mixed - (parts["apology", "anger"] + parts["gratitude", "anger"]) / 2
    mixed = mixed + np.mean([parts[a, b] for a in EMOTIONS[1:] for b in EMOTIONS[1:]], axis=0)
    np.testing.assert_allclose(one.draws, signs[:, : len(axes) + 1] @ mixed, atol=1e-7)
    assert one.value == pytest.approx(mixed.sum(), abs=1e-7)


@pytest.mark.parametrize(("parts", "n"), [([1, 0, 0], 1), ([-1, 1, 1, 1], 4), ([95, -5, 0], 1), ([94, -6], 2)])
def test_coordinates_that_carry_a_value_are_counted(parts, n):
    assert n_carrying(np.array(parts, float)) == n


def test_a_value_on_few_coordinates_has_no_p_value():
    signs = np.random.default_rng(0).choice([-1.0, 1.0], size=(50, 6))
    for n, kind in ((5, "too_few"), (6, "sign_flips")):
        parts = np.repeat([0.1, 0.0], [n, 6 - n])
        statistic = Sampled(parts.sum(), signs @ parts, parts=parts, kind="sign_flips").statistic(9)
        assert statistic.null.kind == kind and (statistic.null.p_value is None) == (n < 6)


def test_no_topic_is_in_two_thirds():
    design = design_of(Labels(LABELS * 13, [f"t{i // 8}" for i in range(52)], EMOTIONS, "neutral"))
    for split in thirds_of(design, Sampling(0, 1, ("d",))):
        used = [set(design.topic[part]) for part in split]
        assert not used[0] & used[1] and not used[1] & used[2] and not used[0] & used[2]
        assert len(set.union(*used)) == design.n_topics == 7


def test_blocks_are_complete_and_the_rest_is_left_out():
    labels, topics = ["a", "b", "a", "b", "a", "a", "b"], ["x", "x", "x", None, None, "y", "x"]
    design = design_of(Labels(labels, topics, ["a"], "b"))
    assert sorted(map(tuple, design.rows.tolist())) == [(0, 1), (2, 6), (4, 3)]
    assert design.n_topics == 2


def test_hsic_is_that_of_song():
    rng = np.random.default_rng(3)
    k, m = (rows @ rows.T for rows in (rng.normal(size=(12, 5)), rng.normal(size=(12, 30))))
    n = 12
    bare_k, bare_m = (g - np.diag(np.diag(g)) for g in (k, m))
    ones = np.ones(n)
    song = (
        np.trace(bare_k @ bare_m)
        + (ones @ bare_k @ ones) * (ones @ bare_m @ ones) / (n - 1) / (n - 2)
        - 2 / (n - 2) * ones @ bare_k @ bare_m @ ones
    ) / (n * (n - 3))
    assert (hsic_pattern(k) * hsic_pattern(m)).sum() / (n * (n - 3)) == pytest.approx(song)


def matrices(rows):
    return Matrices(space_of(rows @ rows.T).gram, correlations_of(rows))


def geometry(name, x, y, draws=20, groups=None):
    """One measure of the geometry of two models' layers, by default with each of the first three prompts left out."""
    (measure,) = (measure for measure in MEASURES if measure.name == name)
    groups = ~np.eye(len(x), dtype=bool)[:3] if groups is None else groups
    sampling = Sampling(0, draws, ("d",))
    units = np.arange(len(x))[:, None]
    return geometries(measure, {0: matrices(x)}, {3: matrices(y)}, [(0, 3)], groups, sampling, each, rows=units)[0].sampled


def residual(name, x, y, draws=20):
    """Debiased CKA of 4 labels without their means, each block left out in turn."""
    (measure,) = (measure for measure in residual_measures(4) if measure.name == name)
    units = np.arange(len(x)).reshape(-1, 4)
    groups = ~np.eye(len(units), dtype=bool)[:3]
    sampling = Sampling(0, draws, ("d",))
    return geometries(measure, {0: matrices(x)}, {3: matrices(y)}, [(0, 3)], groups, sampling, each, rows=units)[0].sampled


def test_residual_cka_is_hsic_of_blocks_summed_over_labels():
    """Once more in plain numpy: unbiased HSIC with a block as one sample, for every two labels."""
    rng = np.random.default_rng(11)
    x, y = rng.normal(size=(40, 6)), rng.normal(size=(40, 9))

    def pattern(rows, *, without_topics):
        shaped = (rows - rows.mean(0)).reshape(10, 4, -1)
        shaped = shaped - shaped.mean(1, keepdims=True) if without_topics else shaped
        found = {}
        for k in range(4):
            for m in range(4):
                bare = shaped[:, k] @ shaped[:, m].T * (1 - np.eye(10))
                ends = np.ones(10)
                along, down = bare @ ends / 8, ends @ bare / 8
                found[k, m] = (bare - along[:, None] - down + bare.sum() / 72) * (1 - np.eye(10))
        return np.array([found[pair] for pair in sorted(found)]).ravel()

    for name, without_topics in (("cka_labels_removed", False), ("cka_labels_topics_removed", True)):
        a, b = (pattern(rows, without_topics=without_topics) for rows in (x, y))
        expected = a @ b / np.linalg.norm(a) / np.linalg.norm(b)
        assert residual(name, x, y).value == pytest.approx(expected)
        # whole blocks are paired at random, and left out
        order = generator(0, "d", "pairing", "0").permutation(10)
        moved = pattern(x.reshape(10, 4, -1)[order].reshape(40, -1), without_topics=without_topics)
        assert residual(name, x, y).draws[0] == pytest.approx(moved @ b / np.linalg.norm(a) / np.linalg.norm(b))


def test_what_labels_and_topics_share_drops_out_of_residual_cka():
    """Models that share labels only, or topics only, and have noise of their own: what is left is 0, without bias."""
    rng = np.random.default_rng(12)
    values = {(what, name): [] for what in ("labels", "topics") for name in ("cka_labels_removed", "cka_labels_topics_removed")}
    plain = []
    for _ in range(30):
        labels, topics = np.tile(3 * rng.normal(size=(4, 8)), (15, 1)), np.repeat(2 * rng.normal(size=(15, 8)), 4, axis=0)
        for what, shared in (("labels", labels), ("topics", topics)):
            x, y = (shared @ rng.normal(size=(8, 30)) + 3 * rng.normal(size=(60, 30)) for _ in range(2))
            plain.append(geometry("cka_debiased", x, y, draws=1).value)
            for name in ("cka_labels_removed", "cka_labels_topics_removed"):
                values[what, name].append(residual(name, x, y, draws=1).value)
    means = {key: np.mean(found) for key, found in values.items()}
    assert min(plain) > 0.3
    assert abs(means["labels", "cka_labels_removed"]) < 0.03
    assert means["topics", "cka_labels_removed"] > 0.3
    assert abs(means["labels", "cka_labels_topics_removed"]) < 0.03 and abs(means["topics", "cka_labels_topics_removed"]) < 0.03


def test_rsa_is_the_rank_correlation_of_distances():
    from scipy.spatial.distance import pdist
    from scipy.stats import spearmanr

    rng = np.random.default_rng(4)
    x = rng.normal(size=(15, 8))
    y = x @ rng.normal(size=(8, 20)) + rng.normal(size=(15, 20))
    found = geometry("rsa", x, y)
    assert found.value == pytest.approx(spearmanr(pdist(x, "correlation"), pdist(y, "correlation"))[0])
    order = generator(0, "d", "pairing", "0").permutation(15)
    assert found.draws[0] == pytest.approx(spearmanr(pdist(x[order], "correlation"), pdist(y, "correlation"))[0])
    x[3], x[7] = x[5], 2 * x[5] + 1  # ties
    found = geometry("rsa", x, y)
    assert found.value == pytest.approx(spearmanr(pdist(x, "correlation").round(10), pdist(y, "correlation"))[0])
    without = spearmanr(pdist(x[1:], "correlation").round(10), pdist(y[1:], "correlation"))[0]
    assert found.groups[0] == pytest.approx(without)


def test_debiased_cka_is_zero_on_noise_and_one_on_a_rotated_copy():
    rng = np.random.default_rng(5)
    values = [geometry("cka_debiased", *rng.normal(size=(2, 30, 200)), draws=1).value for _ in range(40)]
    assert abs(np.mean(values)) < 0.02  # biased CKA is 0.87 here
    x = rng.normal(size=(30, 10))
    turn, _ = np.linalg.qr(rng.normal(size=(10, 10)))
    assert geometry("cka_debiased", x, 5 * x @ turn).value == pytest.approx(1)


def test_prompts_that_do_not_differ_have_no_geometry():
    x = np.ones((10, 4))
    assert np.isnan(geometry("cka_debiased", x, np.random.default_rng(0).normal(size=(10, 4))).value)
    assert np.isnan(geometry("rsa", x, np.random.default_rng(0).normal(size=(10, 4))).value)


def test_jackknife_intervals_of_cka_cover():
    """Nominal 95 %: between 88 and 100 % of 60 samples hold the value of the population."""
    rng = np.random.default_rng(6)
    maps = [rng.normal(size=(6, 12)), rng.normal(size=(6, 12))]

    def draw(topics):
        common = rng.normal(size=(topics, 1, 6)) * 0.7 + rng.normal(size=(topics, 4, 6))
        rows = common.reshape(-1, 6)
        return [rows @ m + 2 * rng.normal(size=(len(rows), 12)) for m in maps]

    truth = np.mean([geometry("cka_debiased", *draw(200), draws=1).value for _ in range(3)])
    held = 0
    for _ in range(60):
        x, y = draw(40)
        topic = np.repeat(np.arange(40), 4)
        groups = np.array([topic // 2 != group for group in range(20)])
        found = geometry("cka_debiased", x, y, draws=1, groups=groups)
        low, high = jackknife_interval(found.value, found.groups)
        held += low <= truth <= high
    assert held / 60 >= 0.88


def test_the_best_depth_is_found_and_measured_elsewhere():
    rng = np.random.default_rng(7)
    topics = np.repeat(np.arange(20), 3)
    layers = [rng.normal(size=(60, 10)) for _ in range(4)]
    other = [rows @ rng.normal(size=(10, 15)) for rows in reversed(layers)]
    noise = [rng.normal(size=(60, 10)) for _ in range(4)]
    grams = [[space_of(rows @ rows.T).gram for rows in model] for model in (layers, other, noise)]
    found = best_depths(grams[0], grams[1], topics, Sampling(0, 20, ("d",)), each)
    assert [(one.layer, one.best) for one in found] == [(i, 3 - i) for i in range(4)] * 2
    assert all(one.sampled.value > max(one.sampled.draws) for one in found)
    # the best of four that match by chance only is no better than chance on the other topics
    by_chance = best_depths(grams[0], grams[2], topics, Sampling(0, 5, ("d",)), each)
    assert abs(np.mean([one.sampled.value for one in by_chance])) < 0.05


def test_ceilings_are_the_cosines_of_thirds():
    (x, _), labels, topics = sample(8)
    design = design_of(Labels(labels, topics, EMOTIONS, "neutral"))
    sampling = Sampling(0, 10, ("d",))
    curves = ceilings([space_of(x @ x.T)], design, sampling, each=each)
    one = next(c for c in curves if (c.emotion, c.measure) == ("anger", "aligned_cosine_ceiling"))
    cosines = []
    for split in thirds_of(design, sampling):
        a, b = ((x[design.rows[part, 0]].mean(0) - x[design.rows[part, 3]].mean(0)) for part in (split.source, split.target))
        cosines.append(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
    assert one.sampled.value == pytest.approx(np.mean(cosines))
    assert {c.mapping for c in curves} == {c.fit for c in curves} == {None}


def test_upper_tails_and_intervals():
    assert null_of(2.0, np.arange(99.0) / 99, Tail.UPPER).p_value == pytest.approx(0.01)
    assert null_of(-1.0, np.arange(99.0) / 99, Tail.UPPER).p_value == 1.0
    assert null_of(-1.0, np.arange(99.0) / 99, Tail.LOWER).p_value == pytest.approx(0.01)
    assert jackknife_interval(1.0, np.array([1.0, np.nan, 1.0])) == (None, None)
    assert jackknife_interval(None, np.ones(20)) == (None, None)
    values = np.random.default_rng(0).normal(size=20)
    replicates = (values.sum() - values) / 19
    low, high = jackknife_interval(values.mean(), replicates)
    # of a mean it is the t interval
    assert (high - low) / 2 == pytest.approx(2.093024 * values.std(ddof=1) / np.sqrt(20))
