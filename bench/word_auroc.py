"""How well the words of a prompt set alone tell its labels apart: `python -m bench.word_auroc SET [TEST_SET]`."""

import sys
from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold
from sklearn.naive_bayes import ComplementNB, MultinomialNB
from sklearn.pipeline import make_union

from emotion_cli.prompts.prompt_set import Prompt
from emotion_cli.prompts.shipped import shipped_prompt_set

N_DRAWS = 1000
CLASSIFIERS = (
    MultinomialNB(),
    ComplementNB(),
    *(LogisticRegression(C=c, max_iter=2000) for c in (0.1, 1.0, 10.0, 100.0)),
)


class Interval(NamedTuple):
    """An AUROC with the 2.5 and 97.5 percentiles of its bootstrap over topics."""

    auroc: float
    low: float
    high: float


class LabelledTexts(NamedTuple):
    """Texts (n), whether each has the first label of a pair (n), and the number of its topic (n)."""

    texts: np.ndarray
    positive: np.ndarray
    topics: np.ndarray


def texts_of_pair(prompts: Sequence[Prompt], pair: tuple[str, str]) -> LabelledTexts:
    """The prompts of two labels."""
    chosen = [prompt for prompt in prompts if prompt.emotion in pair]
    _, topics = np.unique([str(prompt.topic) for prompt in chosen], return_inverse=True)
    return LabelledTexts(
        np.array([prompt.text for prompt in chosen]), np.array([prompt.emotion == pair[0] for prompt in chosen]), topics
    )


def scores_of_others(trained: LabelledTexts, others: np.ndarray) -> np.ndarray:
    """Scores of `others` (n) by the classifier that does best on inner folds of the training texts."""
    inner = np.empty((len(CLASSIFIERS), len(trained.texts)))
    for train, test in GroupKFold(5, shuffle=True, random_state=1).split(trained.texts, groups=trained.topics):
        inner[:, test] = _scores_by_classifier(CLASSIFIERS, _subset(trained, train), trained.texts[test])
    best = int(np.argmax([roc_auc_score(trained.positive, scores) for scores in inner]))
    return _scores_by_classifier([CLASSIFIERS[best]], trained, others)[0]


def cross_validated_scores(data: LabelledTexts, n_folds: int = 10) -> np.ndarray:
    """Out-of-fold scores (n); all texts of a topic are in one fold."""
    scores = np.empty(len(data.texts))
    for train, test in GroupKFold(n_folds, shuffle=True, random_state=0).split(data.texts, groups=data.topics):
        scores[test] = scores_of_others(_subset(data, train), data.texts[test])
    return scores


def auroc_interval(scores: np.ndarray, data: LabelledTexts) -> Interval:
    """The AUROC of scores (n), with its 95 % interval from resampled topics."""
    rng = np.random.default_rng(0)
    rows = [np.flatnonzero(data.topics == topic) for topic in range(data.topics.max() + 1)]
    draws = []
    for _ in range(N_DRAWS):
        drawn = np.concatenate([rows[topic] for topic in rng.integers(len(rows), size=len(rows))])
        draws.append(roc_auc_score(data.positive[drawn], scores[drawn]))
    low, high = np.quantile(draws, [0.025, 0.975])
    return Interval(float(roc_auc_score(data.positive, scores)), float(low), float(high))


def _subset(data: LabelledTexts, rows: np.ndarray) -> LabelledTexts:
    return LabelledTexts(*(column[rows] for column in data))


def _scores_by_classifier(classifiers: Sequence, trained: LabelledTexts, others: np.ndarray) -> np.ndarray:
    """Log odds of the first label, classifiers x texts."""
    words = TfidfVectorizer(token_pattern=r"\w+")
    trigrams = TfidfVectorizer(analyzer="char", ngram_range=(3, 3))
    vectorizer = make_union(words, trigrams)
    known, unknown = vectorizer.fit_transform(trained.texts), vectorizer.transform(others)
    return np.stack([classifier.fit(known, trained.positive).predict_log_proba(unknown) @ [-1, 1] for classifier in classifiers])


def main(name: str, test_name: str | None = None) -> None:
    """Prints the AUROC of each pair of labels, by folds of topics or on a second set."""
    prompts = shipped_prompt_set(name).prompts
    for pair in combinations(sorted({prompt.emotion for prompt in prompts}), 2):
        data = texts_of_pair(prompts, pair)
        if test_name is None:
            scores = cross_validated_scores(data)
        else:
            trained, data = data, texts_of_pair(shipped_prompt_set(test_name).prompts, pair)
            scores = scores_of_others(trained, data.texts)
        interval = auroc_interval(scores, data)
        print(f"{pair[0]:9}  {pair[1]:9}  {interval.auroc:.3f}  [{interval.low:.3f}, {interval.high:.3f}]", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
