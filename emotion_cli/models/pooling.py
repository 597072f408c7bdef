"""Batches to forward passes to pooled rows; whole [batch, token, d_model] stacks of all layers are never kept."""

from collections.abc import Callable, Collection, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from emotion_cli.errors import EmoError
from emotion_cli.models.packing.masks import attention_mask, depths_of, widest_tree
from emotion_cli.models.packing.trees import Batch, halves, pack
from emotion_cli.models.residual import residual_stream
from emotion_cli.models.rotary import as_it_was, length_class, regimes
from emotion_cli.models.tokens import Marks

if TYPE_CHECKING:
    from torch import Tensor

    from emotion_cli.models.loaded import LoadedModel


class Read(NamedTuple):
    """The nodes that are averaged into one row: row of the batch, prompt, pooling, nodes."""

    row: int
    prompt: int
    pooling: int
    nodes: list[int]


class Pooled(NamedTuple):
    """Activations float32 [layer, prompt, d_model] by pooling, which prompts have them [prompt], and tokens computed.

    `batch_tokens` is the budget that was left: smaller than asked for when memory ran out. `norms` [layer, token] are those
    of the measured prompts' states, by prompt.
    """

    values: dict[str, np.ndarray]
    present: dict[str, np.ndarray]
    n_tokens_computed: int
    batch_tokens: int
    norms: dict[int, np.ndarray]


Forward = Callable[..., tuple[np.ndarray, np.ndarray | None]]
"""From a model, a batch, reads, layers and `with_norms` to rows [layer, read, d_model] and norms [layer, row, node]."""


