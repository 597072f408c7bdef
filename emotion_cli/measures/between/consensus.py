"""Do three or more models share a direction? Generalised Procrustes analysis (Gower 1975; ten Berge 1977).

Each model's prompts are turned, in its own principal components, onto what all models have in common. The turns are fitted on
one third of the topics, without the emotion and with each label's mean removed; a model's direction comes from the second
third, the other models' directions from the last.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from emotion_cli.measures.between.alignment import COMPONENTS, squares_of
from emotion_cli.measures.between.maps import Rows, cross_products
from emotion_cli.measures.between.space import Space, coordinates_of, spectrum_of
from emotion_cli.measures.between.trials import fitted_rows
from emotion_cli.measures.inference.relabelling import (
    Design,
    Relabelling,
    Thirds,
    as_labelled,
    exchanged,
    groups_left_out,
    joined,
    thirds_of,
)
from emotion_cli.measures.inference.sampling import Sampling
from emotion_cli.measures.inference.statistic import Sampled

MIN_MODELS = 3
"""Fewer models have no consensus that differs from one's map onto the other."""

N_SPLITS = 5
"""Of the divisions of the topics into thirds; in each, both held-out thirds give the model's own direction once."""

TOLERANCE = 1e-7
"""Turns are fitted until a sweep over the models gains less than this share of what they have in common."""

MOST_SWEEPS = 200
"""Sweeps after which turns are taken as they are."""


class Share(NamedTuple):
    """Share of one model's direction that the other models' consensus explains; `k` is the dimension of the consensus."""

    model: int
    emotion: str
    k: int
    sampled: Sampled


def shares(spaces: Sequence[Space], design: Design, sampling: Sampling) -> list[Share]:
    """The share of every model's direction that the consensus explains, from one layer of each model over the same prompts.

    It is the squared length of the direction's projection on the mean of the other models' (unit) directions over its own squared
    length, components outside the consensus space included; zero where the projection points the other way. The null exchanges
    labels within blocks in all models alike and keeps the turns: fitted again they would learn how the exchanged labels lie
    apart, which the labels' means no longer remove and which is not chance.
    """
    if any(space.flat for space in spaces):
        return []
    splits = thirds_of(design, sampling, N_SPLITS)
    worlds = [_World(spaces, design, split) for split in splits]
    dimension = min((world.k for world in worlds), default=0)
    if not dimension:
        return []
    groups = groups_left_out(design, sampling)
    first = 1 + len(groups)
    measured = []
    for emotion in design.emotions:
        trials = joined([as_labelled(design), groups, exchanged(design, design.labels_used(emotion), sampling)])
        values = np.mean([_split_shares(world, trials, first, emotion) for world in worlds], axis=0)
        measured += [
            Share(model, emotion, dimension, Sampled(float(row[0]), row[first:], groups=row[1:first]))
            for model, row in enumerate(values)
        ]
    return measured


def plane(spaces: Sequence[Space], design: Design, sampling: Sampling) -> np.ndarray | None:
    """Coordinates [model, emotion, 2] of unit directions in the plane in which they lie most; None where not defined.

    One consensus for all emotions: fitted on one third of the topics, all labels; the directions are from the other two.
    """
    if any(space.flat for space in spaces):
        return None
    world = _World(spaces, design, thirds_of(design, sampling)[0])
    if world.k < 2:
        return None
    labelled = as_labelled(design)
    turns = world.turns(labelled, design.labels)
    blocks = np.concatenate([world.split.source, world.split.target])
    vectors = []
    for emotion in design.emotions:
        turned, squares = world.directions(turns, blocks, labelled, emotion)
        vectors.append((turned / np.sqrt(squares)[:, :, None])[:, 0])
    stacked = np.stack(vectors, 1)
    if not np.isfinite(stacked).all():
        return None
    axes = np.linalg.svd(stacked.reshape(-1, stacked.shape[2]), full_matrices=False)[2][:2]
    if len(axes) < 2:
        return None
    placed = stacked @ axes.T
    # an axis points either way alike
    return placed * np.where(placed.sum((0, 1)) < 0, -1.0, 1.0)


