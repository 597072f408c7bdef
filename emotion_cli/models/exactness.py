"""When a number counts as exact: as near to a float64 pass of one prompt as a plain pass of one prompt is, within a factor.

A row's error is its distance from the float64 row over the length of the longest token state that enters the row. So a mean of
states that nearly cancel is not asked to be better than what it is a mean of.
"""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from emotion_cli.models.packing.masks import FLEX
from emotion_cli.models.pooling import POOLINGS, NotFiniteError
from emotion_cli.models.refusals import refusal_of
from emotion_cli.models.residual import residual_stream
from emotion_cli.models.rotary import as_it_was
from emotion_cli.models.tokens import Marks

if TYPE_CHECKING:
    from torch import Tensor

    from emotion_cli.models.loaded import LoadedModel

FACTOR = 4
"""How many times the error of the plain pass is allowed: two orders of the same sums differ by chance, rarely by more."""

FLOOR = {"float32": 2e-6, "float16": 2e-3, "bfloat16": 1e-2}
"""Errors that count as none, since the plain pass may be nearer than that by luck.

About 16 roundings in float32 (1.2e-7 each), what a few blocks of sums add up to; one or two in float16 (9.8e-4) and bfloat16
(7.8e-3), because a state that is stored in these is rounded that far already.
"""

N_SHAKEN = 3
"""Further plain passes, with other roundings. The error of a single one can be small by luck.

In some models one scalar of a token grows a thousandfold in a block, and its rounding is the whole error of all later layers.
"""

POOLED = ("last", "mean")
"""Poolings that are compared where no others are named: one reads a single token, the other all but the first."""

Positions = Mapping[str, Sequence[Sequence[int]]]
"""Positions of each prompt that a pooling averages over, by pooling."""


class Rows(NamedTuple):
    """Pooled rows float64 [layer, prompt, d_model] and the largest token state that entered each [layer, prompt], by pooling."""

    values: dict[str, np.ndarray]
    scales: dict[str, np.ndarray]


class Reference(NamedTuple):
    """The plain pass of each prompt, and its float64 pass; without one (`why` says why) the plain pass is the truth.

    `rounding` is the error of the plain passes [layer, prompt] by pooling.
    """

    plain: Rows
    truth: Rows | None
    rounding: dict[str, np.ndarray]
    why: str = ""


class Agreement(NamedTuple):
    """The error that is largest relative to its bound, and that bound."""

    error: float
    bound: float

    @property
    def exact(self) -> bool:
        """Whether it is within the bound."""
        return self.error <= self.bound


def reference(
    loaded: "LoadedModel",
    ids: Sequence[Sequence[int]],
    positions: Positions,
    layers: Sequence[int],
    *,
    n_shaken: int = N_SHAKEN,
) -> Reference:
    """Both passes of each prompt alone; a model that torch cannot run in float64 has the plain one only.

    What is exact beside the plain pass alone is so beside the shaken ones, too: `n_shaken` of 0 saves these where it suffices.
    """
    plain = rows_of(loaded, ids, positions, layers)
    try:
        truth = rows_of(loaded, ids, positions, layers, float64=True)
    except Exception as error:  # a device or an operation without float64: whatever the model raises
        return Reference(
            plain, None, {pooling: np.zeros_like(scales) for pooling, scales in plain.scales.items()}, refusal_of(error)
        )
    passes = [plain, *(_shaken(loaded, ids, positions, layers, seed) for seed in range(n_shaken))]
    rounding = {
        pooling: np.max([_distances(rows.values[pooling], truth, pooling) for rows in passes], axis=0) for pooling in positions
    }
    return Reference(plain, truth, rounding)


def _shaken(loaded: "LoadedModel", ids: Sequence[Sequence[int]], positions: Positions, layers: Sequence[int], seed: int) -> Rows:
    """Plain passes on embeddings of which each component is one rounding off, up or down: every later rounding falls anew."""
    import torch

    chance, eps = torch.Generator().manual_seed(seed), torch.finfo(getattr(torch, loaded.dtype)).eps

    def shake(module: Any, args: Any, output: "Tensor") -> "Tensor":
        signs = torch.randint(0, 2, output.shape, generator=chance).mul_(2).sub_(1).to(output)
        return output * (1 + eps * signs)

    handle = loaded.model.get_input_embeddings().register_forward_hook(shake)
    try:
        return rows_of(loaded, ids, positions, layers)
    finally:
        handle.remove()


def positions_of(
    ids: Sequence[Sequence[int]], poolings: Sequence[str], marks: Sequence[Marks] | None = None
) -> dict[str, list[list[int]]]:
    """The positions that each pooling reads of each prompt; `marks` holds the positions of each prompt's words."""
    prompts = list(zip(map(len, ids), marks or [Marks()] * len(ids), strict=True))
    return {pooling: [list(POOLINGS[pooling](length, marked)) for length, marked in prompts] for pooling in poolings}


def joined(references: Sequence[Reference]) -> Reference:
    """References of several prompts as one; the plain pass is the truth for all when one of them has no other."""
    why = next((member.why for member in references if member.truth is None), "")
    truths = [member.truth for member in references if member.truth is not None]
    rounding = {
        pooling: np.concatenate([member.rounding[pooling] for member in references], axis=1) for pooling in references[0].rounding
    }
    return Reference(_joined([member.plain for member in references]), None if why else _joined(truths), rounding, why)


