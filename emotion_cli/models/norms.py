"""Norms of single tokens at each layer: what pooled rows no longer tell."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from emotion_cli.models.pooling import batches_of, distinct, run

if TYPE_CHECKING:
    from torch import Tensor

    from emotion_cli.models.loaded import LoadedModel


def token_norms(
    loaded: "LoadedModel", ids: Sequence[Sequence[int]], *, layers: Sequence[int], strategy: str, batch_tokens: int
) -> list[np.ndarray]:
    """Norms [layer, token] of each prompt's states at `layers`, packed as a strategy says."""
    unique, members = distinct(ids)
    norms = [np.empty((len(layers), len(row))) for row in ids]
    for batch in batches_of(loaded, unique, strategy, batch_tokens):
        seen: dict[int, np.ndarray] = {}

        def measure(layer: int, hidden: "Tensor", seen: dict[int, np.ndarray] = seen) -> None:
            seen[layer] = hidden.float().norm(dim=-1).cpu().numpy()

        run(loaded, batch, layers, measure)
        for row, tree_row in enumerate(batch.rows):
            for member, path in tree_row.paths.items():
                for prompt in members[member]:
                    norms[prompt][:] = [seen[layer][row, list(path)] for layer in layers]
    return norms
