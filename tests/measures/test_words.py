"""Words as rivals of a direction: against scikit-learn on one world, and in many worlds of which the truth is known."""

from typing import NamedTuple

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.naive_bayes import ComplementNB, MultinomialNB
from sklearn.pipeline import make_union

from emotion_cli.measures.gram import gram
from emotion_cli.measures.inference.auroc import gain_interval
from emotion_cli.measures.inference.sampling import Sampling
from emotion_cli.measures.inference.statistic import Tail
from emotion_cli.measures.labels import OTHERS, Labels
from emotion_cli.measures.within import bag_of_words, words
from emotion_cli.measures.within.bag_of_words import CLASSIFIERS, INVERSE_PENALTIES, Counts, Texts, logistic, naive_bayes
from emotion_cli.measures.within.quality import Material, qualities
from emotion_cli.measures.within.separability import HeldOut
from emotion_cli.measures.within.words import Words, curves_of_words

VOCABULARY = np.array([f"{a}{b}{c}" for a in "bdfgklm" for b in "aeiou" for c in ("nt", "rs")])
WIDTH = 40
EMBEDDINGS = np.random.default_rng(0).normal(size=(len(VOCABULARY), WIDTH))


class World(NamedTuple):
    """Texts, labels, topics, and the mean embedding of each text's words [prompt, width]."""

    texts: Texts
    labels: tuple[str, ...]
    topics: tuple[str, ...]
    rows: np.ndarray


def world(rng, *, topics=16, telling=0.0, names=("anger", "calm"), length=8):
    """Prompts of random words; with probability `telling` a word is one of three that its label prefers."""
    labels, chosen = list(names) * topics, []
    for label in labels:
        own = 3 * names.index(label) + rng.integers(0, 3, size=length)
        chosen.append(np.where(rng.random(length) < telling, own, rng.integers(0, len(VOCABULARY), size=length)))
    of_words = tuple(tuple(VOCABULARY[numbers].tolist()) for numbers in chosen)
    rows = np.array([EMBEDDINGS[numbers].mean(0) for numbers in chosen])
    texts = Texts(tuple(" ".join(text) for text in of_words), of_words)
    return World(texts, tuple(labels), tuple(f"t{i // len(names)}" for i in range(len(labels))), rows)


def measured(train, test=None, *, reference="calm", draws=99):
    """All statistics of `anger`, by measure and layer."""
    held = []
    rows = train.rows
    if test is not None:
        held = [HeldOut("letters", len(rows) + np.arange(len(test.rows)), test.labels, test.topics, test.texts)]
        rows = np.vstack([rows, test.rows])
    emotions = sorted({*train.labels} - {"calm"})
    material = Material(
        {1: gram(rows, len(train.rows))},
        Labels(train.labels, train.topics, emotions, reference),
        Sampling(0, draws, ("x",)),
        averaged=[1],
        held_out=held,
        texts=train.texts,
    )
    return {(row.measure, row.layer): row.statistic for row in qualities(material) if row.emotion == "anger"}


def oracle_vectorizer():
    of_words = TfidfVectorizer(token_pattern=r"\w+")
    of_trigrams = TfidfVectorizer(analyzer="char", ngram_range=(3, 3), preprocessor=lambda text: f" {text.lower()} ")
    return make_union(of_words, of_trigrams)


def oracle_scores(classifier, texts, train, test, is_positive):
    vectorizer = oracle_vectorizer()
    known = vectorizer.fit_transform([texts[i] for i in train])
    fitted = classifier.fit(known, is_positive)
    return fitted.predict_log_proba(vectorizer.transform([texts[i] for i in test])) @ [-1, 1]


