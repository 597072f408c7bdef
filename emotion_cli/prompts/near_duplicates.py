"""Topics that say nearly the same: they are no independent evidence, and belong into one cluster."""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

MOST_IN_COMMON = 0.6
"""From this share of runs of three characters on (Jaccard), two texts are near duplicates; the shipped sets reach 0.36."""

CHUNK = 500
"""Topics that are compared with all others at once."""


class NearDuplicates(NamedTuple):
    """How many pairs of topics have nearly the same text, of how many topics; the most alike, and what they have in common."""

    n_pairs: int
    n_topics: int
    topics: tuple[str, str] | None
    share: float

    def finding(self, label: str) -> str | None:
        """A sentence on them and on what to do; None where there are none."""
        if self.topics is None:
            return None
        first, second = map(repr, self.topics)
        pairs = "1 pair of topics says" if self.n_pairs == 1 else f"{self.n_pairs} pairs of topics say"
        return (
            f"{label}: {pairs} nearly the same, such as {first} and {second} ({self.share:.0%} of their runs of three characters "
            "are the same); such topics are not independent: give them the same name in a column `cluster`"
        )


def near_duplicates(texts: Sequence[str], topics: Sequence[str], clusters: Sequence[str | None]) -> NearDuplicates:
    """Pairs of topics, not of one cluster, whose texts under one label are nearly the same: [text] each, of that label."""
    from scipy.sparse import csr_matrix  # here, because it takes half a second to import

    runs: dict[str, set[str]] = defaultdict(set)
    for text, topic in zip(texts, topics, strict=True):
        padded = f" {' '.join(text.lower().split())} "
        runs[topic].update(padded[i : i + 3] for i in range(len(padded) - 2))
    names, cluster_of = sorted(runs), dict(zip(topics, clusters, strict=True))
    numbers: dict[str, int] = {}
    columns = [numbers.setdefault(run, len(numbers)) for name in names for run in sorted(runs[name])]
    sizes = np.array([len(runs[name]) for name in names])
    starts = np.concatenate([[0], np.cumsum(sizes)])
    table = csr_matrix((np.ones(len(columns), np.float32), columns, starts), shape=(len(names), max(1, len(numbers))))
    # a topic in no cluster is alone in its own
    groups = np.unique([f"+{cluster_of[name]}" if cluster_of[name] else f"={name}" for name in names], return_inverse=True)[1]
    n_pairs, most, pair = 0, 0.0, None
    for start in range(0, len(names), CHUNK):
        common = (table[start : start + CHUNK] @ table.T).toarray()
        shares = common / (sizes[start : start + CHUNK, None] + sizes - common)
        rows = np.arange(start, start + len(shares))
        # each pair once, and none within a cluster
        shares[(rows[:, None] >= np.arange(len(names))) | (groups[rows][:, None] == groups)] = 0
        n_pairs += int((shares >= MOST_IN_COMMON).sum())
        if shares.size and shares.max() > most:
            i, j = np.unravel_index(int(shares.argmax()), shares.shape)
            most, pair = float(shares[i, j]), (names[start + int(i)], names[int(j)])
    return NearDuplicates(n_pairs, len(names), pair if n_pairs else None, most)
