"""What each head and each MLP writes into the residual stream, along some directions: a sum that is checked, not assumed.

Which modules write is seen while the model runs: the two in a block whose outputs, added to what enters it, are what leaves it.
The head's part of an attention's output is exact: the output projection is linear. A norm behind it (Gemma) is taken with the
scale that it had at that token.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import combinations
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from emotion_cli.errors import UsageError
from emotion_cli.models.pooling import batches_of, run

if TYPE_CHECKING:
    from torch import Tensor, nn

    from emotion_cli.models.loaded import LoadedModel

EMBEDDING, HEAD, BIAS, MLP, TOTAL = "embedding", "head", "bias", "mlp", "total"
"""Kinds of parts: what enters the first block, what each head, the attention's bias and the MLP write, and all together."""

TOLERANCE = 1e-4
"""Error of a sum of parts, over the largest state, up to which it counts as exact in float32."""


class Part(NamedTuple):
    """A part of a state: its kind, the block that writes it (counted from 1), and its head (counted from 0)."""

    kind: str
    block: int | None = None
    head: int | None = None


class Parts(NamedTuple):
    """Values [part, text, direction] at the pooled positions; `error` is that of their sum, over the largest state."""

    parts: list[Part]
    values: np.ndarray
    error: float


class Block(NamedTuple):
    """The modules that write: the attention's and the MLP's; the projection of the heads; whether a norm is behind it."""

    attention: "nn.Module"
    mlp: "nn.Module"
    projection: "nn.Module"
    is_normed: bool


def parts_along(
    loaded: "LoadedModel", ids: Sequence[Sequence[int]], positions: Sequence[Sequence[int]], layer: int, directions: np.ndarray
) -> Parts:
    """Each text's state at a layer, averaged over its positions, along directions [direction, d_model], part by part.

    UsageError for a model whose blocks do not add two outputs to their input, or where the parts do not add up.
    """
    import torch

    if layer < 1:
        raise UsageError(f"--layer {layer}: no block has written there yet", hint="--layer 1")
    n_heads = n_heads_of(loaded)
    # two tokens at least: of one alone, attention is not seen to mix
    blocks = writers_of(loaded, max(ids, key=len), layer)
    along = torch.from_numpy(directions.astype(np.float32)).to(loaded.device)
    named = [
        Part(EMBEDDING),
        *(
            part
            for block in range(1, layer + 1)
            for part in (*(Part(HEAD, block, head) for head in range(n_heads)), Part(BIAS, block), Part(MLP, block))
        ),
        Part(TOTAL),
    ]
    values = np.empty((len(named), len(ids), len(directions)))
    error = 0.0
    for text, (row, of_text) in enumerate(zip(ids, positions, strict=True)):
        seen: dict[int, Tensor] = {}
        with _recorded([module for block in blocks for module in block[:3]]) as calls:
            for batch in batches_of(loaded, [row], "single", len(row)):
                run(loaded, batch, [0, layer], partial(_keep, seen))
        chosen = list(of_text)
        with torch.inference_mode():
            rows = [seen[0][0, chosen] @ along.T]
            for block in blocks:
                rows += _of_block(block, calls, chosen, along, n_heads)
            total = seen[layer][0, chosen] @ along.T
            gap = (sum(rows) - total).abs().max() / seen[layer][0, chosen].norm(dim=-1).max()
            error = max(error, float(gap))
            values[:, text] = torch.stack([*rows, total]).mean(dim=1).double().cpu().numpy()
    if error > TOLERANCE:
        raise UsageError(
            f"{loaded.source.name}: what its heads and MLPs write does not add up to its state (error {error:.1e})",
            hint="--dtype float32" if loaded.dtype != "float32" else "emo models list",
        )
    return Parts(named, values, error)


def _keep(states: "dict[int, Tensor]", layer: int, hidden: "Tensor") -> None:
    # a block may write into it later
    states[layer] = hidden.float().clone()


def _of_block(block: Block, calls: "dict[int, _Call]", chosen: list[int], along: "Tensor", n_heads: int) -> "list[Tensor]":
    """The writes [position, direction] of each head, the bias and the MLP."""
    projected, attention, mlp = (calls[id(module)] for module in (block.projection, block.attention, block.mlp))
    weight, bias = _linear(block.projection)
    # [position, direction, d_model]: what a direction is in front of the norm
    before = along[None].expand(len(chosen), -1, -1)
    if block.is_normed:
        before = before * _scale(block.attention, projected.given[0, chosen].float(), attention.given[0, chosen].float())[:, None]
    mixed = projected.taken[0, chosen].float().unflatten(-1, (n_heads, -1))
    heads = (before @ weight.float()).unflatten(-1, (n_heads, -1))
    writes = [*(mixed[:, None] * heads).sum(-1).unbind(-1)]
    of_bias = before @ bias.float() if bias is not None else before.new_zeros(before.shape[:2])
    return [*writes, of_bias, mlp.given[0, chosen].float() @ along.T]


