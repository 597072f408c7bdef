"""Is there a direction? Reliability and separability of each emotion's direction at each layer (METHODS section 2)."""

from collections.abc import Collection, Mapping, Sequence
from functools import cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from emotion_cli.measures.directions import emotions_of
from emotion_cli.measures.gram import Gram
from emotion_cli.measures.inference.auroc import CHUNK, area_interval, areas, areas_of_kinds, resampled_areas, settled
from emotion_cli.measures.inference.draws import Contrast, Draws, concerned_labels, draws_of
from emotion_cli.measures.inference.resampling import NO_INTERVAL, Statistic, defined, mean_where_defined, null_above
from emotion_cli.measures.surface import Surface, counted_by, surface_scores


class Quality(NamedTuple):
    """One measure of one emotion's direction; `layer` None is the mean over the averaged layers, or has no layer."""

    emotion: str
    layer: int | None
    measure: str
    statistic: Statistic


class Curves(NamedTuple):
    """A measure by layer: values [layer, 1 + draw], the first as the labels are; bootstrap draws [layer, draw], or None.

    `n_folds` is how many folds the directions were made on, 1 where one direction was made of other prompts.
    """

    values: np.ndarray
    bootstrap: np.ndarray | None = None
    n_folds: int = 1


class HeldOut(NamedTuple):
    """A test set under the same model: rows [prompt] in each Gram, labels and topics."""

    rows: np.ndarray
    labels: Sequence[str]
    topics: Sequence[str | None]


def qualities(
    grams: Mapping[int, Gram],
    labels: Sequence[str],
    topics: Sequence[str | None],
    *,
    averaged: Collection[int],
    emotions: Sequence[str],
    reference: str,
    dataset: str,
    seed: int,
    draws: int,
    surface: Surface | None = None,
    held_out: Sequence[HeldOut] = (),
) -> list[Quality]:
    """Every measure of every emotion's direction; `labels` and `topics` are those of each Gram's first rows."""
    layers = sorted(grams)
    covered = np.array([layer in averaged for layer in layers])

    # all emotions share one set of draws where all make each direction
    @cache
    def shared(*concerned: str) -> Draws:
        return draws_of(labels, topics, concerned, seed=seed, names=(dataset, "quality", reference), draws=draws)

    found: list[Quality] = []
    for emotion in emotions:
        own = shared(*concerned_labels(emotion, emotions, reference))
        contrast = Contrast(emotion, own)
        used = [_used(grams[layer], own.used) for layer in layers]
        separation = auroc(contrast, used)
        curves = {"auroc": separation, "split_half": split_half(contrast, used)}
        if used[0].projections.shape[1]:
            curves["auroc_random"] = random_auroc(contrast, used, separation)
        if tests := [one for one in held_out if set(own.names) <= set(one.labels)]:
            curves["auroc_heldout"] = heldout_auroc(contrast, grams, layers, tests, seed, (dataset, "heldout", reference), draws)
        # a direction that is zero has no halves: means over layers leave it out, as those of cosines do
        everyone = contrast.weights(np.arange(len(own.codes)))
        long = covered & ~np.array([_is_zero(one, contrast, everyone) for one in used])
        for measure, curve in curves.items():
            n = own.n_units if measure != "auroc_heldout" else sum(len({*one.topics}) for one in tests)
            found += _rows(emotion, measure, layers, long if measure == "split_half" else covered, curve, n)
        found += _best(emotion, layers, covered, separation, own.n_units)
        if surface is not None:
            found.append(Quality(emotion, None, "auroc_surface", surface_auroc(contrast, surface)))
    all_labels = emotions_of(labels, "") if reference in labels else sorted(emotions)
    everyone_draws = draws_of(labels, topics, all_labels, seed=seed, names=(dataset, "quality", reference), draws=draws)
    accuracies = centroid_accuracy(everyone_draws, [_used(grams[layer], everyone_draws.used) for layer in layers])
    for emotion in emotions:
        curve = Curves(accuracies[:, :, all_labels.index(emotion)])
        found += _rows(emotion, "centroid_accuracy", layers, covered, curve, everyone_draws.n_units)
    return found