def rows_of(
    loaded: "LoadedModel", ids: Sequence[Sequence[int]], positions: Positions, layers: Sequence[int], *, float64: bool = False
) -> Rows:
    """Pooled rows by one pass a prompt, each free of what earlier passes left; NotFiniteError where they are none."""
    rows = [
        _row_of(
            loaded, tokens, {pooling: of_prompts[prompt] for pooling, of_prompts in positions.items()}, layers, float64=float64
        )
        for prompt, tokens in enumerate(ids)
    ]
    return _joined(rows)


def _row_of(
    loaded: "LoadedModel", tokens: Sequence[int], positions: Mapping[str, Sequence[int]], layers: Sequence[int], *, float64: bool
) -> Rows:
    import torch

    from emotion_cli.models.float64 import Float64

    places = {layer: place for place, layer in enumerate(layers)}
    values = {pooling: np.zeros((len(layers), 1, loaded.d_model)) for pooling in positions}
    scales = {pooling: np.zeros((len(layers), 1)) for pooling in positions}

    def read(layer: int, hidden: "Tensor") -> None:
        for pooling, chosen in positions.items():
            if chosen:
                states = hidden[0, list(chosen)].cpu().double()
                values[pooling][places[layer], 0] = states.mean(0).numpy()
                scales[pooling][places[layer], 0] = float(states.norm(dim=-1).max())

    ids = torch.tensor([list(tokens)], device=loaded.device)
    # the exception that ends a pass leaves the float64 mode before the hooks are removed
    hooks, mode = residual_stream(loaded, layers, read, stop=True), Float64() if float64 else nullcontext()
    # a compiler would make its kernels anew for this mode, for a minute, and some know no float64
    uncompiled = torch.compiler.set_stance("force_eager") if float64 and loaded.attention == FLEX else nullcontext()
    with torch.inference_mode(), as_it_was(loaded.model), hooks, uncompiled, mode:
        loaded.model(input_ids=ids, use_cache=False)
    if not all(np.isfinite(vectors).all() for vectors in values.values()):
        raise NotFiniteError(f"{loaded.source.name}: activations are not finite in {loaded.dtype}", hint="--dtype float32")
    return Rows(values, scales)


def _joined(rows: Sequence[Rows]) -> Rows:
    poolings = list(rows[0].values)
    return Rows(
        {pooling: np.concatenate([part.values[pooling] for part in rows], axis=1) for pooling in poolings},
        {pooling: np.concatenate([part.scales[pooling] for part in rows], axis=1) for pooling in poolings},
    )


def agreement(packed: Mapping[str, np.ndarray], against: Reference, dtype: str) -> Agreement:
    """How far rows [layer, prompt, d_model] by pooling are from the truth, and how far they may be."""
    truth = against.truth or against.plain
    worst = Agreement(0.0, FACTOR * FLOOR[dtype])
    for pooling, rows in packed.items():
        errors = _errors(rows, truth, pooling)
        allowed = FACTOR * np.maximum(against.rounding[pooling].max(axis=1, initial=0.0), FLOOR[dtype])
        for error, bound in zip(errors, allowed, strict=True):
            if not error * worst.bound <= worst.error * bound:
                worst = Agreement(float(error) if np.isfinite(error) else float("inf"), float(bound))
    return worst


class Recomputed(NamedTuple):
    """Largest distance of kept rows from the same rows computed again alone, and the prompts whose rows are not exact."""

    distance: float
    wrong: list[int]


def recompute(
    loaded: "LoadedModel",
    ids: Sequence[Sequence[int]],
    positions: Positions,
    layers: Sequence[int],
    stored: Mapping[str, np.ndarray],
) -> Recomputed:
    """Compare rows [layer, prompt, d_model] by pooling with a plain pass of each prompt, by the one rule of this module.

    A row that is within (FACTOR - 1) floors of the plain one is within FACTOR times of what is allowed, whatever a float64 pass
    would say; so that one is run only where a row is further away.
    """
    plain = rows_of(loaded, ids, positions, layers)
    far, distance = (FACTOR - 1) * FLOOR[loaded.dtype], 0.0
    for pooling, rows in stored.items():
        away = _distances(rows, plain, pooling).max(initial=0.0)
        distance = max(distance, float(away) if np.isfinite(away) else float("inf"))
    if distance <= far:
        return Recomputed(distance, [])
    against = reference(loaded, ids, positions, layers)
    truth = against.truth or against.plain
    wrong: set[int] = set()
    for pooling, rows in stored.items():
        allowed = FACTOR * np.maximum(against.rounding[pooling].max(axis=1, initial=0.0), FLOOR[loaded.dtype])
        # not `>`: NaN is wrong, too
        wrong.update(np.flatnonzero(~(_distances(rows, truth, pooling) <= allowed[:, None]).all(axis=0)).tolist())
    return Recomputed(distance, sorted(wrong))


def _errors(rows: np.ndarray, truth: Rows, pooling: str) -> np.ndarray:
    """Largest error over the prompts [layer]."""
    return _distances(rows, truth, pooling).max(axis=1, initial=0.0)


def _distances(rows: np.ndarray, truth: Rows, pooling: str) -> np.ndarray:
    """Errors [layer, prompt]; of a prompt of which the pooling reads nothing, both rows are zero."""
    scales = np.maximum(truth.scales[pooling], np.finfo(np.float64).tiny)
    return np.linalg.norm(rows - truth.values[pooling], axis=-1) / scales