def _scale(norm: "nn.Module", given: "Tensor", normed: "Tensor") -> "Tensor":
    """What a norm without a mean multiplies each component by [position, d_model], at these states in front of and behind it."""
    import torch

    gains = norm(torch.ones_like(given[:1]).to(next(norm.parameters()).dtype)).float()
    # the norm of ones has the gains of the components; each state has one factor more
    plain = gains * given
    return gains * ((normed * plain).sum(-1, keepdim=True) / (plain * plain).sum(-1, keepdim=True))


def _linear(projection: Any) -> "tuple[Tensor, Tensor | None]":
    """Weight [d_model, input] and bias of a linear module; GPT-2 keeps its weight the other way round."""
    weight = projection.weight
    return (weight.T if _is_transposed(projection) else weight), projection.bias


def _is_transposed(module: Any) -> bool:
    from transformers.pytorch_utils import Conv1D

    return isinstance(module, Conv1D)


def n_heads_of(loaded: "LoadedModel") -> int:
    """Attention heads of a block; UsageError for a model without them."""
    n_heads = getattr(loaded.model.config.get_text_config(), "num_attention_heads", None)
    if not n_heads:
        raise UsageError(
            f"{loaded.source.name}: a model of type {loaded.architecture} has no attention heads", hint="emo models list"
        )
    return int(n_heads)


class _Call(NamedTuple):
    """What a module was given and what it made: states [1, token, width]."""

    taken: "Tensor"
    given: "Tensor"


@contextmanager
def _recorded(modules: "Sequence[nn.Module]") -> "Iterator[dict[int, _Call]]":
    """While open, the last call of each of these modules that takes and makes a state, in the order of the calls."""
    calls: dict[int, _Call] = {}

    def after(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        taken = next((value for value in (*args, *kwargs.values()) if _is_state(value)), None)
        given = next((value for value in (output if isinstance(output, (tuple, list)) else [output]) if _is_state(value)), None)
        if taken is not None and given is not None:
            calls.pop(id(module), None)
            # some blocks add to an output in place, some drop the batch before an MLP
            calls[id(module)] = _Call(*(value.clone() if value.ndim == 3 else value[None].clone() for value in (taken, given)))

    handles = [module.register_forward_hook(after, with_kwargs=True) for module in modules]
    try:
        yield calls
    finally:
        for handle in handles:
            handle.remove()


def _is_state(value: Any) -> bool:
    import torch

    if not isinstance(value, torch.Tensor) or not value.is_floating_point():
        return False
    return value.ndim == 2 or (value.ndim == 3 and value.shape[0] == 1)


def writers_of(loaded: "LoadedModel", ids: Sequence[int], layer: int) -> list[Block]:
    """The writing modules of the blocks below a layer, as they are seen to write with this text."""
    states: dict[int, Tensor] = {}
    within = [[module for module in block.modules() if module is not block] for block in loaded.blocks[:layer]]
    with _recorded([module for modules in within for module in modules]) as calls:
        for batch in batches_of(loaded, [ids], "single", len(ids)):
            run(loaded, batch, range(layer + 1), partial(_keep, states))
    return [
        _writer(loaded, number, modules, calls, states[number - 1], states[number]) for number, modules in enumerate(within, 1)
    ]


def _writer(
    loaded: "LoadedModel", number: int, modules: "list[nn.Module]", calls: dict[int, _Call], before: "Tensor", after: "Tensor"
) -> Block:
    by_id = {id(module): module for module in modules}
    ran = [(by_id[key], call) for key, call in calls.items() if key in by_id]
    writing = [(module, call) for module, call in ran if call.given.shape == after.shape]
    bound = TOLERANCE * float(after.norm(dim=-1).max())
    for (attention, first), (mlp, second) in combinations(writing, 2):
        if float((before + first.given + second.given - after).abs().max()) > bound:
            continue
        for projection, call in reversed(ran):
            if not hasattr(projection, "weight") or projection.weight.ndim != 2 or call.taken.shape[-1] % n_heads_of(loaded):
                continue
            if _same(call.given, first.given) or _same(call.given, first.taken):
                return Block(attention, mlp, projection, not _same(call.given, first.given))
    raise UsageError(
        f"{loaded.source.name}: block {number} is not seen to add what an attention and an MLP write to its input",
        hint="emo lens works with it; or another model: emo models list",
    )


def _same(first: "Tensor", second: "Tensor") -> bool:
    import torch

    return first.shape == second.shape and torch.equal(first, second)
