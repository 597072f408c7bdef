"""What a token sees where a row of a batch is a tree: its ancestors, inside the window of the layer's type."""

from typing import TYPE_CHECKING, Any

import numpy as np

from emotion_cli.models.packing import Batch

if TYPE_CHECKING:
    from torch import Tensor

    from emotion_cli.models.loading import LoadedModel

SLIDING, CHUNKED = "sliding_attention", "chunked_attention"

WIDEST_TREE = {"gpt_neo": "window_size"}
"""Architectures whose windows count places in the sequence, not positions: the setting that no tree may outgrow."""


def widest_tree(loaded: "LoadedModel") -> int | None:
    """Most nodes of a tree that the architecture allows; None where nothing limits them."""
    name = WIDEST_TREE.get(loaded.architecture)
    return getattr(_config(loaded), name) if name else None


def takes_masks_by_layer_type(loaded: "LoadedModel") -> bool:
    """Whether a model with layers of several types takes one mask for each: tried on two tokens."""
    import torch

    types = getattr(_config(loaded), "layer_types", None)
    if not types:
        return False
    ids = torch.tensor([[1, 2]], device=loaded.device)
    mask = _additive(loaded, np.tri(2, dtype=bool)[None])
    try:
        with torch.inference_mode():
            loaded.model(input_ids=ids, attention_mask=dict.fromkeys(types, mask), use_cache=False)
    except (AttributeError, KeyError, RuntimeError, TypeError, ValueError):
        return False
    return True


def ancestors(batch: Batch) -> np.ndarray:
    """Whether each node (first axis after the row's) descends from each other node, or is it [row, node, node]."""
    seen = np.zeros((len(batch.rows), batch.width, batch.width), dtype=bool)
    for row, sees in zip(batch.rows, seen, strict=True):
        # a parent stands before its children, so what it sees is known
        for node, parent in enumerate(row.parents):
            if parent >= 0:
                sees[node] = sees[parent]
            sees[node, node] = True
        # what fills the row up sees itself, because a softmax over nothing is not a number
        filling = np.arange(len(row), batch.width)
        sees[filling, filling] = True
    return seen


def attention_mask(loaded: "LoadedModel", batch: Batch) -> "Tensor | dict[str, Tensor]":
    """The additive mask of a batch of trees [row, 1, node, node], by layer type where the model takes it so."""
    seen, depths = ancestors(batch), depths_of(batch)
    config = _config(loaded)
    if not loaded.masks_by_layer_type:
        return _additive(loaded, seen & _within(depths, SLIDING, config))
    return {kind: _additive(loaded, seen & _within(depths, kind, config)) for kind in sorted(set(config.layer_types))}


def depths_of(batch: Batch) -> np.ndarray:
    """Tokens before each node [row, node]; 0 where a row is filled up."""
    depths = np.zeros((len(batch.rows), batch.width), dtype=np.int64)
    for row, filled in zip(batch.rows, depths, strict=True):
        filled[: len(row)] = row.depths
    return depths


def _within(depths: np.ndarray, kind: str, config: Any) -> np.ndarray | bool:
    # windows bind by position, which is a node's depth, not its place in the row
    size = getattr(config, {SLIDING: "sliding_window", CHUNKED: "attention_chunk_size"}.get(kind, ""), None)
    if size is None or depths.max(initial=0) < size:
        return True
    one, other = depths[:, :, None], depths[:, None, :]
    return one - other < size if kind == SLIDING else one // size == other // size


def _additive(loaded: "LoadedModel", seen: np.ndarray) -> "Tensor":
    import torch

    dtype = getattr(torch, loaded.dtype)
    hidden = torch.from_numpy(~seen).to(loaded.device)
    return torch.zeros(seen.shape, dtype=dtype, device=loaded.device).masked_fill_(hidden, torch.finfo(dtype).min)[:, None]


def _config(loaded: "LoadedModel") -> Any:
    return loaded.model.config.get_text_config()