def auroc(contrast: Contrast, grams: Sequence[Gram]) -> Curves:
    """AUROC of each fold's prompts on the direction of the other folds: mean over folds, labels permuted, topics resampled."""
    draws = contrast.draws
    n_draws = len(draws.permuted)
    folds, resamples = [], []
    for fold in np.unique(draws.folds):
        test, train = np.flatnonzero(draws.folds == fold), np.flatnonzero(draws.folds != fold)
        weights = contrast.weights(train)
        sizes = contrast.is_emotion[0, test].sum(), (~contrast.is_emotion[0, test]).sum()
        if weights is None or not all(sizes):
            continue
        positive, negative = _places(contrast, test)
        values = np.empty((len(grams), n_draws))
        boots = np.empty((len(grams), len(draws.counts)))
        for i, one in enumerate(grams):
            scores = settled(weights @ one.inner[np.ix_(train, test)], float(np.mean(one.norms**2)))
            p, n = np.take_along_axis(scores, positive, 1), np.take_along_axis(scores, negative, 1)
            values[i] = areas(p, n)
            units = draws.units[test]
            boots[i] = resampled_areas(p[0], n[0], (units[positive[0]], units[negative[0]]), draws.counts)
        folds.append(values)
        resamples.append(boots)
    if not folds:
        return Curves(np.full((len(grams), n_draws), np.nan), None)
    values, boots = np.mean(folds, axis=0), mean_where_defined(np.array(resamples))
    everyone = contrast.weights(np.arange(len(draws.codes)))
    for i, one in enumerate(grams):
        if _is_zero(one, contrast, everyone):
            values[i, 0], boots[i] = 0.5, np.nan
    return Curves(values, boots, len(folds))


