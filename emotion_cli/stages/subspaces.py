"""Activations to statistics of subspaces, within one model and between two."""

from collections.abc import Callable, Sequence

import numpy as np

from emotion_cli.measures.between.design import Design
from emotion_cli.measures.between.space import Space
from emotion_cli.measures.between.subspaces import (
    MEASURES,
    Overlap,
    explained,
    explained_directions,
    overlaps_between,
    overlaps_unaligned,
    overlaps_within,
)
from emotion_cli.stages.job import Job

Found = list[tuple[int, Overlap]]
"""Overlaps by the number of their pair of layers."""

DRAWS = 100
"""Draws from the nulls of subspaces: each repeats a decomposition."""


def subspaces_of_model(job: Job, dataset: str, spaces: Sequence[Space], design: Design, emotions: Sequence[str], reference: str,
                       width: int, each: Callable) -> Found:  # fmt: skip
    """Explained variance, of prompts and of directions, and overlap with the other labels, at every layer of one model."""
    options = {"dataset": dataset, "seed": job.settings.seed, "draws": min(DRAWS, job.settings.draws)}
    found: list[list[Overlap]] = [[] for _ in spaces]

    def work(layer: int) -> None:
        space = spaces[layer]
        found[layer] = [
            *explained(space, design, emotions, width, **options),
            *overlaps_within(space, design, emotions, width, **options),
            *explained_directions(space, design, emotions, reference, **options),
        ]

    each(work, range(len(spaces)))
    return [(i, one) for i, members in enumerate(found) for one in members]


def subspaces_of_pair(job: Job, dataset: str, spaces: Sequence[tuple[Space, Space]], design: Design, emotions: Sequence[str],
                      each: Callable, rows: Callable[[int], tuple[np.ndarray, np.ndarray]]) -> Found:  # fmt: skip
    """Overlap at every matched pair of layers: after alignment, and before it where `rows` of a pair have equal widths."""
    options = {"dataset": dataset, "seed": job.settings.seed, "draws": min(DRAWS, job.settings.draws)}
    found: list[list[Overlap]] = [[] for _ in spaces]

    def work(pair: int) -> None:
        found[pair] = overlaps_between(*spaces[pair], design, emotions, **options)
        a, b = rows(pair)
        if a.shape[1] == b.shape[1]:
            found[pair] += overlaps_unaligned(a, b, design, emotions, **options)

    each(work, range(len(spaces)))
    return [(i, one) for i, members in enumerate(found) for one in members]


def is_upper(measure: str) -> bool:
    """Whether more of a measure means more in common (small angles do)."""
    return measure not in MEASURES or measure == "subspace_overlap"
