"""Prompts of a made-up layer: labels that lie apart, topics that shift all of their prompts, noise of unequal directions."""

from typing import NamedTuple

import numpy as np

from emotion_cli.measures.labels import Labels


class World(NamedTuple):
    rows: np.ndarray
    labels: Labels


def world(
    seed: int,
    *,
    topics: int = 40,
    labels: int = 4,
    width: int = 24,
    effect: float = 1.0,
    of_topics: float = 1.0,
    reference: str = "neutral",
    kind: str = "complete",
) -> World:
    """`kind` says how topics are: complete, ragged (some prompts are missing), none, mixed or clustered."""
    rng = np.random.default_rng(seed)
    names = [*(f"label {i:03d}" for i in range(labels - 1)), "neutral"]
    means = effect * rng.normal(size=(labels, width))
    shifts = of_topics * rng.normal(size=(topics, width)) * np.linspace(2, 0.1, width)
    topic, code = (part.ravel() for part in np.mgrid[0:topics, 0:labels])
    if kind in ("ragged", "mixed"):
        kept = rng.random(len(topic)) < 0.8
        topic, code = topic[kept], code[kept]
    if kind == "none":
        kept = rng.random(len(topic)) < np.linspace(0.3, 1, labels)[code]
        topic, code = topic[kept], code[kept]
    order = rng.permutation(len(topic))
    topic, code = topic[order], code[order]
    rows = means[code] + shifts[topic] + rng.normal(size=(len(code), width)) * np.linspace(1.5, 0.3, width) + 3
    if kind == "none":
        rows -= shifts[topic]
    topic_names = [None if kind == "none" or (kind == "mixed" and t % 3 == 0) else f"topic {t:03d}" for t in topic]
    clusters = [f"cluster {t // 2}" if t < topics // 2 else None for t in topic] if kind == "clustered" else None
    emotions = names[:-1]
    return World(rows, Labels([names[c] for c in code], topic_names, emotions, reference, clusters))
