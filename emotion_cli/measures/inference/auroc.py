"""Areas under the ROC curve of many draws at once."""

import numpy as np

from emotion_cli.measures.inference.statistic import NO_INTERVAL, Interval, interval_of, widened

CHUNK = 2**22
"""Numbers that are in memory at once."""


TIE = 10
"""Decimals, relative to the scale of the scores, that count: what differs by rounding only is a tie."""


def settled(scores: np.ndarray, scale: float) -> np.ndarray:
    """Scores in units of `scale`, rounded so that prompts with equal activations tie."""
    return np.round(scores / scale, TIE) if scale > 0 else np.zeros_like(scores)


def areas(positive: np.ndarray, negative: np.ndarray) -> np.ndarray:
    """AUROC [draw] of scores [draw, positive] against [draw, negative]; ties count one half."""
    draws, n_positive, n_negative = len(positive), positive.shape[1], negative.shape[1]
    shares = np.empty(draws)
    step = max(1, CHUNK // (n_positive + n_negative))
    for start in range(0, draws, step):
        part = slice(start, start + step)
        shares[part] = _halves_won(positive[part], negative[part])
    return shares / (2 * n_positive * n_negative)


def areas_of_labels(scores: np.ndarray, is_positive: np.ndarray) -> np.ndarray:
    """AUROC [draw] of the same scores [prompt], with equally many prompts positive in each draw [draw, prompt]."""
    from scipy.stats import rankdata  # here, because it takes half a second to import

    ranks, positive = rankdata(scores), int(is_positive[0].sum())
    step = max(1, CHUNK // len(scores))
    sums = np.concatenate([is_positive[start : start + step] @ ranks for start in range(0, len(is_positive), step)])
    return (2 * sums - positive * (positive + 1)) / (2 * positive * (len(scores) - positive))


def areas_of_kinds(scores: np.ndarray, positive: np.ndarray, negative: np.ndarray) -> np.ndarray:
    """AUROC [draw] where prompts of one kind have one score: scores, and numbers of prompts of both labels, [draw, kind]."""
    order = np.argsort(scores, axis=1)
    scores, positive, negative = (np.take_along_axis(values, order, 1) for values in (scores, positive, negative))
    up_to = np.cumsum(negative, axis=1)
    rises = scores[:, 1:] > scores[:, :-1]
    # kinds of equal scores are a run; counted are negatives before it, and up to its end
    first = np.hstack([np.zeros((len(scores), 1), bool), rises])
    last = np.hstack([rises, np.ones((len(scores), 1), bool)])
    before = np.maximum.accumulate(np.where(first, up_to - negative, 0), axis=1)
    after = np.minimum.accumulate(np.where(last, up_to, np.inf)[:, ::-1], axis=1)[:, ::-1]
    return (positive * (before + after)).sum(1) / (2 * positive.sum(1) * negative.sum(1))


def _halves_won(positive: np.ndarray, negative: np.ndarray) -> np.ndarray:
    """Twice the pairs that positive scores win, ties counted once [draw]."""
    count, scores = positive.shape[1], np.hstack([positive, negative])
    order = np.argsort(scores, axis=1)
    ranks = (order < count).astype(np.float64) @ np.arange(1.0, scores.shape[1] + 1)
    ordered = np.take_along_axis(scores, order, 1)
    has_ties = (ordered[:, 1:] == ordered[:, :-1]).any(1)
    if has_ties.any():
        from scipy.stats import rankdata  # here, because it takes half a second to import

        ranks[has_ties] = rankdata(scores[has_ties], axis=1)[:, :count].sum(1)
    # the sum of the positive ones' ranks is what they win, and what they have among themselves
    return 2 * ranks - count * (count + 1)


def resampled_areas(
    positive: np.ndarray, negative: np.ndarray, units: tuple[np.ndarray, np.ndarray], counts: np.ndarray
) -> np.ndarray:
    """AUROC [draw] of scores [positive] and [negative] whose units [positive], [negative] are drawn `counts` [draw, unit] times.

    A positive and a negative prompt of one unit are a pair as often as the unit is drawn, not as often squared: copies of
    a topic are not further topics. NaN where a draw has no pair.
    """
    order = np.argsort(negative, kind="stable")
    below, not_above = (np.searchsorted(negative[order], positive, side) for side in ("left", "right"))
    rows, columns = _pairs_of_equals(*units)
    won = (positive[rows] > negative[columns]) * 0.5 + (positive[rows] >= negative[columns]) * 0.5
    values = np.empty(len(counts))
    step = max(1, CHUNK // (len(positive) + len(negative) + len(rows)))
    for start in range(0, len(counts), step):
        drawn = counts[start : start + step]
        weight_p, weight_n = (drawn[:, unit].astype(np.float64) for unit in units)
        up_to = np.concatenate([np.zeros((len(drawn), 1)), np.cumsum(weight_n[:, order], axis=1)], axis=1)
        surplus = weight_p[:, rows] * (1 - weight_p[:, rows])
        total = (weight_p * (up_to[:, below] + up_to[:, not_above])).sum(1) / 2 + surplus @ won
        pairs = weight_p.sum(1) * weight_n.sum(1) + surplus.sum(1)
        values[start : start + step] = np.where(pairs > 0, total / np.where(pairs > 0, pairs, 1), np.nan)
    return values


def _pairs_of_equals(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places in `a` and in `b` [pair] that hold the same number."""
    order = np.argsort(b, kind="stable")
    first, end = (np.searchsorted(b[order], a, side) for side in ("left", "right"))
    sizes = end - first
    before = np.cumsum(sizes) - sizes
    return np.repeat(np.arange(len(a)), sizes), order[np.arange(sizes.sum()) + np.repeat(first - before, sizes)]


def area_interval(value: float | None, drawn: np.ndarray, n_units: int, n_folds: int = 1) -> Interval:
    """95 % interval of an AUROC from bootstrap draws over `n_units` topics, cut at 0 and 1.

    Folds share their training topics, which draws that do not refit the direction miss: with J folds their deviations are
    widened by sqrt(1 + J / (J - 1)) (Nadeau and Bengio 2003). Where all pairs are won or lost nothing varies: the bound
    is then that of as many won out of as many topics (Clopper and Pearson 1934).
    """
    drawn_ends = interval_of(drawn)
    if value is None or drawn_ends.low is None or drawn_ends.high is None or n_units < 2:
        return NO_INTERVAL
    if value in (0.0, 1.0):
        return Interval(*_where_nothing_varies(value, n_units))
    wide = widened(value, drawn_ends, n_units, float(np.sqrt(1 + variance_of_refits(n_folds))))
    return wide if wide.low is None or wide.high is None else Interval(max(0.0, wide.low), min(1.0, wide.high))


def gain_interval(value: float, drawn: np.ndarray, *, of_rival: float, n_units: int, refits: float) -> Interval:
    """95 % interval of an AUROC minus that of a rival, from bootstrap draws of the difference over the same topics.

    The draws refit neither the direction nor the rival: `refits` is the variance that this would add, as a share of theirs.
    Where one of the two wins or loses all pairs its draws do not vary: the end where that matters goes as far as the bound
    of that one alone reaches.
    """
    wide = widened(value, interval_of(drawn), n_units, float(np.sqrt(1 + refits)))
    if wide.low is None or wide.high is None:
        return NO_INTERVAL
    low, high = wide.low, wide.high
    direction = round(value + of_rival, TIE)
    if direction in (0.0, 1.0):
        least, most = _where_nothing_varies(direction, n_units)
        low, high = min(low, least - of_rival), max(high, most - of_rival)
    if of_rival in (0.0, 1.0):
        least, most = _where_nothing_varies(of_rival, n_units)
        low, high = min(low, direction - most), max(high, direction - least)
    return Interval(low, high)


def _where_nothing_varies(value: float, n_units: int) -> tuple[float, float]:
    bound = 0.025 ** (1 / n_units)
    return (bound, 1.0) if value == 1.0 else (0.0, 1 - bound)


def variance_of_refits(n_folds: int) -> float:
    """What refitting adds to the variance of a mean over folds, as a share of it (Nadeau and Bengio 2003); 0 for one fold."""
    return n_folds / (n_folds - 1) if n_folds > 1 else 0.0
