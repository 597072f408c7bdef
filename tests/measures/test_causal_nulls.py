"""Directions of permuted labels: made of what varies within labels, and of nothing else."""

import numpy as np
import pytest

from emotion_cli.measures.causal.nulls import Permuted
from emotion_cli.measures.inference.sampling import Sampling
from emotion_cli.measures.labels import OTHERS, Labels

NAMES = ("anger", "joy", "plain")
TOPICS = 7
LABELS = list(NAMES) * TOPICS
TOPIC_OF = [f"topic {i}" for i in range(TOPICS) for _ in NAMES]


def permuted(reference, draws=40, topics=TOPICS):
    labels = Labels(LABELS[: 3 * topics], TOPIC_OF[: 3 * topics], NAMES[:2], reference)
    return Permuted(labels, "anger", Sampling(1, draws, ("nulls",)))


@pytest.mark.parametrize("reference", ["plain", OTHERS])
def test_what_parts_the_labels_is_in_no_permuted_direction(reference):
    rows = np.random.default_rng(5).normal(size=(len(LABELS), 6))
    apart = rows + 30.0 * np.random.default_rng(6).normal(size=(3, 6))[np.arange(len(LABELS)) % 3]
    null = permuted(reference)
    before, after = null.directions(rows), null.directions(apart)
    np.testing.assert_allclose(after[1:], before[1:], atol=1e-9)
    assert np.abs(after[0] - before[0]).max() > 0.1
    np.testing.assert_allclose(null.directions(apart, slice(3, 9)), after[3:9])
    np.testing.assert_allclose(null.directions(apart, slice(0, 1)), after[:1])


def test_a_permuted_direction_is_the_difference_of_the_residuals_means():
    rows = np.random.default_rng(7).normal(size=(len(LABELS), 6))
    null = permuted("plain")
    residuals = np.array([row - rows[np.array(LABELS) == label].mean(0) for row, label in zip(rows, LABELS, strict=True)])
    names = np.array(LABELS)[null.draws.used]
    for draw, direction in enumerate(null.directions(rows)[1:], 1):
        given = np.array(null.draws.names)[null.draws.permuted[draw]]
        # labels are permuted within topics
        assert all({*given[2 * topic : 2 * topic + 2]} == {*names[2 * topic : 2 * topic + 2]} for topic in range(TOPICS))
        made = residuals[null.draws.used][given == "anger"].mean(0) - residuals[null.draws.used][given == "plain"].mean(0)
        if (given == names).all() or (given != names).all():
            assert np.isnan(direction).all()
        else:
            np.testing.assert_allclose(direction, made / np.linalg.norm(made), atol=1e-9)


def test_of_all_permutations_two_leave_no_direction():
    """With four topics there are 16: one leaves the labels, one makes all change places."""
    rows = np.random.default_rng(8).normal(size=(12, 6))
    directions = permuted("plain", draws=100, topics=4).directions(rows)[1:]
    assert len(directions) == 16 and np.isnan(directions).all(1).sum() == 2