def consensus(points: Sequence[np.ndarray], rows: Rows) -> np.ndarray:
    """Orthogonal turns [model, draw, k, k] of coordinates [row, k] of each model onto the mean of all turned models.

    Each label's mean is removed first. One model after another is turned onto the sum of the others until nothing is gained.
    """
    n, k = len(points), points[0].shape[1]
    products = np.zeros((n, n, len(rows.labels), k, k))
    for i in range(n):
        for j in range(i + 1, n):
            products[i, j] = cross_products(points[i], points[j], rows)
            products[j, i] = products[i, j].transpose(0, 2, 1)
    turns = np.tile(np.eye(k), (n, len(rows.labels), 1, 1))
    for i in range(1, n):
        turns[i] = _nearest(products[i, :i], turns[:i])[0]
    active = np.arange(len(rows.labels))
    before = np.full(len(active), -np.inf)
    for _ in range(MOST_SWEEPS):
        now = np.zeros(len(active))
        for i in range(n):
            remaining = [j for j in range(n) if j != i]
            turned, common = _nearest(products[i, remaining][:, active], turns[remaining][:, active])
            turns[i, active] = turned
            now += common
        going = now - before > TOLERANCE * now
        active, before = active[going], now[going]
        if not len(active):
            break
    return turns


def _nearest(products: np.ndarray, turns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The turn [draw, k, k] of one model onto the sum of others, and what it has in common with it [draw]."""
    left, values, right = np.linalg.svd((products @ turns).sum(0))
    return left @ right, values.sum(-1)


class _World:
    """One layer of each model in one split: coordinates [prompt, k] of all prompts in the fitted third's components."""

    def __init__(self, spaces: Sequence[Space], design: Design, split: Thirds) -> None:
        self.spaces, self.design, self.split = spaces, design, split
        rows, n = design.rows[split.fit].ravel(), len(design.labels)
        spectra = [spectrum_of(space.gram[np.ix_(rows, rows)], n) for space in spaces]
        self.k = min(COMPONENTS, (len(rows) - n) // 2, *(len(spectrum.values) for spectrum in spectra))
        self.points = [
            coordinates_of(space.gram[:, rows], spectrum, n, self.k) for space, spectrum in zip(spaces, spectra, strict=True)
        ]

    def turns(self, trials: Relabelling, labels: Sequence[str]) -> np.ndarray:
        """Turns [model, trial, k, k] onto the consensus of the fitted third's prompts with these labels."""
        rows = self.design.rows[self.split.fit].ravel()
        return consensus([points[rows] for points in self.points], fitted_rows(self.design, trials.of(self.split.fit), labels))

    def directions(
        self, turns: np.ndarray, blocks: np.ndarray, trials: Relabelling, emotion: str
    ) -> tuple[np.ndarray, np.ndarray]:
        """Each model's direction in the consensus space [model, trial, k], and its squared length in the model [model, trial]."""
        rows = self.design.rows[blocks].ravel()
        weights = trials.of(blocks).weights(self.design.coefficients(emotion))
        turned, squares = [], []
        for space, points, turn in zip(self.spaces, self.points, turns, strict=True):
            turned.append(((weights @ points[rows])[:, None] @ turn)[:, 0])
            length = squares_of(weights, space.gram[np.ix_(rows, rows)])
            squares.append(np.where(length > space.zero, length, np.nan))
        return np.array(turned), np.array(squares)


def _split_shares(world: _World, trials: Relabelling, n_fitted: int, emotion: str) -> np.ndarray:
    """Shares [model, trial] of one split; the two thirds that are not fitted on take turns.

    The first `n_fitted` trials have a consensus each, the others that of the first.
    """
    labels = [label for label in world.design.labels if label != emotion]
    numbers = np.arange(len(trials))
    turns = world.turns(trials.part(slice(n_fitted)), labels)[:, np.where(numbers < n_fitted, numbers, 0)]
    on_source, on_target = (
        world.directions(turns, blocks, trials, emotion) for blocks in (world.split.source, world.split.target)
    )
    return (_explained(*on_source, on_target[0]) + _explained(*on_target, on_source[0])) / 2


def _explained(turned: np.ndarray, squares: np.ndarray, elsewhere: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(elsewhere, axis=2, keepdims=True)
    unit = elsewhere / np.where(lengths > 0, lengths, np.nan)
    mean = unit.sum(0) - unit
    along = np.maximum((turned * mean).sum(2), 0) ** 2
    size = (mean**2).sum(2)
    return along / (squares * np.where(size > 0, size, np.nan))
