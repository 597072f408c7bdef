"""Layer profiles against plain definitions, scikit-learn's mixture, and layers whose massive dimensions are planted."""

import numpy as np
import pytest
from sklearn.mixture import GaussianMixture

from emotion_cli.measures.profile import Profile, Profiled, bimodality, profile, said, top3_variance_share


def test_the_three_largest_dimensions_hold_what_was_planted():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(500, 30)) * 2 + 100
    rows[:, [3, 11, 20]] *= np.array([20, 15, 10])
    variances = rows.var(0)
    assert top3_variance_share(rows) == pytest.approx(variances[[3, 11, 20]].sum() / variances.sum())
    assert top3_variance_share(rows) > 0.8
    assert top3_variance_share(np.ones((5, 4))) is None


def test_outliers_are_counted_apart_by_their_distance_from_the_median_token():
    rows = np.diag([30.0, 6.0, 5.0, 1.0, 0.2, 0.1])
    found = profile(rows, median=1.0)
    assert (found.sink_share, found.low_outlier_share) == (pytest.approx(2 / 6), pytest.approx(1 / 6))
    of_tokens = profile(rows, median=1.0, norms=np.array([1.0, 7.0, 1.0, 0.1]))
    assert (of_tokens.sink_share, of_tokens.low_outlier_share) == (0.25, 0.25)
    unknown = profile(rows)
    assert (unknown.sink_share, unknown.low_outlier_share) == (None, None) and unknown.top3_variance_share is not None
    assert profile(rows, median=1.0, norms=np.empty(0)).sink_share is None


@pytest.mark.parametrize("share", [0.5, 0.2])
def test_bimodality_is_ashmans_d_of_the_fitted_mixture(share):
    rng = np.random.default_rng(1)
    is_high = rng.random(400) < share
    logs = np.where(is_high, rng.normal(5.9, 0.15, 400), rng.normal(2.7, 0.3, 400))
    fitted = GaussianMixture(2, random_state=0, tol=1e-9, max_iter=1000).fit(logs[:, None])
    (low, high), (s, t) = fitted.means_[:, 0], np.sqrt(fitted.covariances_[:, 0, 0])
    assert bimodality(np.exp(logs)) == pytest.approx(abs(high - low) * np.sqrt(2 / (s**2 + t**2)), rel=1e-3)
    assert bimodality(np.exp(logs)) > 10


def test_one_kind_of_norms_is_not_called_two():
    rng = np.random.default_rng(2)
    assert np.median([bimodality(np.exp(rng.normal(3, 0.3, 300))) for _ in range(40)]) < 3
    assert bimodality(np.full(20, 7.0)) == 0
    # a few values that differ by rounding, or by little
    assert bimodality(np.repeat([7.0, 7.3], 10)) < 2
    assert bimodality(np.ones(7)) is None and bimodality(np.zeros(20)) is None


def test_only_what_is_unusual_is_said():
    usual = Profile(0.1, 0.0, 0.0, 1.0)
    rows = [Profiled("last", 0, usual), Profiled("mean", 1, Profile(0.2, None, None, None))]
    assert said(rows) == []
    rows = [
        Profiled("last", 0, usual),
        Profiled("last", 3, Profile(0.97, 0.4, 0.0, 9.0)),
        Profiled("last", 5, Profile(0.9, 1.0, 0.03, 1.0)),
    ]
    (sentence,) = said(rows)
    assert "three dimensions hold up to 97% of the variance (2 layers, 3 to 5)" in sentence
    assert "up to 40% of the pooled tokens have more than 5 times the median token's norm (layer 3)" in sentence
    assert "up to 3% of the pooled tokens have less than 1/5 of the median token's norm (layer 5)" in sentence
    assert "--method whitened" in sentence and "--pooling content" in sentence
