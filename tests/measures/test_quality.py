"""Quality measures against plain loops over vectors, scikit-learn and SciPy."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score
from sklearn.naive_bayes import CategoricalNB

from emotion_cli.measures.gram import gram
from emotion_cli.measures.inference import auroc as areas_by_ranks
from emotion_cli.measures.inference.auroc import area_interval, areas, areas_of_kinds, resampled_areas
from emotion_cli.measures.inference.draws import Contrast, draws_of
from emotion_cli.measures.inference.resampling import blocks_of, dealt, kinds_of, units_of
from emotion_cli.measures.inference.sampling import Sampling
from emotion_cli.measures.inference.statistic import Tail, interval_of, null_of
from emotion_cli.measures.labels import OTHERS, Labels, labels_used
from emotion_cli.measures.within import surface as surfaces
from emotion_cli.measures.within.centroids import centroid_accuracy
from emotion_cli.measures.within.likeness import direction_products, equidistance, geometry_of, label_products, mixtures_of
from emotion_cli.measures.within.quality import Material, qualities
from emotion_cli.measures.within.reliability import spearman_brown, split_half
from emotion_cli.measures.within.separability import HeldOut, auroc, heldout_auroc, random_auroc
from emotion_cli.measures.within.surface import SMOOTHING, surface_auroc, surface_of, surface_scores

SAMPLING = Sampling(0, 20, ("test",))
EMOTIONS = ["joy", "rage", "shame"]
LABELS = ["calm", *EMOTIONS]


def sample(seed=0, topics=11, width=8, missing=0.0, lone=False, shift=0.7):
    rng = np.random.default_rng(seed)
    labels = np.array([label for _ in range(topics) for label in LABELS])
    names = [f"t{i // 4}" for i in range(len(labels))]
    rows = rng.normal(size=(len(labels), width)) + np.eye(4, width)[[LABELS.index(label) for label in labels]] * shift
    keep = rng.random(len(labels)) >= missing
    kept = np.flatnonzero(keep)
    return rows[keep], labels[keep].tolist(), [None if lone else names[i] for i in kept]


def contrast(labels, topics, emotion="joy", reference="calm"):
    return Contrast(emotion, draws_of(labels, topics, labels_used([emotion], EMOTIONS, reference), SAMPLING))


def direction(rows, codes, code):
    others = [rows[codes == other].mean(0) for other in np.unique(codes) if other != code]
    return rows[codes == code].mean(0) - np.mean(others, axis=0)


CASES = [
    pytest.param({}, "calm", id="complete"),
    pytest.param({}, OTHERS, id="others"),
    pytest.param({"missing": 0.2}, "calm", id="incomplete"),
    pytest.param({"missing": 0.2}, OTHERS, id="incomplete, others"),
    pytest.param({"lone": True, "missing": 0.2}, "calm", id="no topics"),
]


@pytest.mark.parametrize(("how", "reference"), CASES)
def test_auroc_is_the_mean_over_folds_of_directions_of_the_other_folds(how, reference):
    rows, labels, topics = sample(**how)
    one = contrast(labels, topics, reference=reference)
    used, drawn = rows[one.draws.used], one.draws
    curves = auroc(one, [gram(used)])
    for draw in range(5):
        codes = drawn.permuted[draw]
        found = []
        for fold in np.unique(drawn.folds):
            test = drawn.folds == fold
            vector = direction(used[~test], codes[~test], one.code)
            found.append(roc_auc_score(codes[test] == one.code, used[test] @ vector))
        assert curves.values[0, draw] == pytest.approx(np.mean(found))


@pytest.mark.parametrize(("how", "reference"), CASES)
def test_split_half_is_the_cosine_of_halves_of_the_topics(how, reference):
    rows, labels, topics = sample(**how)
    one = contrast(labels, topics, reference=reference)
    used, drawn = rows[one.draws.used], one.draws
    centred = used - used.mean(0)
    values = split_half(one, [gram(used)]).values[0]
    sizes = np.bincount(drawn.codes)
    for draw in range(5):
        codes = drawn.permuted[draw]
        signs = np.where(codes == one.code, 1.0, -1 / (len(sizes) - 1)) / sizes[codes]
        cosines = []
        for halves in drawn.halves:
            p, q = (signs[halves[drawn.blocks] == side] @ centred[halves[drawn.blocks] == side] for side in (-1, 1))
            if drawn.complete:  # then these are multiples of the directions of the halves
                own = [
                    direction(used[halves[drawn.blocks] == side], codes[halves[drawn.blocks] == side], one.code)
                    for side in (-1, 1)
                ]
                assert p @ own[0] == pytest.approx(np.linalg.norm(p) * np.linalg.norm(own[0]))
            cosines.append(p @ q / np.linalg.norm(p) / np.linalg.norm(q))
        assert values[draw] == pytest.approx(spearman_brown(np.mean(cosines)), abs=1e-5)


@pytest.mark.parametrize(("how", "reference"), CASES)
def test_centroid_accuracy_counts_prompts_nearest_to_their_own_centroid(how, reference):
    rows, labels, topics = sample(**how)
    drawn = draws_of(labels, topics, LABELS if reference == "calm" else EMOTIONS, SAMPLING)
    used = rows[drawn.used]
    found = centroid_accuracy(drawn, [gram(used)])
    for draw in range(5):
        codes = drawn.permuted[draw]
        nearest = np.empty(len(codes), int)
        for fold in np.unique(drawn.folds):
            test = drawn.folds == fold
            centroids = np.array([used[~test][codes[~test] == code].mean(0) for code in range(len(drawn.names))])
            nearest[test] = np.linalg.norm(used[test][:, None] - centroids, axis=2).argmin(1)
        expected = [np.mean(nearest[codes == code] == code) for code in range(len(drawn.names))]
        np.testing.assert_allclose(found[0, draw], expected)


def test_held_out_prompts_are_scored_on_the_whole_training_set_s_direction():
    rows, labels, topics = sample()
    tests, test_labels, test_topics = sample(seed=1, topics=7)
    one = contrast(labels, topics)
    held = HeldOut("letters", np.arange(len(rows), len(rows) + len(tests)), test_labels, test_topics)
    both = gram(np.vstack([rows, tests]), len(rows))
    curves = heldout_auroc(one, [both], held, SAMPLING)
    codes = np.array(labels)
    vector = rows[codes == "joy"].mean(0) - rows[codes == "calm"].mean(0)
    among = np.isin(test_labels, ["joy", "calm"])
    expected = roc_auc_score(np.array(test_labels)[among] == "joy", tests[among] @ vector)
    assert curves.values[0, 0] == pytest.approx(expected)


def test_random_directions_are_scored_on_the_same_folds():
    rows, labels, topics = sample()
    one = contrast(labels, topics)
    used = rows[one.draws.used]
    gaussian = np.random.default_rng(0).normal(size=(rows.shape[1], 6))
    curves = random_auroc(one, [gram(used, None, gaussian)], auroc(one, [gram(used)]).values[:, 0])
    for draw in range(6):
        found = [
            roc_auc_score(one.is_emotion[0, one.draws.folds == fold], used[one.draws.folds == fold] @ gaussian[:, draw])
            for fold in np.unique(one.draws.folds)
        ]
        assert curves.values[0, 1 + draw] == pytest.approx(np.mean(found))


@pytest.mark.parametrize("small", [False, True], ids=["whole", "in pieces"])
def test_areas_are_scikit_learn_s_with_ties_and_weights(small, monkeypatch):
    if small:
        monkeypatch.setattr(areas_by_ranks, "CHUNK", 12)
    rng = np.random.default_rng(0)
    positive, negative = rng.integers(0, 5, size=(3, 9)).astype(float), rng.integers(0, 4, size=(3, 6)).astype(float)
    for p, n, area in zip(positive, negative, areas(positive, negative), strict=True):
        assert area == pytest.approx(roc_auc_score([1] * 9 + [0] * 6, [*p, *n]))
    # prompts of one kind have one score, and kinds may have the same
    kinds = rng.integers(0, 4, size=(3, 8)).astype(float)
    of_kind = rng.integers(0, 8, size=15)
    of_prompts = kinds[:, of_kind]
    counts = (np.tile(np.bincount(of, minlength=8), (3, 1)) for of in (of_kind[:9], of_kind[9:]))
    np.testing.assert_array_equal(areas_of_kinds(kinds, *counts), areas(of_prompts[:, :9], of_prompts[:, 9:]))
    # units of one prompt each: copies count as often as drawn
    counts = rng.integers(0, 3, size=(4, 15)).astype(float)
    units = np.arange(9), np.arange(9, 15)
    for count, area in zip(counts, resampled_areas(positive[0], negative[0], units, counts), strict=True):
        assert area == pytest.approx(roc_auc_score([1] * 9 + [0] * 6, [*positive[0], *negative[0]], sample_weight=count))
    # a positive and a negative prompt of one topic: a pair as often as the topic is drawn
    twice = resampled_areas(
        np.array([1.0, 0.0]), np.array([0.5, 0.5]), (np.array([0, 1]), np.array([0, 1])), np.array([[2.0, 1.0]])
    )
    assert twice[0] == pytest.approx((2 * 1 + 2 * 1) / (2 + 2 + 2 + 1))


def test_a_zero_direction_separates_nothing():
    rows, labels, topics = sample()
    rows[:] = rows[0] + np.array([[int(topic[1:]) * 3.0] for topic in topics])
    # topics differ, labels do not
    found = qualities(Material({1: gram(rows)}, Labels(labels, topics, EMOTIONS, "calm"), SAMPLING, averaged=[1]))
    by_measure = {(one.measure, one.layer): one.statistic for one in found if one.emotion == "joy"}
    assert by_measure["auroc", 1].value == 0.5 and by_measure["auroc", 1].null.p_value > 0.05
    assert by_measure["split_half", 1].value is None


def test_few_topics_make_as_many_folds():
    _, labels, topics = sample(topics=3)
    assert len(np.unique(contrast(labels, topics).draws.folds)) == 3


@pytest.mark.parametrize(("how", "reference"), CASES)
def test_a_topic_is_never_in_two_folds_or_halves_and_keeps_its_labels(how, reference):
    _, labels, topics = sample(**how)
    drawn = contrast(labels, topics, reference=reference).draws
    for block in np.unique(drawn.blocks):
        members = drawn.blocks == block
        assert len(np.unique(drawn.folds[members])) == 1
        for codes in drawn.permuted:
            np.testing.assert_array_equal(np.sort(codes[members]), np.sort(drawn.codes[members]))
    own = [topics[i] for i in drawn.used]
    for topic in set(own) - {None}:
        members = [i for i, name in enumerate(own) if name == topic]
        if len(members) > 1:
            assert len(np.unique(drawn.blocks[members])) == 1


def test_splits_and_resamples_keep_strata():
    rng = np.random.default_rng(0)
    codes = np.array([0, 0, 0, 0, 1, 1, 1, 1, 1, 0])
    assert len(np.unique(blocks_of(codes, [None] * 10, rng))) == 5
    units = units_of(["a", "a", None, None, "b", "b", "b", "a", None, None])
    assert units[0] == units[1] == units[7] and len(np.unique(units)) == 6
    kinds = kinds_of(codes, units)
    hands = dealt(kinds, 2, rng)
    for kind in np.unique(kinds):
        members = kinds == kind
        assert abs(np.sum(hands[members] == 0) - members.sum() / 2) <= 0.5


def test_upper_tail_and_intervals():
    draws = np.arange(1, 100) / 100
    assert null_of(2.0, draws, Tail.UPPER).p_value == pytest.approx(1 / 100)
    assert null_of(0.5, draws, Tail.UPPER).p_value == pytest.approx(51 / 100)
    assert interval_of(draws) == pytest.approx(np.quantile(draws, [0.025, 0.975]))
    assert interval_of(np.concatenate([draws, np.full(3, np.nan)])) == (None, None)
    assert interval_of(np.concatenate([draws, np.full(2, np.nan)])).low is not None
    # 2.5 % without a value are allowed, to the draw
    assert interval_of(np.concatenate([np.ones(975), np.full(25, np.nan)])).low is not None
    assert interval_of(np.concatenate([np.ones(974), np.full(26, np.nan)])).low is None
    # all of 40 topics won: the bound of Clopper and Pearson
    assert area_interval(1.0, np.ones(99), 40) == (pytest.approx(stats.binomtest(40, 40).proportion_ci().low, abs=1e-6), 1.0)
    plain, folds = (area_interval(0.6, 0.6 + 0.01 * stats.norm.ppf(draws), 400, n) for n in (1, 5))
    assert (folds.high - 0.6) / (plain.high - 0.6) == pytest.approx(1.5, abs=0.01)


def test_surface_scores_are_naive_bayes():
    rng = np.random.default_rng(0)
    final, first = (rng.choice(list("abc"), size=40).tolist() for _ in range(2))
    surface = surface_of(final, first, rng.integers(2, 9, size=40).tolist())
    train, test = np.arange(30), np.arange(30, 40)
    is_positive = rng.random(30) < 0.5
    scores = surface_scores(surface, train, test, is_positive[None], ("final_char", "first_word"))[0]
    features = np.stack([surface.final_char, surface.first_word], axis=1)
    oracle = CategoricalNB(alpha=SMOOTHING, fit_prior=False, min_categories=3).fit(features[train], is_positive)
    log = oracle.predict_log_proba(features[test])
    np.testing.assert_allclose(scores, log[:, 1] - log[:, 0], atol=1e-9)
    words = surface_scores(surface, train, test, is_positive[None], ("n_words",))[0]
    normal = [
        stats.norm(own.mean(), max(own.std(), 0.5))
        for own in (surface.n_words[train][is_positive], surface.n_words[train][~is_positive])
    ]
    np.testing.assert_allclose(
        words, normal[0].logpdf(surface.n_words[test]) - normal[1].logpdf(surface.n_words[test]), atol=1e-9
    )


def test_the_surface_auroc_is_that_of_each_prompt_s_score(monkeypatch):
    """Computed by kinds of prompts, a few draws at a time; here prompt by prompt, draw by draw."""
    rng = np.random.default_rng(1)
    labels = ["calm", "rage"] * 30
    topics = [f"t{i // 4}" if i < 40 else None for i in range(60)]
    surface = surface_of(
        rng.choice(list("ab"), size=60).tolist(), rng.choice(list("cde"), size=60).tolist(), rng.integers(2, 5, size=60).tolist()
    )
    contrast = Contrast("calm", draws_of(labels, topics, ["calm", "rage"], SAMPLING))
    monkeypatch.setattr(surfaces, "CHUNK", 150)
    ((_, found),) = surface_auroc(contrast, surface).statistics([], [], Tail.UPPER)
    folds = contrast.draws.folds
    by_draw = []
    for is_emotion in contrast.is_emotion:
        scores = [
            surface_scores(
                surface, np.flatnonzero(folds != fold), np.flatnonzero(folds == fold), is_emotion[None, folds != fold]
            )[0]
            for fold in range(5)
        ]
        by_draw.append(np.mean([roc_auc_score(is_emotion[folds == fold], np.round(scores[fold], 9)) for fold in range(5)]))
    assert found.value == pytest.approx(by_draw[0])
    assert found.null.mean == pytest.approx(np.mean(by_draw[1:]))


@pytest.mark.parametrize(("how", "reference"), CASES)
def test_unbiased_inner_products_are_means_over_pairs_of_topics(how, reference):
    rows, labels, topics = sample(**how, shift=3.0)
    names = LABELS if reference == "calm" else EMOTIONS
    used = [i for i, label in enumerate(labels) if label in names]
    rows, codes, units = rows[used], np.array([names.index(labels[i]) for i in used]), units_of([topics[i] for i in used])
    counts = np.vstack([np.ones(units.max() + 1), np.random.default_rng(0).integers(0, 3, size=units.max() + 1)])
    inner = rows @ rows.T
    found = label_products(inner, codes, units, counts)
    for draw, count in enumerate(counts):
        for k in range(len(names)):
            for m in range(len(names)):
                pairs = [
                    (count[units[i]] * count[units[j]], inner[i, j])
                    for i in np.flatnonzero(codes == k)
                    for j in np.flatnonzero(codes == m)
                    if units[i] != units[j]
                ]
                weights, values = np.array(pairs).T
                assert found[draw, k, m] == pytest.approx(weights @ values / weights.sum())
    if not how:  # complete topics: the mean over t != s of <D_a,t, D_b,s>
        per_topic = [
            [rows[(units == unit) & (codes == code)][0] for code in range(len(names))] for unit in range(units.max() + 1)
        ]
        mixtures = mixtures_of(names, EMOTIONS, reference)
        differences = dict(zip(EMOTIONS, np.einsum("ek,tkd->etd", mixtures, np.array(per_topic)), strict=True))

        def product(a, b):
            full = differences[a] @ differences[b].T
            return (full.sum() - np.trace(full)) / (len(full) * (len(full) - 1))

        products = direction_products(gram(rows).inner, codes, units, counts, mixtures)
        cosines = geometry_of(products[:, 0, 0], products[:, 1, 1], products[:, 0, 1]).cosine
        squares = product("joy", "joy") * product("rage", "rage")
        assert cosines[0] == pytest.approx(product("joy", "rage") / np.sqrt(squares))


def test_the_equidistance_value():
    assert equidistance(3, "calm") == 0.5
    assert equidistance(3, OTHERS) == -0.5
