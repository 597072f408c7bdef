"""Logistic regression on inner products against scikit-learn on the vectors themselves."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from emotion_cli.measures.gram import gram
from emotion_cli.measures.inference.draws import Contrast, draws_of
from emotion_cli.measures.inference.sampling import Sampling
from emotion_cli.measures.inference.statistic import NO_NULL
from emotion_cli.measures.labels import Labels
from emotion_cli.measures.within import classifier
from emotion_cli.measures.within.classifier import logistic_auroc, logistic_heldout
from emotion_cli.measures.within.quality import OF_A_CLASSIFIER, Material, qualities
from emotion_cli.measures.within.separability import HeldOut

SAMPLING = Sampling(0, 100, ("test",))


def sample(seed=0, topics=12, width=30, shift=1.0):
    rng = np.random.default_rng(seed)
    labels = ["joy", "calm"] * topics
    rows = 5 + rng.normal(size=(len(labels), width)) * np.linspace(0.2, 9, width)
    rows[::2, :5] += shift
    return rows, labels, [f"topic {i // 2}" for i in range(len(labels))]


def fitted(rows, train, is_positive):
    """The same classifier on vectors; the centre and the scale are those of the package."""
    centred = rows - rows.mean(0)
    scale = np.sqrt(np.square(centred[train]).sum(1).mean())
    model = LogisticRegression(C=100, max_iter=5000, tol=1e-10).fit(centred[train] / scale, is_positive)
    return lambda others: model.decision_function((others - rows.mean(0)) / scale)


def test_auroc_is_the_mean_over_the_folds_of_the_direction():
    rows, labels, topics = sample()
    contrast = Contrast("joy", draws_of(labels, topics, ["calm", "joy"], SAMPLING))
    curves = logistic_auroc(contrast, [gram(rows), gram(np.ones_like(rows))])
    is_joy = np.array(labels) == "joy"
    expected = [
        roc_auc_score(is_joy[test], fitted(rows, train, is_joy[train])(rows[test])) for test, train in contrast.draws.split()
    ]
    assert curves.values.shape == (2, 1)
    assert curves.values[:, 0] == pytest.approx([np.mean(expected), 0.5])
    (of_layer, *_) = curves.statistics([1, 2], [1], None)
    assert of_layer[1].null == NO_NULL and of_layer[1].interval.low < of_layer[1].value < of_layer[1].interval.high


def test_a_test_set_is_scored_by_the_classifier_of_all_training_prompts():
    rows, labels, topics = sample()
    others, *_ = sample(seed=1)
    contrast = Contrast("joy", draws_of(labels, topics, ["calm", "joy"], SAMPLING))
    held = HeldOut("other", np.arange(24, 48), labels, [f"other {topic}" for topic in topics])
    curves = logistic_heldout(contrast, [gram(np.vstack([rows, others]), 24)], held, SAMPLING)
    is_joy = np.array(labels) == "joy"
    expected = roc_auc_score(is_joy, fitted(rows, np.arange(24), is_joy)(others))
    assert curves.values[0, 0] == pytest.approx(expected)


def test_a_classifier_has_auroc_alone_and_none_where_prompts_are_many(monkeypatch):
    rows, labels, topics = sample()
    material = Material({3: gram(rows)}, Labels(labels, topics, ["joy"], "calm"), SAMPLING, [3])
    rows_made = qualities(material, OF_A_CLASSIFIER)
    assert [(row.measure, row.layer) for row in rows_made] == [("auroc", 3), ("auroc", None)]
    assert all(row.statistic.null == NO_NULL and row.statistic.n == 12 for row in rows_made)
    monkeypatch.setattr(classifier, "MOST_PROMPTS", 23)
    assert not qualities(material, OF_A_CLASSIFIER)
