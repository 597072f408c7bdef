"""Many labels in an order and in groups that their pairs' similarities make: average linkage of 1 minus the similarity."""

from collections.abc import Iterable, Mapping
from typing import Any

Pair = tuple[str, str]


def in_order(labels: Iterable[str], similarities: Mapping[Pair, float | None]) -> list[str]:
    """The labels as the leaves of their dendrogram, neighbours as alike as it allows; last those without any similarity.

    A pair (of sorted names) without a similarity stands at the mean of the others.
    """
    from scipy.cluster.hierarchy import leaves_list  # here, because it takes time to import

    known, linked = _linked(labels, similarities)
    ordered = known if linked is None else [known[i] for i in leaves_list(linked)]
    return [*ordered, *sorted(set(labels) - set(known))]


def groups(labels: Iterable[str], similarities: Mapping[Pair, float | None], least: float) -> list[list[str]]:
    """Groups of two labels or more whose similarity is at least `least` on average, the largest first."""
    from scipy.cluster.hierarchy import fcluster

    known, linked = _linked(labels, similarities)
    if linked is None:
        return []
    members: dict[int, list[str]] = {}
    for label, number in zip(known, fcluster(linked, 1 - least, "distance").tolist(), strict=True):
        members.setdefault(number, []).append(label)
    return sorted((group for group in members.values() if len(group) > 1), key=lambda group: (-len(group), group))


def _linked(labels: Iterable[str], similarities: Mapping[Pair, float | None]) -> tuple[list[str], Any]:
    """The labels with a similarity, sorted, and their linkage; None of fewer than two."""
    import numpy as np
    from scipy.cluster.hierarchy import linkage

    present = set(labels)
    values = {pair: value for pair, value in similarities.items() if value is not None and {*pair} <= present}
    known = sorted({label for pair in values for label in pair})
    if len(known) < 2:
        return known, None
    mean = float(np.mean([*values.values()]))
    distances = [1 - min(1.0, max(-1.0, values.get((a, b), mean))) for i, a in enumerate(known) for b in known[i + 1 :]]
    return known, linkage(distances, "average", optimal_ordering=True)