def split_half(contrast: Contrast, grams: Sequence[Gram]) -> Curves:
    """Cosine of the directions of two random halves of the topics: mean over splits, then Spearman-Brown where positive.

    With p and q the sums over the halves, inner products follow from |p + q|^2, |p - q|^2 and (p + q)(p - q); the second is a
    matrix product of pairs of topics with pairs of signs, for all draws and splits together.
    """
    draws = contrast.draws
    weights = contrast.weights(np.arange(len(draws.codes)))
    values = np.full((len(grams), len(draws.permuted)), np.nan)
    if weights is None or len(draws.halves[0]) < 2:
        return Curves(values)
    upper = np.triu_indices(len(draws.halves[0]), 1)
    # single precision will do for this one product: its terms are of one size, and 5,000 of them are summed
    signs = (draws.halves[:, upper[0]] * draws.halves[:, upper[1]]).T.astype(np.float32)
    memberships = (draws.blocks[:, None] == np.arange(len(draws.halves[0]))).astype(np.float64)
    products = _complete_products(contrast, grams) if draws.complete else _products(contrast, grams, weights)
    step = max(1, CHUNK // len(signs))
    for start in range(0, len(weights), step):
        chunk = slice(start, start + step)
        for i, (pairs, squares) in enumerate(products(chunk, upper)):
            towards = (weights[chunk] @ grams[i].inner) * weights[chunk]
            by_block = towards @ memberships
            total = by_block.sum(1)[:, None]
            difference = squares.sum(1)[:, None] + 2 * (pairs @ signs).astype(np.float64)
            cross = by_block @ draws.halves.T
            first, second = total + 2 * cross + difference, total - 2 * cross + difference
            zero = 4 * grams[i].zero_length(~contrast.is_emotion[0]) ** 2
            is_defined = (first > zero) & (second > zero)
            lengths = np.sqrt(np.where(is_defined, first, 1) * np.where(is_defined, second, 1))
            cosines = np.where(is_defined, (total - difference) / lengths, np.nan)
            values[i, chunk] = cosines.mean(1)
    return Curves(spearman_brown(values))


def spearman_brown(r: np.ndarray) -> np.ndarray:
    """Reliability of the whole from that of halves, 2r / (1 + r), where r is positive; r elsewhere."""
    return np.where(r > 0, 2 * r / (1 + np.abs(r)), r)


def random_auroc(contrast: Contrast, grams: Sequence[Gram], own: Curves) -> Curves:
    """The directions' own AUROC beside the AUROC of the same folds on Gaussian directions."""
    folds = [np.flatnonzero(contrast.draws.folds == fold) for fold in np.unique(contrast.draws.folds)]
    is_emotion = contrast.is_emotion[0]
    both = [test for test in folds if 0 < is_emotion[test].sum() < len(test)]
    values = np.full((len(grams), 1 + grams[0].projections.shape[1]), np.nan)
    for i, one in enumerate(grams):
        scores = settled(one.projections.T, float(one.norms.mean()))
        drawn = [areas(scores[:, test[is_emotion[test]]], scores[:, test[~is_emotion[test]]]) for test in both]
        values[i] = [own.values[i, 0], *(np.mean(drawn, axis=0) if drawn else np.full(len(scores), np.nan))]
    return Curves(values)


def heldout_auroc(
    contrast: Contrast,
    grams: Mapping[int, Gram],
    layers: Sequence[int],
    tests: Sequence[HeldOut],
    seed: int,
    names: Sequence[str],
    draws: int,
) -> Curves:
    """AUROC of the whole training set's direction on test prompts, mean over test sets; labels permuted within test topics."""
    weights = contrast.weights(np.arange(len(contrast.draws.codes)))
    if weights is None:
        return Curves(np.full((len(layers), 1 + draws), np.nan))
    values, boots = [], []
    for test in tests:
        own = Contrast(
            contrast.emotion, draws_of(test.labels, test.topics, contrast.draws.names, seed=seed, names=names, draws=draws)
        )
        rows = np.asarray(test.rows)[own.draws.used]
        positive, negative = _places(own, np.arange(len(rows)))
        units = own.draws.units[positive[0]], own.draws.units[negative[0]]
        value, boot = [], []
        for layer in layers:
            one = grams[layer]
            scores = settled(one.inner[np.ix_(rows, contrast.draws.used)] @ weights[0], float(np.mean(one.norms**2)))
            if _is_zero(_used(one, contrast.draws.used), contrast, weights):
                scores = np.zeros_like(scores)
            value.append(areas(scores[positive], scores[negative]))
            boot.append(resampled_areas(scores[positive[0]], scores[negative[0]], units, own.draws.counts))
        values.append(value)
        boots.append(boot)
    return Curves(np.mean(values, axis=0), np.mean(boots, axis=0))


def surface_auroc(contrast: Contrast, surface: Surface, features: Collection[str] = Surface._fields) -> Statistic:
    """AUROC of the same folds from the final character, the number of words and the first word alone."""
    draws = contrast.draws
    own = surface.of(draws.used)
    values, boots = [], []
    for fold in np.unique(draws.folds):
        test, train = np.flatnonzero(draws.folds == fold), np.flatnonzero(draws.folds != fold)
        is_emotion = contrast.is_emotion
        if not (0 < is_emotion[0, test].sum() < len(test) and 0 < is_emotion[0, train].sum() < len(train)):
            continue
        values.append(_surface_areas(own, train, test, is_emotion, features))
        scores, units = settled(surface_scores(own, train, test, is_emotion[:1, train], features), 1.0)[0], draws.units[test]
        positive, negative = np.flatnonzero(is_emotion[0, test]), np.flatnonzero(~is_emotion[0, test])
        boots.append(resampled_areas(scores[positive], scores[negative], (units[positive], units[negative]), draws.counts))
    if not values:
        return Statistic(None, null_above(None, np.empty(0)), draws.n_units)
    curve = np.mean(values, axis=0)
    value = defined(curve[0])
    interval = area_interval(value, mean_where_defined(np.array(boots)), draws.n_units, len(values))
    return Statistic(value, null_above(value, curve[1:]), draws.n_units, interval)


def _surface_areas(
    surface: Surface, train: np.ndarray, test: np.ndarray, is_emotion: np.ndarray, features: Collection[str]
) -> np.ndarray:
    """AUROC [draw] of one fold: scored are kinds of prompts, and counted the prompts of each."""
    first, kinds = surface.of(test).kinds(features)
    step = max(1, CHUNK // surface.largest)
    found = []
    for start in range(0, len(is_emotion), step):
        drawn = is_emotion[start : start + step]
        scores = settled(surface_scores(surface, train, test[first], drawn[:, train], features), 1.0)
        found.append(areas_of_kinds(scores, *counted_by(kinds, drawn[:, test], len(first))))
    return np.concatenate(found)


def centroid_accuracy(draws: Draws, grams: Sequence[Gram]) -> np.ndarray:
    """Share of each label's prompts nearest to their own label's centroid of the other folds [layer, 1 + draw, label]."""
    n_labels, n_draws = len(draws.names), len(draws.permuted)
    folds = [np.flatnonzero(draws.folds == fold) for fold in np.unique(draws.folds)]
    found = np.full((len(grams), n_draws, n_labels), np.nan)
    sizes = np.array([np.bincount(draws.codes[fold], minlength=n_labels) for fold in folds])
    left = sizes.sum(0) - sizes
    if len(folds) < 2 or not left.all():
        return found
    order = np.concatenate(folds)
    bounds = np.cumsum([0, *map(len, folds)])
    permuted = draws.permuted[:, order]
    is_label = [(permuted == label).astype(np.float64) for label in range(n_labels)]
    for i, one in enumerate(grams):
        inner = one.inner[np.ix_(order, order)]
        distances = np.empty((n_labels, n_draws, len(order)))
        for label in range(n_labels):
            # sums over one fold's prompts of the label, against every prompt
            parts = np.array([is_label[label][:, a:b] @ inner[a:b] for a, b in pairwise(bounds)])
            between = np.array([np.add.reduceat(part * is_label[label], bounds[:-1], axis=1) for part in parts])
            total, square = parts.sum(0), between.sum((0, 2))
            for fold, (a, b) in enumerate(pairwise(bounds)):
                n = left[fold, label]
                own = square - 2 * between[fold].sum(1) + between[fold, :, fold]
                distances[label, :, a:b] = own[:, None] / n**2 - 2 * (total[:, a:b] - parts[fold, :, a:b]) / n
        scale = float(np.mean(one.norms**2))
        nearest = settled(distances, scale)
        # a tie is shared
        closest = nearest == nearest.min(0)
        for label in range(n_labels):
            hits = closest[label] / closest.sum(0) * is_label[label]
            found[i, :, label] = hits.sum(1) / is_label[label].sum(1)
    return found


def _used(one: Gram, used: np.ndarray) -> Gram:
    return Gram(one.inner[np.ix_(used, used)], one.norms[used], one.projections[used])


def _is_zero(one: Gram, contrast: Contrast, weights: np.ndarray | None) -> bool:
    if weights is None:
        return True
    return float(weights[0] @ one.inner @ weights[0]) <= one.zero_length(~contrast.is_emotion[0]) ** 2


def _places(contrast: Contrast, members: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where in `members` each draw's prompts of the emotion, and of the others, are [1 + draw, prompt]."""
    is_emotion = contrast.is_emotion[:, members]
    return tuple(np.nonzero(where)[1].reshape(len(where), -1) for where in (is_emotion, ~is_emotion))  # pyright: ignore[reportReturnType]


def _complete_products(contrast: Contrast, grams: Sequence[Gram]):
    """Inner products of topics' contributions where each topic has each label once: which prompt has the emotion decides all."""
    draws = contrast.draws
    n_labels = len(draws.names)
    table = np.argsort(draws.blocks, kind="stable").reshape(-1, n_labels)
    n_topics = len(table)
    choice = contrast.is_emotion[:, table].argmax(2)
    place = np.arange(n_topics) * n_labels + choice
    alternatives = np.zeros((n_topics * n_labels, len(draws.codes)))
    alternatives[np.arange(len(alternatives))[:, None], np.repeat(table, n_labels, axis=0)] = -1 / (n_labels - 1)
    alternatives[np.arange(len(alternatives)), table.reshape(-1)] = 1
    alternatives /= n_topics
    tables = [alternatives @ one.inner @ alternatives.T for one in grams]
    width = len(alternatives)

    def products(chunk: slice, upper: tuple[np.ndarray, np.ndarray]):
        own = place[chunk]
        flat = own[:, upper[0]] * width + own[:, upper[1]]
        return ((inner.astype(np.float32).reshape(-1).take(flat), np.diag(inner)[own]) for inner in tables)

    return products


def _products(contrast: Contrast, grams: Sequence[Gram], weights: np.ndarray):
    """Inner products of blocks' contributions in general: each block adds its weighted prompts to the direction."""
    blocks = contrast.draws.blocks
    order = np.argsort(blocks, kind="stable")
    starts = np.searchsorted(blocks[order], np.arange(blocks.max() + 1))

    def products(chunk: slice, upper: tuple[np.ndarray, np.ndarray]):
        own = weights[chunk][:, order]
        step = max(1, CHUNK // len(order) ** 2)
        for one in grams:
            inner = one.inner[np.ix_(order, order)]
            pieces = []
            for start in range(0, len(own), step):
                part = own[start : start + step]
                full = part[:, :, None] * inner * part[:, None, :]
                pieces.append(np.add.reduceat(np.add.reduceat(full, starts, axis=1), starts, axis=2))
            by_block = np.concatenate(pieces)
            yield by_block[:, upper[0], upper[1]].astype(np.float32), np.diagonal(by_block, axis1=1, axis2=2)

    return products


def _rows(emotion: str, measure: str, layers: Sequence[int], covered: np.ndarray, curves: Curves, n: int) -> list[Quality]:
    def row(layer: int | None, values: np.ndarray, drawn: np.ndarray | None) -> Quality:
        value = defined(values[0])
        interval = area_interval(value, drawn, n, curves.n_folds) if drawn is not None else NO_INTERVAL
        return Quality(emotion, layer, measure, Statistic(value, null_above(value, values[1:]), n, interval))

    boots = curves.bootstrap
    rows = [row(layer, curves.values[i], None if boots is None else boots[i]) for i, layer in enumerate(layers)]
    if covered.any():
        rows.append(row(None, curves.values[covered].mean(0), None if boots is None else boots[covered].mean(0)))
    return rows


def _best(emotion: str, layers: Sequence[int], covered: np.ndarray, curves: Curves, n: int) -> list[Quality]:
    """The layer with the highest AUROC among the averaged ones (the lowest such), against the maximum over them of each draw."""
    values = curves.values[covered]
    if not len(values) or not np.isfinite(values[:, 0]).any():
        return []
    # rounded, so that the choice does not hang on the last bit
    best = int(np.argmax(np.round(values[:, 0], TIES)))
    layer = [layer for layer, is_covered in zip(layers, covered, strict=True) if is_covered][best]
    value = float(values[best, 0])
    return [Quality(emotion, layer, "auroc_best", Statistic(value, null_above(value, values[:, 1:].max(0)), n))]


TIES = 9
"""Decimals in which two layers' AUROC are compared."""
