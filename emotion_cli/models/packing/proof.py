"""Which way of running prompts together is exact for a model: proven on batches of the extraction before it begins."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from emotion_cli.errors import EmoError
from emotion_cli.models.exactness import FACTOR, FLOOR, N_SHAKEN, POOLED, Reference, agreement, joined, positions_of, reference
from emotion_cli.models.packing.trees import STRATEGIES, Batch, common_prefix
from emotion_cli.models.pooling import NotFiniteError, Passes, batches_of, distinct, pooled_batches
from emotion_cli.models.refusals import refusal_of
from emotion_cli.models.rotary import length_class, regimes

if TYPE_CHECKING:
    from emotion_cli.models.loaded import LoadedModel


N_PROBES = 4
"""Prompts that are compared with passes of them alone, and kinds of lengths of which the longest prompt always is."""


PROBE_TOKENS, PROBE_SHARE = 512, 16
"""Beyond the batches that are always run, no more than this many tokens, or one in so many, are run for the proof."""


class Proof(NamedTuple):
    """The result for a strategy: its error and bound, or why the model cannot run it; and the reference pass."""

    error: float
    bound: float
    refusal: str = ""
    no_float64: str = ""

    @property
    def exact(self) -> bool:
        """Whether the strategy may be used."""
        return self.error <= self.bound

    def __str__(self) -> str:
        if self.refusal:
            return f"the model cannot run it ({self.refusal})"
        against = f"; no float64 pass ({self.no_float64}), compared with the plain pass" if self.no_float64 else ""
        return f"error {self.error:.1e}, {self.bound:.1e} allowed{against}"


class Choice(NamedTuple):
    """The strategy that is used, its proof, those of the strategies that are not exact, and the passes of the proof."""

    strategy: str
    proof: Proof
    rejected: dict[str, Proof]
    passes: Passes

    @property
    def error(self) -> float:
        """The error of the strategy that is used."""
        return self.proof.error


def choose_strategy(
    loaded: "LoadedModel",
    ids: Sequence[Sequence[int]],
    *,
    layers: Sequence[int],
    batch_tokens: int,
    requested: str = "auto",
    chunks: Iterable[Sequence[int]] | None = None,
) -> Choice:
    """The first strategy that is exact; EmoError when the one that is wanted is not.

    `chunks` are the places in `ids` that the extraction packs together, all of them without it.
    """
    trial = Trial(loaded, ids, layers=layers, batch_tokens=batch_tokens, chunks=chunks)
    rejected: dict[str, Proof] = {}
    for strategy in STRATEGIES if requested == "auto" else (requested,):
        proof = trial.prove(strategy)
        if proof.exact:
            return Choice(strategy, proof, rejected, trial.passes)
        rejected[strategy] = proof
    tried = "; ".join(f"{strategy}: {proof}" for strategy, proof in rejected.items())
    raise EmoError(f"{loaded.source.name}: not exact ({tried})", hint="--strategy auto")


def prove(
    loaded: "LoadedModel",
    ids: Sequence[Sequence[int]],
    *,
    batch_tokens: int,
    strategy: str = "tree",
    layers: Sequence[int] | None = None,
    chunks: Iterable[Sequence[int]] | None = None,
) -> Proof:
    """How far a strategy is from exact on some of the batches that it makes of these prompts."""
    layers = list(range(loaded.n_layers + 1)) if layers is None else layers
    trial = Trial(loaded, ids, layers=layers, batch_tokens=batch_tokens, chunks=chunks)
    return trial.prove(strategy)


class Trial:
    """Strategies tried on the same prompts; the passes of one prompt that they are compared with are run once.

    Run are whole batches as the extraction makes them: those with the longest prompt of each kind of length, the one with the
    prompt that shares most with the one before it, and others while there is room. Compared are prompts of these batches.
    """

    def __init__(
        self,
        loaded: "LoadedModel",
        ids: Sequence[Sequence[int]],
        *,
        layers: Sequence[int],
        batch_tokens: int,
        chunks: Iterable[Sequence[int]] | None = None,
    ) -> None:
        self.loaded, self.ids, self.layers, self.batch_tokens = loaded, ids, layers, batch_tokens
        self.chunks = list(dict.fromkeys(map(tuple, [range(len(ids))] if chunks is None else chunks)))
        self.room = max(PROBE_TOKENS, sum(map(len, ids)) // PROBE_SHARE)
        self.needed = self._needed()
        self.passes = Passes()
        self._references: dict[tuple[tuple[int, ...], int], Reference] = {}

    def prove(self, strategy: str) -> Proof:
        """The largest error of a strategy, relative to its bound."""
        self.passes = Passes()
        worst = Proof(0.0, FACTOR * FLOOR[self.loaded.dtype])
        for chunk in self.chunks:
            needed = {tuple(self.ids[place]) for place in chunk if place in self.needed}
            if needed:
                unique, _ = distinct([self.ids[place] for place in chunk])
                batches = batches_of(self.loaded, unique, strategy, self.batch_tokens)
                proof = self._run(unique, _to_run(batches, unique, needed, self.room), needed)
                if proof.refusal:
                    return proof
                worst = max(proof, worst, key=lambda proof: proof.error / proof.bound)
        return worst

    def _run(self, unique: Sequence[Sequence[int]], batches: Sequence[Batch], needed: set[tuple[int, ...]]) -> Proof:
        probes = _to_compare(batches, unique, needed, self.room)
        try:
            packed = pooled_batches(
                self.loaded, unique, batches, poolings=list(POOLED), layers=self.layers, forward=self.passes.record
            )
        except NotFiniteError:
            return Proof(float("inf"), 0.0, refusal="its activations are not finite")
        except Exception as error:  # whatever the model raises for masks and positions that it does not take
            return Proof(float("inf"), 0.0, refusal=refusal_of(error))
        compared = {pooling: rows[:, probes] for pooling, rows in packed.values.items()}
        proof = Proof(0.0, 0.0)
        # the plain pass decides nearly always; passes that show its luck are run only where it does not
        for n_shaken in (0, N_SHAKEN):
            against = joined([self._reference(tuple(unique[probe]), n_shaken) for probe in probes])
            proof = Proof(*agreement(compared, against, self.loaded.dtype), no_float64=against.why)
            if proof.exact:
                break
        return proof

    def _reference(self, tokens: tuple[int, ...], n_shaken: int) -> Reference:
        key = tokens, n_shaken
        if key not in self._references:
            positions = positions_of([tokens], POOLED)
            self._references[key] = reference(self.loaded, [tokens], positions, self.layers, n_shaken=n_shaken)
        return self._references[key]

    def _needed(self) -> set[int]:
        """The longest prompt of each kind of length (of the shortest, the longest and some between), and one that shares most."""
        places = sorted({place for chunk in self.chunks for place in chunk})
        rules = regimes(self.loaded)
        longest: dict[tuple[int, ...], int] = {}
        for place in places:
            kind = length_class(rules, len(self.ids[place]))
            if kind not in longest or len(self.ids[place]) > len(self.ids[longest[kind]]):
                longest[kind] = place
        kinds = sorted(longest)
        needed = {longest[kinds[i]] for i in _spread(len(kinds))}
        # those with equal tokens are one prompt
        shared = [
            (0 if self.ids[before] == self.ids[prompt] else common_prefix(self.ids[before], self.ids[prompt]), prompt)
            for before, prompt in pairwise(places)
        ]
        most = max(shared, default=(0, 0), key=lambda pair: pair[0])
        return needed | {most[1]} if most[0] else needed


def _to_run(batches: Sequence[Batch], unique: Sequence[Sequence[int]], needed: set[tuple[int, ...]], room: int) -> list[Batch]:
    """The batches with a prompt that is needed, then others of all sizes while there is room and too few prompts."""
    chosen = [batch for batch in batches if any(tuple(unique[prompt]) in needed for prompt in batch.prompts)]
    remaining = sorted((batch for batch in batches if batch not in chosen), key=lambda batch: batch.size)
    for batch in (remaining[i] for i in _spread(len(remaining))):
        too_few = sum(len(run.prompts) for run in chosen) < N_PROBES
        if too_few and sum(run.size for run in chosen) + batch.size <= room:
            chosen.append(batch)
    return chosen


def _to_compare(batches: Sequence[Batch], unique: Sequence[Sequence[int]], needed: set[tuple[int, ...]], room: int) -> list[int]:
    """The prompts that are needed, then those at the end of a row (most others stand before them), then others of all lengths.

    At least two, others only while there is room: passes of one prompt take longer than those of many.
    """
    prompts = [prompt for batch in batches for prompt in batch.prompts]
    last = [max(row.paths, key=lambda prompt: row.paths[prompt][-1]) for batch in batches for row in batch.rows]
    by_length = sorted(prompts, key=lambda prompt: len(unique[prompt]))
    first = [prompt for prompt in prompts if tuple(unique[prompt]) in needed]
    optional = [last[i] for i in _spread(len(last))] + [by_length[i] for i in _spread(len(by_length))]
    compared: list[int] = []
    for prompt in dict.fromkeys([*first, *optional]):
        fits = len(compared) < N_PROBES and sum(len(unique[member]) for member in [*compared, prompt]) <= room
        if prompt in first or len(compared) < 2 or fits:
            compared.append(prompt)
    return compared


def _spread(n: int) -> list[int]:
    """At most N_PROBES places among n, the first and the last included."""
    return sorted(set(np.linspace(0, n - 1, N_PROBES).astype(int).tolist())) if n else []