def test_classifiers_are_scikit_learn_s_for_each_draw():
    made = world(np.random.default_rng(1), telling=0.3)
    train, test = np.arange(24), np.arange(24, 32)
    is_positive = np.array([np.random.default_rng(i).permutation(24) < 10 for i in range(3)])
    counts = Counts(made.texts)
    terms = counts.weighed(train, test)
    for draw, labels in enumerate(is_positive):
        for oracle in (MultinomialNB(), ComplementNB()):  # the same but for a constant
            difference = naive_bayes(terms, is_positive)[draw] - oracle_scores(oracle, made.texts.texts, train, test, labels)
            assert np.ptp(difference) < 1e-9
        for penalty in INVERSE_PENALTIES:
            oracle = LogisticRegression(C=penalty, max_iter=10_000, tol=1e-10)
            expected = oracle_scores(oracle, made.texts.texts, train, test, labels)
            np.testing.assert_allclose(logistic(terms, is_positive, penalty)[draw], expected, atol=2e-3)
    # other texts are weighed by the training texts, too
    apart = counts.weighed(train, made.texts.of(test))
    assert abs(apart.test - terms.test).max() < 1e-12


def test_naive_bayes_in_pieces_is_the_same(monkeypatch):
    made = world(np.random.default_rng(1), telling=0.3)
    terms = Counts(made.texts).weighed(np.arange(24), np.arange(24, 32))
    is_positive = np.array([np.random.default_rng(i).permutation(24) < 10 for i in range(5)])
    whole = naive_bayes(terms, is_positive)
    monkeypatch.setattr(bag_of_words, "CHUNK", 2 * terms.train.shape[1])
    np.testing.assert_allclose(naive_bayes(terms, is_positive), whole)


@pytest.mark.parametrize("reference", ["calm", OTHERS])
def test_the_folds_are_the_direction_s_and_the_classifier_is_chosen_inside_the_other_folds(reference):
    """By plain loops with scikit-learn: the classifier that does best on the other folds scores a fold."""
    names = ("anger", "calm", "joy") if reference == "calm" else ("anger", "joy", "pride")
    made = world(np.random.default_rng(3), telling=0.2, names=names)
    concerned = ("anger", "calm") if reference == "calm" else names
    rival = Words(made.texts, made.labels, made.topics, "anger", concerned, Sampling(0, 5, ("x",)))
    draws = rival.contrast.draws
    texts = [made.texts.texts[i] for i in draws.used]
    is_emotion = np.array([made.labels[i] == "anger" for i in draws.used])
    oracles = [MultinomialNB(), *(LogisticRegression(C=c, max_iter=10_000, tol=1e-10) for c in INVERSE_PENALTIES)]

    def area(oracle, train, test, positive=is_emotion):
        scores = oracle_scores(oracle, texts, train, test, positive[train])
        return roc_auc_score(positive[test], np.round(scores, 6))

    def rows(*folds):
        return np.flatnonzero(np.isin(draws.folds, folds))

    values = np.zeros((5, 3))
    for fold in range(5):
        others = [other for other in range(5) if other != fold]
        inner = [
            np.mean([area(oracle, rows(*(o for o in others if o != left)), rows(left)) for left in others]) for oracle in oracles
        ]
        best = oracles[int(np.argmax(np.round(inner, 9)))]
        for draw in range(3):
            positive = draws.permuted[draw] == concerned.index("anger")
            values[fold, draw] = area(best, rows(*others), rows(fold), positive)
    np.testing.assert_allclose(rival.auroc().values[0, :3], values.mean(0), atol=0.01)


def test_gain_is_the_difference_on_the_same_prompts_and_topics():
    rng = np.random.default_rng(4)
    train, test = world(rng, telling=0.2), world(rng, telling=0.2, topics=12)
    found = measured(train, test)
    rival = "auroc_words", None
    assert found[rival].interval.low < found[rival].value < found[rival].interval.high
    for gain, direction, rival in (
        ("auroc_gain", "auroc", "auroc_words"),
        ("auroc_gain_heldout", "auroc_heldout", "auroc_words_heldout"),
    ):
        assert found[gain, 1].value == pytest.approx(found[direction, 1].value - found[rival, None].value)
        assert found[gain, 1].interval.low < found[gain, 1].value < found[gain, 1].interval.high
        assert found[gain, None].value == pytest.approx(found[gain, 1].value)
        assert found[gain, 1].null.mean == 0 and found[gain, 1].null.p_value is None
    assert found["auroc_words", None].null.n_draws == 99
    # without the texts there is nothing to compare with
    without = measured(train, test._replace(texts=None))
    assert ("auroc_words", None) in without and ("auroc_words_heldout", None) not in without


