"""Which way of running prompts together is exact for a model: proven on some of the prompts before each extraction."""

from collections.abc import Sequence
from itertools import pairwise, product
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from emotion_cli.errors import EmoError
from emotion_cli.models.extraction import batches_of, distinct, pooled_activations, pooled_batches
from emotion_cli.models.packing import STRATEGIES, Batch, Row, common_prefix
from emotion_cli.models.products import help_with

if TYPE_CHECKING:
    from emotion_cli.models.loading import LoadedModel

TOLERANCE = {"float32": 1e-5, "float16": 1e-2, "bfloat16": 5e-2}
"""Largest error over norm that packing prompts together and fast products may cause, in each number format."""

N_PROBES = 4
"""Prompts that are compared with a plain forward pass."""

SAMPLE = 1024
"""Prompts that rows for the proof are packed of, where there are more: packing takes time and memory for each."""

PROBE_TOKENS, PROBE_SHARE = 512, 16
"""Beyond the longest prompt and one that shares, no more than this many tokens, or one in so many, are run for the proof."""


class Choice(NamedTuple):
    """The strategy that is used, its measured error, the error of those that were tried before and are not exact.

    `fast` and `sparse` say whether `fast_products` and `mlp_of_tokens` are part of it.
    """

    strategy: str
    error: float
    rejected: dict[str, float]
    fast: bool
    sparse: bool


def choose_strategy(
    loaded: "LoadedModel",
    ids: Sequence[Sequence[int]],
    *,
    layers: Sequence[int],
    batch_tokens: int,
    sparse: bool = False,
    wanted: str = "auto",
) -> Choice:
    """The first strategy that matches the plain forward pass; EmoError when the one that is wanted does not.

    `sparse` says that few tokens of each prompt are to be read, so that the last block may be run for these only.
    """
    ids = _sample(ids)  # once for all that are tried
    rejected: dict[str, float] = {}
    for strategy in STRATEGIES if wanted == "auto" else (wanted,):
        # one at a time stays the plain pass
        shortcuts = (True, False) if sparse and strategy != "single" else (False,)
        for fast, few in product((True, False) if help_with(loaded) else (False,), shortcuts):
            error = deviation(loaded, ids, strategy=strategy, layers=layers, batch_tokens=batch_tokens, fast=fast, sparse=few)
            if error <= TOLERANCE[loaded.dtype]:
                others = {name: errors for name, errors in rejected.items() if name != strategy}
                return Choice(strategy, error, others, fast, few)
            rejected[strategy] = error
    tried = ", ".join(f"{strategy}: {said(error)}" for strategy, error in rejected.items())
    raise EmoError(f"{loaded.source.name}: not exact ({tried}; {TOLERANCE[loaded.dtype]:.0e} of a row's norm is allowed)",
                   hint="--strategy auto")  # fmt: skip


def said(error: float) -> str:
    """An error over norm in words."""
    return f"differs by {error:.1e}" if np.isfinite(error) else "the model cannot run it"


