"""Calibration: how often the delete-a-group jackknife's 95 % intervals hold the expected value of what was measured.

The expected value is the mean over all samples of one size: maps are fitted on a third of the topics, so that what they reach
depends on how many there are.
"""

import numpy as np
import pytest

from emotion_cli.measures.between.alignment import aligned
from emotion_cli.measures.between.geometry import MEASURES, Matrices, correlations_of, geometries
from emotion_cli.measures.between.space import space_of
from emotion_cli.measures.inference.relabelling import design_of, kept_without_groups
from emotion_cli.measures.inference.resampling import units_of
from emotion_cli.measures.inference.sampling import Sampling
from emotion_cli.measures.inference.statistic import jackknife_interval
from emotion_cli.measures.labels import Labels

LABELS = ["anger", "apology", "neutral"]
TOPICS, SAMPLES, LATENT = 30, 40, 6
SAMPLING = Sampling(0, 1, ("d",))


def each(work, numbers):
    for number in numbers:
        work(number)


def population(strength):
    """Samples of two models that read the same texts, whose labels differ by `strength`, the same in both."""
    rng = np.random.default_rng(9)
    maps = [rng.normal(size=(LATENT, 12)) for _ in range(2)]
    means = strength * rng.normal(size=(3, LATENT))
    for _ in range(SAMPLES):
        about = np.repeat(rng.normal(size=(TOPICS, LATENT)), 3, axis=0)
        latent = 0.6 * about + rng.normal(size=(3 * TOPICS, LATENT)) + np.tile(means, (TOPICS, 1))
        yield [latent @ one + 2 * rng.normal(size=(3 * TOPICS, 12)) for one in maps]


def coverage(found):
    """Share of (value, replicates [group]) whose interval holds the mean value."""
    truth = np.mean([value for value, _ in found])
    ends = [jackknife_interval(value, groups) for value, groups in found]
    return np.mean([low <= truth <= high for low, high in ends])


@pytest.fixture(scope="module")
def names():
    return [f"t{i // 3:02d}" for i in range(3 * TOPICS)]


@pytest.mark.parametrize("strength", [0.4, 1.2], ids=["weak", "strong"])
def test_intervals_of_aligned_measures_hold_the_expected_value(strength, names):
    design = design_of(Labels(LABELS * TOPICS, names, LABELS[:2], "neutral"))
    found = {}
    for models in population(strength):
        a, b = (space_of(rows @ rows.T) for rows in models)
        for one in aligned([(a, b)], design, SAMPLING, neutral="none", each=each):
            if one.fit == "ridge":
                found.setdefault((one.measure, one.emotion, one.mapping), []).append((one.sampled.value, one.sampled.groups))
    for measure in ("aligned_cosine", "aligned_cosine_others", "transfer_auroc"):
        held = np.mean([coverage(values) for key, values in found.items() if key[0] == measure])
        assert held >= 0.9


def test_intervals_of_rsa_hold_the_expected_value(names):
    groups = kept_without_groups(units_of(names), SAMPLING)
    (rsa,) = (measure for measure in MEASURES if measure.name == "rsa")
    found = []
    for models in population(0.4):
        a, b = ({0: Matrices(rows @ rows.T, correlations_of(rows))} for rows in models)
        one = geometries(rsa, a, b, [(0, 0)], groups, SAMPLING, each, rows=np.arange(3 * TOPICS)[:, None])[0].sampled
        found.append((one.value, one.groups))
    assert coverage(found) >= 0.85
