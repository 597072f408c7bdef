"""Which prompts may change labels with which, and the permutations of labels that follow: all of them where they are few."""

from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from functools import cached_property
from math import exp, inf, lgamma
from typing import NamedTuple

import numpy as np

from emotion_cli.measures.inference.resampling import Names

COUNTED = 30.0
"""Logarithm of a number of permutations above which they are not counted out: nobody asks for as many draws."""


class Group(NamedTuple):
    """Bundles that are permuted among one another: prompts [bundle, prompt] that move together, and their labels [bundle]."""

    prompts: np.ndarray
    codes: np.ndarray

    def log_ways(self, kinds: Sequence[Hashable] | None = None) -> float:
        """Logarithm of the number of ways in which the labels can stand, or kinds of labels [label]."""
        codes = self.codes.tolist()
        return _log_ways(codes if kinds is None else [kinds[code] for code in codes])


class Exchange:
    """The exchanges of labels that a null allows: within each topic; in a cluster, the same one in all its topics.

    In a cluster all prompts of a label take the label of as many other prompts; a label that no other has as often stays.
    Prompts that are alone in their topic, or have none, are one group. `codes` [prompt] number the labels.
    """

    def __init__(self, codes: np.ndarray, topics: Names, clusters: Names | None = None) -> None:
        self._codes = codes
        self.groups = [*_of_topics(codes, topics, clusters), *_of_clusters(codes, topics, clusters)]

    @cached_property
    def n(self) -> float:
        """How many permutations of the labels there are; infinite where they cannot be counted out."""
        return _counted(sum(group.log_ways() for group in self.groups))

    @cached_property
    def is_even(self) -> bool:
        """Whether every label stands as often as any other wherever it is exchanged."""
        return all(len({*Counter(group.codes.tolist()).values()}) == 1 for group in self.groups)

    def orders(self, draws: int, rng: np.random.Generator) -> np.ndarray:
        """Permutations [draw, prompt]: the prompt whose label each takes. All in random order if they are no more than `draws`.

        Of permutations that give the same labels one stands for all.
        """
        if self.is_all(draws):
            every = self._all()
            return every[rng.permutation(len(every))]
        orders = np.tile(np.arange(len(self._codes)), (draws, 1))
        for group in self.groups:
            taken = rng.permuted(np.tile(np.arange(len(group.codes)), (draws, 1)), axis=1)
            orders[:, group.prompts.ravel()] = group.prompts[taken].reshape(draws, -1)
        return orders

    def is_all(self, draws: int) -> bool:
        """Whether so many draws are given every permutation there is."""
        return self.n <= draws

    def _all(self) -> np.ndarray:
        n = int(self.n)
        orders = np.tile(np.arange(len(self._codes)), (n, 1))
        repeats = n
        for group in self.groups:
            ways = np.array(list(_arrangements(group.codes)))
            repeats //= len(ways)
            taken = np.resize(np.repeat(ways, repeats, axis=0), (n, len(group.codes)))
            orders[:, group.prompts.ravel()] = group.prompts[taken].reshape(n, -1)
        return orders

    def share_alike(self, roles: Sequence[Hashable], mirrored: Sequence[Hashable] = ()) -> float:
        """Share of all permutations that leave a measure as it is, whatever the prompts are.

        `roles` [label] say what a label is to the measure: labels of one role may change places. If all roles can turn into the
        `mirrored` ones, and the measure is the same then, those permutations count, too.
        """
        n_distinct = _counted(sum(group.log_ways(roles) for group in self.groups))
        turns = bool(mirrored) and all(
            Counter(roles[code] for code in codes) == Counter(mirrored[code] for code in codes)
            for codes in (group.codes.tolist() for group in self.groups)
        )
        return min(1.0, (2 if turns else 1) / n_distinct)


def _counted(logarithm: float) -> float:
    return round(exp(logarithm)) if logarithm < COUNTED else inf


def _log_ways(kinds: Sequence[Hashable]) -> float:
    return lgamma(len(kinds) + 1) - sum(lgamma(n + 1) for n in Counter(kinds).values())


def _of_topics(codes: np.ndarray, topics: Names, clusters: Names | None) -> Iterator[Group]:
    names = np.array(["" if topic is None else f"={topic}" for topic in topics])
    known, counts = np.unique(names, return_counts=True)
    names[np.isin(names, known[counts < 2])] = ""
    free = np.array([clusters is None or clusters[i] is None for i in range(len(names))], bool)
    for name in np.unique(names[free]):
        members = np.flatnonzero(free & (names == name))
        yield Group(members[:, None], codes[members])


def _of_clusters(codes: np.ndarray, topics: Names, clusters: Names | None) -> Iterator[Group]:
    if clusters is None:
        return
    for cluster in sorted({cluster for cluster in clusters if cluster is not None}):
        members = [i for i, other in enumerate(clusters) if other == cluster]
        # so that, where topics are complete, labels are exchanged within each of them
        members.sort(key=lambda i: (topics[i] or "", i))
        bundles = [[i for i in members if codes[i] == code] for code in sorted({int(codes[i]) for i in members})]
        for size in sorted({len(bundle) for bundle in bundles}):
            chosen = np.array([bundle for bundle in bundles if len(bundle) == size])
            yield Group(chosen, codes[chosen[:, 0]])


def _arrangements(codes: np.ndarray) -> Iterator[list[int]]:
    """Every order in which labels can stand, as places in `codes`; of equal labels the first left is taken."""
    if not len(codes):
        yield []
        return
    yield from _continued(codes.tolist(), list(range(len(codes))))


def _continued(codes: Sequence[int], left: list[int]) -> Iterator[list[int]]:
    if not left:
        yield []
        return
    for code in sorted({codes[place] for place in left}):
        place = next(place for place in left if codes[place] == code)
        for following in _continued(codes, [other for other in left if other != place]):
            yield [place, *following]