def test_words_are_fitted_once_for_all_models(monkeypatch):
    calls = []
    monkeypatch.setattr(Words, "auroc", lambda self: calls.append(self))
    made = world(np.random.default_rng(5), topics=5)
    for _ in range(2):  # equal, not the same
        texts = Texts(tuple(made.texts.texts), tuple(map(tuple, made.texts.words)))
        curves_of_words(Words(texts, made.labels, made.topics, "anger", ("anger", "calm"), Sampling(0, 5, ("once",))))
    assert len(calls) == 1


def test_many_prompts_leave_naive_bayes_alone(monkeypatch):
    made = world(np.random.default_rng(6), telling=0.4)
    monkeypatch.setattr(words, "MOST_PROMPTS", 31)
    rival = Words(made.texts, made.labels, made.topics, "anger", ("anger", "calm"), Sampling(0, 5, ("x",)))
    assert rival.classifiers == CLASSIFIERS[:1] and rival.auroc().values[0, 0] > 0.7


def test_texts_without_topics_or_with_few_of_them():
    made = world(np.random.default_rng(7), topics=2)
    rival = Words(made.texts, made.labels, made.topics, "anger", ("anger", "calm"), Sampling(0, 5, ("x",)))
    assert 0 <= rival.auroc().values[0, 0] <= 1  # two folds: nothing to choose on
    alone = Words(made.texts, made.labels, (None,) * 4, "anger", ("anger", "calm"), Sampling(0, 5, ("x",)))
    assert 0 <= alone.auroc().values[0, 0] <= 1


def test_an_area_of_one_leaves_the_gain_as_uncertain_as_that_area():
    bound = 0.025 ** (1 / 40)
    both = gain_interval(0.0, np.zeros(99), of_rival=1.0, n_units=40, refits=1.0)
    assert both == pytest.approx((bound - 1, 1 - bound))
    direction = gain_interval(0.01, np.full(99, 0.01), of_rival=0.99, n_units=40, refits=1.0)
    assert direction.low == pytest.approx(bound - 0.99) and direction.high == pytest.approx(0.01)


def rival_of(made, seed):
    return Words(made.texts, made.labels, made.topics, "anger", ("anger", "calm"), Sampling(seed, 99, ("x",)))


def test_words_without_relation_to_labels_are_inside_their_null():
    repetitions, p_values, values = 60, [], []
    for seed in range(repetitions):
        ((_, found),) = rival_of(world(np.random.default_rng([11, seed]), topics=10), seed).auroc().statistics([], [], Tail.UPPER)
        p_values.append(found.null.p_value)
        values.append(found.value)
    assert np.mean(np.array(p_values) <= 0.05) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / repetitions)
    assert abs(np.mean(values) - 0.5) < 4 * np.std(values) / np.sqrt(repetitions)


def test_a_word_that_gives_the_label_away_is_found():
    found = []
    for seed in range(20):
        made = world(np.random.default_rng([12, seed]), topics=10, telling=0.4)
        ((_, statistic),) = rival_of(made, seed).auroc().statistics([], [], Tail.UPPER)
        found.append(statistic.null.p_value <= 0.05 and statistic.value > 0.8)
    assert np.mean(found) >= 0.95


def gains(block, repetitions, *, telling, known, topics=24):
    """Share of worlds in which the interval of the gain lies above 0: on folds, and on a test set."""
    above = []
    for seed in range(repetitions):
        rng = np.random.default_rng([block, seed])
        train, test = (world(rng, topics=topics, telling=telling) for _ in range(2))
        train, test = (
            made._replace(rows=made.rows + known * np.outer(np.array(made.labels) == "anger", np.ones(WIDTH)))
            for made in (train, test)
        )
        found = measured(train, test, draws=199)
        above.append([found[name, 1].interval.low > 0 for name in ("auroc_gain", "auroc_gain_heldout")])
    return np.mean(above, axis=0)


def test_a_direction_that_knows_more_than_words_gains():
    assert (gains(13, 20, telling=0.1, known=0.2, topics=40) >= 0.8).all()


@pytest.mark.slow
@pytest.mark.parametrize("telling", [0.1, 0.3])
def test_a_direction_of_words_does_not_gain(telling):
    assert (gains(14, 40, telling=telling, known=0.0) <= 0.05).all()