class Passes:
    """What batches gave that were run already, for when they come again; each is given once and then forgotten."""

    def __init__(self) -> None:
        self._kept: dict[Any, tuple[dict[tuple[int, ...], int], np.ndarray, np.ndarray | None]] = {}

    def record(
        self, loaded: "LoadedModel", batch: Batch, reads: Sequence[Read], layers: Sequence[int], *, with_norms: bool
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Run a batch and keep what it gives, with the norms of all nodes."""
        rows, norms = _forward(loaded, batch, reads, layers, with_norms=True)
        self._kept[_identity(batch, layers)] = {_place(read): i for i, read in enumerate(reads)}, rows, norms
        return rows, norms if with_norms else None

    def recall(
        self, loaded: "LoadedModel", batch: Batch, reads: Sequence[Read], layers: Sequence[int], *, with_norms: bool
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """What the same batch gave; it is run where it was not, or where other nodes were read."""
        known, rows, norms = self._kept.pop(_identity(batch, layers), ({}, None, None))
        if rows is None or not all(_place(read) in known for read in reads):
            return _forward(loaded, batch, reads, layers, with_norms=with_norms)
        return rows[:, [known[_place(read)] for read in reads]], norms if with_norms else None


def _identity(batch: Batch, layers: Sequence[int]) -> tuple[Any, ...]:
    """All that decides what a batch gives, but for the numbers of its prompts."""
    return tuple(layers), tuple((tuple(row.tokens), tuple(row.parents)) for row in batch.rows)


def _place(read: Read) -> tuple[int, ...]:
    return read.row, *read.nodes


class NotFiniteError(EmoError):
    """Activations overflowed, or were never numbers."""


Positions = Callable[[int, Marks], Sequence[int]]
"""The positions that a pooling averages over, of a prompt's length (tokens) and the positions of its words."""


POOLINGS: dict[str, Positions] = {
    "last": lambda length, marks: (length - 1,),
    # position 0 is an attention sink whose norm drowns all others
    "mean": lambda length, marks: range(1, length),
    "word": lambda length, marks: [position for position in marks.word if position > 0],
    "content": lambda length, marks: [position for position in marks.content if position > 0],
}


def pooled_activations(
    loaded: "LoadedModel",
    ids: Sequence[Sequence[int]],
    *,
    poolings: Sequence[str],
    layers: Sequence[int],
    batch_tokens: int,
    strategy: str = "sorted",
    marks: Sequence[Marks] | None = None,
    measured: Collection[int] = (),
    progress: Callable[[int, int], None] = lambda prompts, tokens: None,
    notify: Callable[[str], None] = lambda _: None,
    forward: "Forward | None" = None,
) -> Pooled:
    """Pooled residual stream of each prompt at `layers`; memory is bounded by the number of prompts given at once.

    `marks` holds the token positions of each prompt's words, for the poolings that read them. Prompts with equal tokens are
    computed once. Of the prompts `measured` the norms of all tokens are kept, too.
    `forward` runs a batch; else each is run.
    """
    unique, _ = distinct(ids)
    return pooled_batches(
        loaded,
        ids,
        batches_of(loaded, unique, strategy, batch_tokens),
        poolings=poolings,
        layers=layers,
        batch_tokens=batch_tokens,
        marks=marks,
        measured=measured,
        progress=progress,
        notify=notify,
        forward=forward,
    )


def pooled_batches(
    loaded: "LoadedModel",
    ids: Sequence[Sequence[int]],
    batches: Sequence[Batch],
    *,
    poolings: Sequence[str],
    layers: Sequence[int],
    batch_tokens: int | None = None,
    marks: Sequence[Marks] | None = None,
    measured: Collection[int] = (),
    progress: Callable[[int, int], None] = lambda prompts, tokens: None,
    notify: Callable[[str], None] = lambda _: None,
    forward: "Forward | None" = None,
) -> Pooled:
    """Pooled residual stream of the prompts in `batches` (over the distinct ones of `ids`); zero for the others."""
    unique, members = distinct(ids)
    values = {pooling: np.zeros((len(layers), len(ids), loaded.d_model), np.float32) for pooling in poolings}
    positions = [
        [list(POOLINGS[pooling](len(row), marked)) for pooling in poolings]
        for row, marked in zip(ids, marks or [Marks()] * len(ids), strict=True)
    ]
    present = {pooling: np.array([bool(pooled[k]) for pooled in positions], dtype=bool) for k, pooling in enumerate(poolings)}
    norms: dict[int, np.ndarray] = {}
    with_norms = set(measured)
    pending, computed, halved = list(batches[::-1]), 0, False
    budget = batch_tokens or max((batch.size for batch in batches), default=1)
    while pending:
        batch = pending.pop()
        if batch.size > budget and len(batch.rows) > 1:
            pending += halves(batch, unique)[::-1]
            continue
        reads = [
            Read(row, prompt, k, [path[position] for position in positions[prompt][k]])
            for row, tree_row in enumerate(batch.rows)
            for member, path in tree_row.paths.items()
            for prompt in members[member]
            for k in range(len(poolings))
            if positions[prompt][k]
        ]
        done = [prompt for member in batch.prompts for prompt in members[member]]
        if not reads:  # of none of these prompts has a pooling a token
            progress(len(done), sum(len(ids[prompt]) for prompt in done))
            continue
        try:
            rows, of_tokens = (forward or _forward)(loaded, batch, reads, layers, with_norms=not with_norms.isdisjoint(done))
        except RuntimeError as error:
            if not _is_out_of_memory(error):
                raise
            if len(batch.prompts) == 1:
                raise EmoError(
                    f"{loaded.source.name}: memory runs out with a single prompt of {batch.width} tokens",
                    hint="--dtype bfloat16, or --max-length N --truncate",
                ) from None
            budget = max(batch.size // 2, 1)
            if not halved:
                notify(f"memory runs out at {batch.size} tokens a batch: continuing with smaller batches")
            halved = True
            pending += halves(batch, unique)[::-1]
            continue
        for k, pooling in enumerate(poolings):
            chosen = [i for i, read in enumerate(reads) if read.pooling == k]
            values[pooling][:, [reads[i].prompt for i in chosen]] = rows[:, chosen]
        if of_tokens is not None:
            norms |= {
                prompt: of_tokens[:, row, path]
                for row, tree_row in enumerate(batch.rows)
                for member, path in tree_row.paths.items()
                for prompt in members[member]
                if prompt in with_norms
            }
        computed += batch.size
        progress(len(done), sum(len(ids[prompt]) for prompt in done))
    for stack in values.values():
        bad = ~np.isfinite(stack).all(axis=(1, 2))
        if bad.any():
            raise NotFiniteError(
                f"{loaded.source.name}: activations are not finite in {loaded.dtype} at layer {layers[int(bad.argmax())]}"
                f"{loaded.said_of_weights()}",
                hint="--dtype float32" if loaded.dtype != "float32" else "fetch or save the weights again",
            )
    return Pooled(values, present, computed, budget, norms)


def batches_of(loaded: "LoadedModel", ids: Sequence[Sequence[int]], strategy: str, batch_tokens: int) -> list[Batch]:
    """How a strategy packs distinct prompts for a model; prompts whose rotary angles differ by length never run together."""
    rules = regimes(loaded)
    groups: dict[tuple[int, ...], list[int]] = {}
    for prompt, row in enumerate(ids):
        groups.setdefault(length_class(rules, len(row)), []).append(prompt)
    options: dict[str, Any] = {
        "budget": batch_tokens,
        "widest": widest_tree(loaded),
        "cost": lambda width, seen: width * (1 + seen / loaded.attention_equals),
    }
    if len(groups) <= 1:
        return pack(ids, strategy, **options)
    return [
        Batch([row.renumbered(prompts) for row in batch.rows])
        for prompts in groups.values()
        for batch in pack([ids[prompt] for prompt in prompts], strategy, **options)
    ]


def distinct(ids: Sequence[Sequence[int]]) -> tuple[list[Sequence[int]], list[list[int]]]:
    """The different prompts in their first order, and where each of them stands."""
    members: dict[tuple[int, ...], list[int]] = {}
    for prompt, row in enumerate(ids):
        members.setdefault(tuple(row), []).append(prompt)
    return list(members), list(members.values())


def _is_out_of_memory(error: RuntimeError) -> bool:
    import torch

    # the allocator of the CPU has no error of its own
    return isinstance(error, torch.OutOfMemoryError) or "not enough memory" in str(error) or "can't allocate memory" in str(error)


def _forward(
    loaded: "LoadedModel", batch: Batch, reads: Sequence[Read], layers: Sequence[int], *, with_norms: bool
) -> tuple[np.ndarray, np.ndarray | None]:
    """Mean over the nodes of each read, float32 [layer, read, d_model], and the norms of all nodes [layer, row, node]."""
    import torch

    nodes = torch.tensor([read.row * batch.width + node for read in reads for node in read.nodes], device=loaded.device)
    starts = torch.tensor(np.cumsum([0] + [len(read.nodes) for read in reads[:-1]]), device=loaded.device)
    pooled: dict[int, Tensor] = {}
    norms: dict[int, Tensor] = {}

    def pool(layer: int, hidden: "Tensor") -> None:
        flat = hidden.reshape(-1, hidden.shape[-1])
        if flat.dtype != torch.float32:
            flat = flat.float()
        # gathers and averages in one pass; of a single node it is a copy
        pooled[layer] = torch.nn.functional.embedding_bag(nodes, flat, starts, mode="mean")
        if with_norms:
            norms[layer] = hidden.float().norm(dim=-1)

    run(loaded, batch, layers, pool)

    def stacked(of_layers: "dict[int, Tensor]") -> np.ndarray:
        # one copy from the device for all layers
        return torch.stack([of_layers[layer] for layer in layers]).cpu().numpy()

    with torch.inference_mode():
        return stacked(pooled), stacked(norms) if with_norms else None


def run(loaded: "LoadedModel", batch: Batch, layers: Sequence[int], read: "Callable[[int, Tensor], None]") -> None:
    """One forward pass up to the last of `layers`; `read` is given each with its states [row, node, d_model]."""
    import torch

    ids = np.zeros((len(batch.rows), batch.width), dtype=np.int64)
    for row, filled in zip(batch.rows, ids, strict=True):
        filled[: len(row)] = row.tokens
    options: dict[str, Any] = {}
    if not batch.is_causal:
        options["attention_mask"] = attention_mask(loaded, batch)
        options["position_ids"] = torch.from_numpy(depths_of(batch)).to(loaded.device)
    with torch.inference_mode():
        # the next batch may be of shorter prompts
        rotary = as_it_was(loaded.model) if regimes(loaded) else nullcontext()
        with rotary, residual_stream(loaded, layers, read, stop=True):
            loaded.model(input_ids=torch.from_numpy(ids).to(loaded.device), use_cache=False, **options)
