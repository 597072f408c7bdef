"""Attention masks where a row of a batch is a tree: a token sees its ancestors, inside the window of the layer's type."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from emotion_cli.models.packing.trees import Batch, path_rows
from emotion_cli.models.refusals import refusal_of

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn.attention.flex_attention import BlockMask

    from emotion_cli.models.loaded import LoadedModel

    Mask = Tensor | BlockMask


Sees = Callable[[Any, Any, Any, Any], Any]
"""Whether a node sees another, of the row, the head and the two nodes: the form in which flex attention takes a mask."""


FLEX = "flex_attention"
"""The name in transformers of the kernel that takes masks in blocks."""


SLIDING = "sliding_attention"


LIMITS = {SLIDING: ("window", "sliding_window"), "chunked_attention": ("chunk", "attention_chunk_size")}
"""The limit of each layer type, and the setting of the architecture that holds it."""


WIDEST_TREE = {"gpt_neo": "window_size"}
"""Architectures whose windows count places in the sequence, not positions: the setting that no tree may outgrow."""


def widest_tree(loaded: "LoadedModel") -> int | None:
    """Most nodes of a tree that the architecture allows; None where nothing limits them."""
    name = WIDEST_TREE.get(loaded.architecture)
    return getattr(_config(loaded), name) if name else None


_TAKES_MASKS_BY_LAYER_TYPE: WeakKeyDictionary[Any, bool] = WeakKeyDictionary()
"""What was tried, by model."""


def takes_masks_by_layer_type(loaded: "LoadedModel") -> bool:
    """Whether a model with layers of several types takes one mask for each: tried once, on two tokens."""
    types = getattr(_config(loaded), "layer_types", None)
    if not types:
        return False
    if loaded.model not in _TAKES_MASKS_BY_LAYER_TYPE:
        _TAKES_MASKS_BY_LAYER_TYPE[loaded.model] = _runs_with_masks_of(loaded, types)
    return _TAKES_MASKS_BY_LAYER_TYPE[loaded.model]


def _runs_with_masks_of(loaded: "LoadedModel", types: Iterable[str]) -> bool:
    import torch

    pair = Batch(path_rows([[1, 2]]))
    mask = _mask(loaded, ends_of(pair), depths_of(pair))
    try:
        with torch.inference_mode():
            ids = torch.tensor([[1, 2]], device=loaded.device)
            loaded.model(input_ids=ids, attention_mask=dict.fromkeys(types, mask), use_cache=False)
    except Exception as error:  # whatever the model raises for a mask that it does not take
        refusal_of(error)
        return False
    return True


def attention_mask(loaded: "LoadedModel", batch: Batch) -> "Mask | dict[str, Mask]":
    """The mask of a batch of trees, by layer type where the model takes it so: additive [row, 1, node, node], or of blocks."""
    ends, depths = ends_of(batch), depths_of(batch)
    if not takes_masks_by_layer_type(loaded):
        return _mask(loaded, ends, depths, SLIDING)
    return {kind: _mask(loaded, ends, depths, kind) for kind in sorted(set(_config(loaded).layer_types))}


def ancestors(ends: "Tensor", depths: "Tensor", *, window: int | None = None, chunk: int | None = None) -> Sees:
    """A function of row, head and two nodes: whether the first node is the second or descends from it.

    `ends` and `depths` are those of `ends_of` and `depths_of`. Windows and chunks bind by position, which is a node's depth,
    not its place in the row.
    """
    chunks = None if chunk is None else depths // chunk

    def sees(row: Any, head: Any, query: Any, key: Any) -> Any:
        seen = (key <= query) & (ends[row, key] > query)
        if window is not None:
            seen = seen & (depths[row, query] < depths[row, key] + window)
        if chunks is not None:
            seen = seen & (chunks[row, query] == chunks[row, key])
        return seen

    return sees


def dense(sees: Sees, n_rows: int, width: int, device: str = "cpu") -> "Tensor":
    """Whether each node (first axis after the row's) sees each other node, or itself [row, node, node]."""
    import torch

    rows, nodes = torch.arange(n_rows, device=device), torch.arange(width, device=device)
    return sees(rows[:, None, None], None, nodes[:, None], nodes)


def depths_of(batch: Batch) -> np.ndarray:
    """Tokens before each node [row, node]; 0 where a row is filled up."""
    depths = np.zeros((len(batch.rows), batch.width), dtype=np.int64)
    for row, filled in zip(batch.rows, depths, strict=True):
        filled[: len(row)] = row.depths
    return depths


def ends_of(batch: Batch) -> np.ndarray:
    """The place after the last node that descends from each node [row, node].

    A row is in the order in which its prompts branch, so what descends from a node follows it without a gap. What fills a
    row up sees itself, because a softmax over nothing is not a number.
    """
    ends = np.tile(np.arange(1, batch.width + 1), (len(batch.rows), 1))
    for row, row_ends in zip(batch.rows, ends, strict=True):
        # what follows a node is known before it
        for node in range(len(row) - 1, 0, -1):
            parent = row.parents[node]
            if parent >= 0 and row_ends[node] > row_ends[parent]:
                row_ends[parent] = row_ends[node]
    return ends


def _mask(loaded: "LoadedModel", ends: np.ndarray, depths: np.ndarray, kind: str | None = None) -> "Mask":
    import torch

    limits = {}
    if kind in LIMITS:
        argument, setting = LIMITS[kind]
        size = getattr(_config(loaded), setting, None)
        # where no prompt reaches that far nothing is left out
        limits = {argument: size} if size is not None and depths.max() >= size else {}
    sees = ancestors(*(torch.from_numpy(array).to(loaded.device) for array in (ends, depths)), **limits)
    n_rows, width = ends.shape
    if loaded.attention == FLEX:
        from torch.nn.attention.flex_attention import create_block_mask

        return create_block_mask(sees, n_rows, None, width, width, device=loaded.device)
    dtype = getattr(torch, loaded.dtype)
    hidden = ~dense(sees, n_rows, width, loaded.device)
    return torch.zeros(hidden.shape, dtype=dtype, device=loaded.device).masked_fill_(hidden, torch.finfo(dtype).min)[:, None]


def _config(loaded: "LoadedModel") -> Any:
    return loaded.model.config.get_text_config()
