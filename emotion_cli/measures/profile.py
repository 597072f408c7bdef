"""What a layer's activations look like: whether a few dimensions or a few tokens hold most of their size (Sun et al. 2024)."""

from collections.abc import Iterable
from itertools import groupby
from typing import NamedTuple

import numpy as np

FAR = 5.0
"""A token whose norm is more than this many times the median token's is a sink; less than its inverse, a low outlier."""

FEWEST = 8
"""With fewer rows no two distributions are fitted."""

LEAST_SPREAD = 0.05
"""Standard deviation of log norms that a fitted distribution has at least: norms that differ by 5 % are one kind."""

STEPS = 200
"""Of expectation and maximisation."""

WAY_OUT = "content"
"""The pooling that leaves final stops out."""

CONCENTRATED, MIXED = 0.5, 0.02
"""Said is a share of variance in three dimensions above the first, and a share of outlying tokens above the second."""


class Profile(NamedTuple):
    """Shares without a unit, and Ashman's D; None where it is not known or not defined."""

    top3_variance_share: float | None
    sink_share: float | None
    low_outlier_share: float | None
    norm_bimodality: float | None


class Profiled(NamedTuple):
    """The profile of one pooling at one layer."""

    pooling: str
    layer: int
    profile: Profile


def profile(rows: np.ndarray, median: float | None = None, norms: np.ndarray | None = None) -> Profile:
    """The profile of a layer's rows [prompt, d_model], given the median norm of tokens and the norms of the pooled tokens.

    Without `norms` each row is one token's; without a `median` shares of outliers are not known.
    """
    of_rows = np.linalg.norm(np.asarray(rows, np.float64), axis=1)
    pooled = of_rows if norms is None else norms
    far = near = None
    if median and len(pooled):
        far, near = float(np.mean(pooled > FAR * median)), float(np.mean(pooled < median / FAR))
    return Profile(top3_variance_share(rows), far, near, bimodality(of_rows))


def top3_variance_share(rows: np.ndarray) -> float | None:
    """Share of the variance of rows [prompt, d_model] in the three dimensions that have most; None without variance."""
    variances = np.sort(np.var(np.asarray(rows, np.float64), axis=0))
    total = variances.sum()
    return float(variances[-3:].sum() / total) if total > 0 else None


def bimodality(norms: np.ndarray) -> float | None:
    """Ashman's D (1994) of two normal distributions fitted to log norms [row]: above 2 they are two kinds.

    |m - n| sqrt(2 / (s^2 + t^2)) of their means and standard deviations. They are fitted from the best cut in two, so that no
    chance is in it. None with fewer than 8 rows of some length; 0 where all lengths are equal.
    """
    logs = np.sort(np.log(norms[norms > 0]))
    if len(logs) < FEWEST:
        return None
    if logs[-1] - logs[0] < LEAST_SPREAD:
        return 0.0
    means, spreads, shares = _cut(logs)
    for _ in range(STEPS):
        # the constant of the density is the same for both
        likelihoods = np.log(shares / spreads)[:, None] - (((logs - means[:, None]) / spreads[:, None]) ** 2) / 2
        belongs = np.exp(likelihoods - likelihoods.max(0))
        belongs /= belongs.sum(0)
        sizes = np.maximum(belongs.sum(1), 1e-9)
        means = belongs @ logs / sizes
        variances = (belongs * (logs - means[:, None]) ** 2).sum(1) / sizes
        spreads, shares = np.maximum(np.sqrt(variances), LEAST_SPREAD), sizes / len(logs)
    return float(abs(means[1] - means[0]) * np.sqrt(2 / np.square(spreads).sum()))


def _cut(logs: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Means, standard deviations and shares of the two sides of the cut that leaves least variance within (Otsu 1979)."""
    n_left = np.arange(1, len(logs))
    sums = np.cumsum(logs)[:-1]
    between = (sums - n_left * logs.mean()) ** 2 / (n_left * (len(logs) - n_left))
    cut = int(np.argmax(between)) + 1
    sides = logs[:cut], logs[cut:]
    spreads = np.maximum([side.std() for side in sides], LEAST_SPREAD)
    return np.array([side.mean() for side in sides]), spreads, np.array([len(side) for side in sides]) / len(logs)


def said(profiles: Iterable[Profiled]) -> list[str]:
    """A sentence for each pooling in which the mean difference may see little; none where nothing is unusual."""
    sentences = []
    for pooling, members in groupby(profiles, key=lambda member: member.pooling):
        of_pooling = list(members)
        parts = [part for part in (_concentration(of_pooling), *_outliers(of_pooling)) if part]
        if parts:
            way_out = "" if pooling == WAY_OUT else f", or use --pooling {WAY_OUT}"
            sentences.append(
                f"pooling {pooling}: {'; '.join(parts)}; there the mean difference may see little: "
                f"look at --method whitened{way_out}"
            )
    return sentences


def _concentration(profiles: Iterable[Profiled]) -> str | None:
    above = [member for member in profiles if (member.profile.top3_variance_share or 0) > CONCENTRATED]
    if not above:
        return None
    most = max(member.profile.top3_variance_share or 0 for member in above)
    return f"three dimensions hold up to {most:.0%} of the variance ({_layers(above)})"


def _outliers(profiles: Iterable[Profiled]) -> list[str]:
    kinds = (("sink_share", f"more than {FAR:g} times"), ("low_outlier_share", f"less than 1/{FAR:g} of"))
    parts = []
    for name, how in kinds:
        shares = {member: getattr(member.profile, name) for member in profiles}
        mixed = [member for member, share in shares.items() if share is not None and MIXED < share < 1 - MIXED]
        if mixed:
            most = max(shares[member] for member in mixed)
            parts.append(f"up to {most:.0%} of the pooled tokens have {how} the median token's norm ({_layers(mixed)})")
    return parts


def _layers(profiles: Iterable[Profiled]) -> str:
    layers = sorted({member.layer for member in profiles})
    return f"layer {layers[0]}" if len(layers) == 1 else f"{len(layers)} layers, {layers[0]} to {layers[-1]}"
