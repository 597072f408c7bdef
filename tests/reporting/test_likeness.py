"""Many labels are put in order and in groups by how alike they are."""

from itertools import combinations, pairwise

import numpy as np
import pytest

from emotion_cli.reporting.likeness import groups, in_order


def _world(seed, sizes, alone=3, within=0.95, between=0.3):
    rng = np.random.default_rng(seed)
    names = [f"label {i:03d}" for i in rng.permutation(sum(sizes) + alone)]
    ends = np.cumsum(sizes)
    planted = [sorted(names[end - size : end]) for size, end in zip(sizes, ends, strict=True)]
    similarities = {}
    for pair in combinations(sorted(names), 2):
        together = any({*pair} <= {*group} for group in planted)
        similarities[pair] = (within if together else between) + rng.uniform(-0.04, 0.04)
    return names, planted, similarities


@pytest.mark.parametrize("sizes", [(2,), (5, 3, 2), (20, 10, 2, 2)])
def test_planted_groups_are_found_and_stand_together(sizes):
    names, planted, similarities = _world(1, sizes)
    assert groups(names, similarities, 0.8) == sorted(planted, key=lambda group: (-len(group), group))
    order = in_order(names, similarities)
    assert sorted(order) == sorted(names)
    for group in planted:
        places = sorted(order.index(name) for name in group)
        assert places == [*range(places[0], places[0] + len(group))]


def test_labels_without_a_similarity_come_last_and_are_in_no_group():
    names, planted, similarities = _world(2, (4, 3))
    lost = planted[0][0]
    unknown = {pair: None if lost in pair else value for pair, value in similarities.items()}
    assert in_order([*names, "a new one"], unknown)[-2:] == sorted([lost, "a new one"])
    assert groups(names, unknown, 0.8) == sorted([planted[0][1:], planted[1]], key=lambda group: (-len(group), group))


def test_few_labels_need_no_linkage():
    assert in_order(["b", "a"], {("a", "b"): None}) == ["a", "b"]
    assert in_order(["b", "a"], {}) == ["a", "b"] and groups(["a", "b"], {}, 0.5) == []
    assert groups(["a", "b"], {("a", "b"): 0.9}, 0.8) == [["a", "b"]]


def test_no_order_puts_neighbours_closer_than_chance_would_not():
    names, _, similarities = _world(3, (6, 6, 6, 6), alone=0)
    order = in_order(names, similarities)
    neighbours = np.mean([similarities[min(pair), max(pair)] for pair in pairwise(order)])
    assert neighbours > 0.85 > np.mean([similarities[pair] for pair in pairwise(sorted(names))])