def deviation(
    loaded: "LoadedModel",
    ids: Sequence[Sequence[int]],
    *,
    batch_tokens: int,
    strategy: str = "tree",
    layers: Sequence[int] | None = None,
    fast: bool = False,
    sparse: bool = False,
) -> float:
    """Largest error over row norm of a strategy against one plain pass a prompt; infinite when the model cannot run it.

    Run are whole rows, packed as the extraction packs them: the one with the longest prompt, the one that shares most if one does
    and others of all lengths, until there are enough prompts; compared are prompts of them, the longest one included.
    """
    if not ids:
        return 0.0
    layers = list(range(loaded.n_layers + 1)) if layers is None else layers
    unique, _ = distinct(_sample(ids))
    rows = [row for batch in batches_of(loaded, unique, strategy, batch_tokens) for row in batch.rows]
    room = max(PROBE_TOKENS, sum(map(len, rows)) // PROBE_SHARE)
    chosen = _rows_to_prove(rows, room)
    probes = _prompts_to_compare(chosen, room)
    options = {"poolings": ["last"] if sparse else ["last", "mean"], "layers": layers}
    plain = pooled_activations(loaded, [unique[i] for i in probes], strategy="single", batch_tokens=1, **options).values
    # lengths of all kinds in one batch, unless that would be far above what the extraction itself will run at once
    together = len(chosen) * max(map(len, chosen)) <= max(batch_tokens, 2 * max(map(len, chosen)))
    batches = [Batch(chosen)] if together else [Batch([row]) for row in chosen]
    try:
        packed = pooled_batches(loaded, unique, batches, fast=fast, sparse=sparse, **options).values
    except (AttributeError, IndexError, KeyError, NotImplementedError, RuntimeError, TypeError, ValueError):
        return float("inf")
    return max(_error(packed[pooling][:, probes], plain[pooling]) for pooling in plain)


def _sample(ids: Sequence[Sequence[int]]) -> Sequence[Sequence[int]]:
    """Neighbours of the longest prompt, of the two neighbours that share most, and of prompts of all lengths, in their order.

    Neighbours, because prompts come in the order of their texts, so what shares a beginning stands together.
    """
    if len(ids) <= SAMPLE:
        return ids
    lengths = np.array([len(row) for row in ids])
    # those with equal tokens are one prompt
    shared = [0 if one == other else common_prefix(one, other) for one, other in pairwise(ids)]
    by_length = np.argsort(lengths, kind="stable")
    spread = by_length[np.linspace(0, len(ids) - 1, N_PROBES).astype(int)]
    middles = [int(lengths.argmax()), int(np.argmax(shared)), *spread.tolist()]
    reach = SAMPLE // (2 * len(middles))
    chosen = {place for middle in middles for place in range(max(0, middle - reach), min(len(ids), middle + reach))}
    return [ids[place] for place in sorted(chosen)]


def _rows_to_prove(rows: Sequence[Row], room: int) -> list[Row]:
    longest = max(rows, key=lambda row: max(map(len, row.paths.values())))
    sharing = max(rows, key=_shared)
    needed = [longest, sharing] if _shared(sharing) > 1 else [longest]
    by_length = sorted(rows, key=len)
    spread = [by_length[i] for i in np.linspace(0, len(rows) - 1, N_PROBES).astype(int)]
    chosen: list[Row] = []
    for row in (*needed, *spread):
        used = sum(map(len, chosen))
        enough = used >= room or sum(len(one.paths) for one in chosen) >= N_PROBES
        if row not in chosen and (row in needed or not enough):
            chosen.append(row)
    return chosen


def _shared(row: Row) -> float:
    """How many prompts a token of a row belongs to, in the mean."""
    return sum(map(len, row.paths.values())) / len(row)


def _prompts_to_compare(rows: Sequence[Row], room: int) -> list[int]:
    by_length = sorted((-len(path), prompt) for row in rows for prompt, path in row.paths.items())
    # in a row of many prompts, one further back has most others before it
    last = [max(row.paths, key=lambda prompt: row.paths[prompt][-1]) for row in rows]
    spread = [by_length[i][1] for i in np.linspace(0, len(by_length) - 1, N_PROBES).astype(int)]
    lengths = {prompt: -length for length, prompt in by_length}
    probes: list[int] = []
    for prompt in dict.fromkeys([spread[0], *last, *spread]):
        if len(probes) < 2 or (len(probes) < N_PROBES and sum(lengths[one] for one in probes) + lengths[prompt] <= room):
            probes.append(prompt)
    return probes


def _error(packed: np.ndarray, plain: np.ndarray) -> float:
    norms = np.linalg.norm(plain.astype(np.float64), axis=-1)
    # a prompt of one token has no mean: its row is zero in both
    errors = np.linalg.norm(packed.astype(np.float64) - plain, axis=-1) / np.maximum(norms, np.finfo(np.float32).tiny)
    return float(errors.max(initial=0.0)) if np.isfinite(errors).all() else float("inf")
