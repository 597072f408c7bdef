"""Batches to forward passes to pooled rows; whole [batch, token, d_model] stacks of all layers are never kept."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from emotion_cli.errors import EmoError
from emotion_cli.models.packing import STRATEGIES, Batch
from emotion_cli.models.residual import residual_stream

if TYPE_CHECKING:
    from torch import Tensor

    from emotion_cli.models.loading import LoadedModel


class Pooled(NamedTuple):
    """Activations float32 [layer, prompt, d_model] by pooling, which prompts have them [prompt], and tokens computed."""

    values: dict[str, np.ndarray]
    present: dict[str, np.ndarray]
    n_tokens_computed: int


def _last(hidden: "Tensor", lengths: "Tensor") -> "Tensor":
    import torch

    rows = torch.arange(len(lengths), device=hidden.device)
    return hidden[rows, lengths - 1].float()


def _mean(hidden: "Tensor", lengths: "Tensor") -> "Tensor":
    import torch

    # position 0 is an attention sink whose norm drowns all others; padding is no token
    positions = torch.arange(hidden.shape[1], device=hidden.device)
    real = (positions > 0) & (positions < lengths[:, None])
    total = torch.where(real[..., None], hidden.float(), 0).sum(1)
    return total / (lengths - 1).clamp(min=1)[:, None]


class Pooling(NamedTuple):
    """How the tokens of a prompt become one row, and the fewest tokens that it is defined for."""

    pool: "Callable[[Tensor, Tensor], Tensor]"
    least_tokens: int


POOLINGS = {"last": Pooling(_last, 1), "mean": Pooling(_mean, 2)}


def pooled_activations(
    loaded: "LoadedModel",
    ids: Sequence[Sequence[int]],
    *,
    poolings: Sequence[str],
    layers: Sequence[int],
    batch_tokens: int,
    strategy: str = "sorted",
    progress: Callable[[int, int], None] = lambda prompts, tokens: None,
    notify: Callable[[str], None] = lambda _: None,
) -> Pooled:
    """Pooled residual stream of each prompt at `layers`; memory is bounded by the number of prompts given at once."""
    import torch

    lengths = np.array([len(row) for row in ids], dtype=np.int64)
    shape = (len(layers), len(ids), loaded.d_model)
    values = {pooling: np.zeros(shape, np.float32) for pooling in poolings}
    present = {pooling: lengths >= POOLINGS[pooling].least_tokens for pooling in poolings}
    budget, computed = batch_tokens, 0
    pending = STRATEGIES[strategy](lengths.tolist(), budget)
    while pending:
        batch = pending.pop(0)
        try:
            rows = _forward(loaded, [ids[i] for i in batch.prompts], poolings, layers)
        except torch.OutOfMemoryError:
            if len(batch.prompts) == 1:
                raise EmoError(f"{loaded.source.name}: memory runs out with a single prompt of {batch.width} tokens",
                               hint="--dtype bfloat16, or --max-length N --truncate") from None  # fmt: skip
            budget = max(budget // 2, batch.width)
            notify(f"memory runs out: going on with {budget} tokens a batch")
            left = batch.prompts + [i for later in pending for i in later.prompts]
            again = STRATEGIES[strategy]([int(lengths[i]) for i in left], budget)
            pending = [Batch([left[i] for i in smaller.prompts], smaller.width) for smaller in again]
            continue
        for pooling in poolings:
            values[pooling][:, batch.prompts] = rows[pooling]
        computed += len(batch.prompts) * batch.width
        progress(len(batch.prompts), int(lengths[batch.prompts].sum()))
    for pooling, stack in values.items():
        bad = ~np.isfinite(stack[:, present[pooling]]).all(axis=(1, 2))
        if bad.any():
            raise EmoError(f"{loaded.source.name}: activations are not finite in {loaded.dtype} at layer "
                           f"{layers[int(bad.argmax())]}", hint="--dtype float32")  # fmt: skip
    return Pooled(values, present, computed)


def deviation(loaded: "LoadedModel", ids: Sequence[Sequence[int]], *, batch_tokens: int, n_probes: int = 6) -> float:
    """Largest error over row norm of the sorted strategy against one plain pass a prompt, on prompts of all lengths."""
    by_length = sorted(range(len(ids)), key=lambda i: len(ids[i]))
    probes = [ids[by_length[i]] for i in sorted(set(np.linspace(0, len(ids) - 1, n_probes).astype(int).tolist()))]
    layers = range(loaded.n_layers + 1)
    options = {"poolings": ["last"], "layers": layers, "batch_tokens": batch_tokens}
    packed = pooled_activations(loaded, probes, strategy="sorted", **options).values["last"].astype(np.float64)
    plain = pooled_activations(loaded, probes, strategy="single", **options).values["last"].astype(np.float64)
    norms = np.maximum(np.linalg.norm(plain, axis=-1), np.finfo(np.float32).tiny)
    return float((np.linalg.norm(packed - plain, axis=-1) / norms).max())


def _forward(
    loaded: "LoadedModel", rows: Sequence[Sequence[int]], poolings: Sequence[str], layers: Sequence[int]
) -> dict[str, np.ndarray]:
    import torch

    width = max(map(len, rows))
    lengths = torch.tensor([len(row) for row in rows], device=loaded.device)
    ids = torch.zeros(len(rows), width, dtype=torch.long)
    for i, row in enumerate(rows):
        ids[i, : len(row)] = torch.tensor(row)
    positions = torch.arange(width, device=loaded.device)
    pooled: dict[str, dict[int, torch.Tensor]] = {pooling: {} for pooling in poolings}

    def read(layer: int, hidden: torch.Tensor) -> None:
        for pooling in poolings:
            pooled[pooling][layer] = POOLINGS[pooling].pool(hidden, lengths)

    with torch.inference_mode(), residual_stream(loaded, layers, read):
        loaded.model(
            input_ids=ids.to(loaded.device),
            attention_mask=(positions < lengths[:, None]).long(),
            use_cache=False,
        )
        # one copy from the device for all layers and poolings
        stacked = torch.stack([pooled[pooling][layer] for pooling in poolings for layer in layers]).cpu().numpy()
    return {pooling: stacked[i * len(layers) : (i + 1) * len(layers)] for i, pooling in enumerate(poolings)}
