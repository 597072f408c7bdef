"""A seeded sample of prompts: whole topics with one prompt of a label each, and of labels where they are many."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np

from emotion_cli.measures.inference.resampling import Names
from emotion_cli.measures.inference.sampling import Sampling
from emotion_cli.measures.streamed.limits import MOST_LABELS

LEAST_TOPICS = 30
"""Labels are sampled where fewer topics than this would fit."""


class Sample(NamedTuple):
    """Places of the sampled prompts, ascending, and the labels that they have, sorted."""

    places: np.ndarray
    labels: list[str]


def sample_of(
    labels: Sequence[str],
    topics: Names,
    most: int,
    sampling: Sampling,
    kept: Collection[str] = (),
    most_labels: int = MOST_LABELS,
) -> Sample:
    """At most so many prompts, of at most so many labels, those `kept` among them.

    One prompt for each topic and label, of as many topics as fit, the most complete ones first; of labels without topics equally
    many prompts.
    """
    rng = sampling.generator("sample")
    names = np.array(sorted(set(labels)))
    order = np.arange(len(labels))[rng.permutation(len(labels))]
    codes = np.searchsorted(names, np.asarray(labels))
    with_topic = np.array([topic is not None for topic in topics])
    n_topics = len({topic for topic in topics if topic is not None})
    needed = min(LEAST_TOPICS, n_topics) if n_topics else LEAST_TOPICS
    n_labels = max(2, min(len(names), most_labels, most // max(1, needed)))
    chosen = np.isin(names, [*kept])
    others = rng.permutation(np.flatnonzero(~chosen))
    chosen[others[: max(0, n_labels - int(chosen.sum()))]] = True
    order = order[chosen[codes[order]]]
    has_topics = len(np.unique(codes[order[with_topic[order]]])) == int(chosen.sum())
    places = _by_topic(order, codes, topics, most, rng) if has_topics else _by_label(order, codes, most)
    return Sample(np.sort(places), names[chosen].tolist())


def _by_topic(order: np.ndarray, codes: np.ndarray, topics: Names, most: int, rng: np.random.Generator) -> np.ndarray:
    cells: dict[str, dict[int, int]] = {}
    for place in order.tolist():
        topic = topics[place]
        if topic is not None:
            cells.setdefault(topic, {}).setdefault(int(codes[place]), place)
    known = sorted(cells)
    known = [known[i] for i in rng.permutation(len(known))]
    known.sort(key=lambda topic: -len(cells[topic]))
    taken: list[int] = []
    for topic in known:
        if len(taken) + len(cells[topic]) > most:
            break
        taken += cells[topic].values()
    return np.array(taken, int)


def _by_label(order: np.ndarray, codes: np.ndarray, most: int) -> np.ndarray:
    present = np.unique(codes[order])
    return np.concatenate([order[codes[order] == code][: most // len(present)] for code in present])
