"""Every token's state along some directions: the states themselves are never kept."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from emotion_cli.models.pooling import NotFiniteError, batches_of, distinct, run

if TYPE_CHECKING:
    from torch import Tensor

    from emotion_cli.models.loaded import LoadedModel


class Projected(NamedTuple):
    """The tokens of one text at one layer: their states along directions [token, direction], and their norms [token]."""

    along: np.ndarray
    norms: np.ndarray


def token_projections(
    loaded: "LoadedModel",
    ids: Sequence[Sequence[int]],
    directions: Mapping[int, np.ndarray],
    *,
    strategy: str,
    batch_tokens: int,
    progress: Callable[[int, int], None] = lambda texts, tokens: None,
) -> list[dict[int, Projected]]:
    """Each text's tokens by layer, along the directions [direction, d_model] of each layer, packed as a strategy says.

    NotFiniteError where a state is not finite; a direction that is NaN gives NaN.
    """
    import torch

    unique, members = distinct(ids)
    layers = sorted(directions)
    # NaN in a product would be taken for a state that is not finite
    defined = {layer: np.isfinite(directions[layer]).all(axis=1) for layer in layers}
    matrices = {
        layer: torch.from_numpy(np.nan_to_num(directions[layer]).astype(np.float32)).to(loaded.device).T for layer in layers
    }
    projected: list[dict[int, Projected]] = [{} for _ in ids]
    for batch in batches_of(loaded, unique, strategy, batch_tokens):
        seen: dict[int, tuple[np.ndarray, np.ndarray]] = {}

        def measure(layer: int, hidden: "Tensor", seen: dict[int, tuple[np.ndarray, np.ndarray]] = seen) -> None:
            states = hidden.float()
            seen[layer] = (states @ matrices[layer]).cpu().numpy(), states.norm(dim=-1).cpu().numpy()

        run(loaded, batch, layers, measure)
        for row, tree_row in enumerate(batch.rows):
            for member, path in tree_row.paths.items():
                nodes = list(path)
                for layer, (along, norms) in seen.items():
                    if not np.isfinite(norms[row, nodes]).all():
                        raise NotFiniteError(
                            f"{loaded.source.name}: states are not finite in {loaded.dtype} at layer {layer}"
                            f"{loaded.said_of_weights()}",
                            hint="--dtype float32" if loaded.dtype != "float32" else "fetch or save the weights again",
                        )
                    values = np.where(defined[layer], along[row, nodes].astype(np.float64), np.nan)
                    for text in members[member]:
                        projected[text][layer] = Projected(values, norms[row, nodes].astype(np.float64))
        done = [text for member in batch.prompts for text in members[member]]
        progress(len(done), sum(len(ids[text]) for text in done))
    return projected
