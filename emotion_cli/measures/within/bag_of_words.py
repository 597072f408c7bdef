"""Words and character trigrams of texts as numbers, and classifiers that are fitted to many draws of labels at once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, NamedTuple

import numpy as np

from emotion_cli.measures.inference.auroc import CHUNK

Sparse = Any
"""A matrix of SciPy in compressed rows, [prompt, term]."""

SMOOTHING = 1.0
"""Added to every count of naive Bayes."""

INVERSE_PENALTIES = (0.1, 1.0, 10.0, 100.0)
"""Of logistic regression, C: the weight of a prompt's loss beside half the squared length of the weights."""

MOST_PROMPTS = 1000
"""With more prompts logistic regression is left out: its cost grows with their number cubed."""

PRECISION = 1e-4
"""Share of the distance to the best weights that is left when logistic regression stops."""


class Texts(NamedTuple):
    """Of each prompt [prompt]: its text, and its words in order."""

    texts: tuple[str, ...]
    words: tuple[tuple[str, ...], ...]

    def of(self, rows: np.ndarray) -> "Texts":
        """The same of some prompts."""
        places: list[int] = rows.tolist()
        return Texts(tuple(self.texts[i] for i in places), tuple(self.words[i] for i in places))


class Components(NamedTuple):
    """Principal components of training prompts: variances [component], vectors [train, component], and the mean inner products.

    The last [train] are those of each prompt with all training prompts.
    """

    values: np.ndarray
    vectors: np.ndarray
    means: np.ndarray


@dataclass(frozen=True)
class Weighed:
    """TF-IDF [prompt, term] of training prompts and of others, by the terms and frequencies of the training prompts."""

    train: Sparse
    test: Sparse

    @cached_property
    def components(self) -> Components:
        """The components of the training prompts, about their mean; those of rounding are left out."""
        inner = (self.train @ self.train.T).toarray()
        centred = inner - inner.mean(0) - inner.mean(1, keepdims=True) + inner.mean()
        values, vectors = np.linalg.eigh(centred)
        kept = values > 1e-9 * max(values[-1], 1e-9)
        return Components(values[kept], vectors[:, kept], inner.mean(0))


class Counts:
    """How often each word, and each run of three characters, stands in the texts of a training set, in any case."""

    def __init__(self, texts: Texts) -> None:
        from sklearn.feature_extraction.text import CountVectorizer  # here, because it takes a second to import

        analyzers: tuple[Any, Any] = (_lower, _trigrams)
        self._of_words, self._of_trigrams = (CountVectorizer(analyzer=analyzer) for analyzer in analyzers)
        self._counts: tuple[Sparse, Sparse] = (
            self._of_words.fit_transform(texts.words),
            self._of_trigrams.fit_transform(texts.texts),
        )

    def of_others(self, texts: Texts) -> tuple[Sparse, Sparse]:
        """Counts [prompt, term] in other texts; what no training text holds is not counted."""
        return self._of_words.transform(texts.words), self._of_trigrams.transform(texts.texts)

    def weighed(self, train: np.ndarray, test: "np.ndarray | Texts") -> Weighed:
        """TF-IDF where only the rows `train` are known; `test` are other rows, or other texts."""
        from scipy.sparse import hstack
        from sklearn.feature_extraction.text import TfidfTransformer

        others = self.of_others(test) if isinstance(test, Texts) else [counts[test] for counts in self._counts]
        known, unknown = [], []
        for counts, of_test in zip(self._counts, others, strict=True):
            of_train = counts[train]
            present = np.flatnonzero(of_train.getnnz(axis=0))
            weights = TfidfTransformer().fit(of_train[:, present])
            known.append(weights.transform(of_train[:, present]))
            unknown.append(weights.transform(of_test[:, present]))
        return Weighed(hstack(known, "csr"), hstack(unknown, "csr"))


def naive_bayes(terms: Weighed, is_positive: np.ndarray) -> np.ndarray:
    """Log odds [draw, test] of the positive label, labels given as [draw, train], but for a constant of each draw.

    Of two labels the multinomial and the complement model have the same order of scores.
    """
    scores = np.empty((len(is_positive), terms.test.shape[0]))
    step = max(1, CHUNK // terms.train.shape[1])
    for start in range(0, len(is_positive), step):
        drawn = is_positive[start : start + step]
        positive, negative = (_log_shares(terms.train, has_label) for has_label in (drawn, ~drawn))
        scores[start : start + step] = (terms.test @ (positive - negative)).T
    return scores


def _log_shares(train: Sparse, has_label: np.ndarray) -> np.ndarray:
    """Logarithm of each term's share [term, draw] of what the prompts of a label hold, [draw, train]."""
    sums = train.T @ has_label.T.astype(np.float64) + SMOOTHING
    return np.log(sums / sums.sum(0))


def logistic(terms: Weighed, is_positive: np.ndarray, inverse_penalty: float) -> np.ndarray:
    """Log odds [draw, test] of the positive label by logistic regression, labels given as [draw, train].

    Weights lie in the span of the training prompts, so they are found among the eigenvectors of their inner products. There
    the second derivatives have a bound that is diagonal: gradient steps in its metric, with Nesterov's momentum.
    """
    # about the mean of the training prompts, which the intercept takes up
    values, vectors, means = terms.components
    scale = np.sqrt(values)
    rows = np.hstack([vectors * scale, np.ones((len(vectors), 1))])
    bound = np.append(1 + inverse_penalty * values / 4, inverse_penalty * len(vectors) / 4)
    ratio = np.sqrt(1 / bound[:-1].max(initial=1.0))
    momentum, n_steps = (1 - ratio) / (1 + ratio), int(np.ceil(-np.log(PRECISION) / ratio))
    penalty = np.append(np.ones(len(values)), 0.0)
    weights = ahead = np.zeros((len(is_positive), len(bound)))
    for _ in range(n_steps):
        missing = is_positive - 1 / (1 + np.exp(-(ahead @ rows.T)))
        former, weights = weights, ahead + (inverse_penalty * missing @ rows - penalty * ahead) / bound
        ahead = weights + momentum * (weights - former)
    # through the terms, as inner products of many test prompts with the training prompts would fill memory
    of_prompts = weights[:, :-1] @ (vectors / scale).T
    of_prompts -= of_prompts.mean(1, keepdims=True)
    return (terms.test @ (terms.train.T @ of_prompts.T)).T - of_prompts @ means[:, None] + weights[:, -1:]


Classifier = Callable[[Weighed, np.ndarray], np.ndarray]
"""From terms, and labels of the training prompts [draw, train], to scores of the test prompts [draw, test]."""

CLASSIFIERS: tuple[Classifier, ...] = (naive_bayes, *(partial(logistic, inverse_penalty=c) for c in INVERSE_PENALTIES))
"""Those that compete; of equals the first is taken."""


def best_classifier(inner: Sequence[np.ndarray] | np.ndarray) -> int:
    """The classifier with the highest mean of AUROC [inner fold, classifier] where that is defined; the first of equals."""
    areas = np.asarray(inner)
    is_defined = np.isfinite(areas)
    means = np.where(is_defined, areas, 0).sum(0) / np.maximum(is_defined.sum(0), 1)
    return int(np.argmax(np.round(means, 9)))


def _lower(words: Sequence[str]) -> list[str]:
    return [word.lower() for word in words]


def _trigrams(text: str) -> list[str]:
    """Runs of three characters; with a space at both ends, so that each text has one."""
    padded = f" {text.lower()} "
    return [padded[i : i + 3] for i in range(len(padded) - 2)]
