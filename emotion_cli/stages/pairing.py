"""Two models over one dataset: the prompts that both read, the layers at the same relative depth, and work in threads."""

import math
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from emotion_cli.measures.between.alignment import Each
from emotion_cli.measures.between.design import topic_numbers
from emotion_cli.measures.between.similarity import correlations_of
from emotion_cli.measures.between.space import Space, space_of
from emotion_cli.stages.extract import pairs_of
from emotion_cli.stages.job import Job
from emotion_cli.stages.scope import Scope
from emotion_cli.stages.vectors import Variant, prepare, read_layer
from warehouse.machine import cores

SECONDS_BETWEEN_NOTES = 15
"""How often long work says how far it is."""


@dataclass(frozen=True)
class Shared:
    """The prompts that some models read, in one order: ids, labels, topics (a name or None) and topics as numbers."""

    prompt_ids: Sequence[str]
    labels: Sequence[str]
    topics: Sequence[str | None]

    @property
    def numbers(self) -> np.ndarray:
        """The topics [prompt] as numbers; prompts without one each have their own."""
        return topic_numbers(self.topics)


def shared_prompts(job: Job, scopes: Sequence[Scope], pooling: str) -> Shared:
    """The prompts that all models have with this pooling, in the order of the first model's."""
    first, *others = (_ids_and_labels(job, scope, pooling) for scope in scopes)
    common = set(first).intersection(*others)
    prompts = scopes[0].prompts(job.store).read(["prompt_id", "topic"]).to_pydict()
    topic_of = dict(zip(prompts["prompt_id"], prompts["topic"], strict=True))
    ids = [prompt_id for prompt_id in first if prompt_id in common]
    return Shared(ids, [first[prompt_id] for prompt_id in ids], [topic_of[prompt_id] for prompt_id in ids])


def _ids_and_labels(job: Job, scope: Scope, pooling: str) -> dict[str, str]:
    activations = scope.partition(job.store, "activations")
    layer = pairs_of(activations)[pooling][0]
    rows = activations.read(["prompt_id", "emotion"], pooling=pooling, layer=layer)
    return dict(zip(rows["prompt_id"].to_pylist(), rows["emotion"].to_pylist(), strict=True))


class Layers:
    """The layers of one model over shared prompts, each read once and kept as matrices of [prompt, prompt] only."""

    def __init__(self, job: Job, scope: Scope, variant: Variant, shared: Shared) -> None:
        self._job, self._scope, self._variant, self._shared = job, scope, variant, shared
        self._spaces: dict[int, Space] = {}
        self._correlations: dict[int, np.ndarray] = {}

    def space(self, layer: int) -> Space:
        """Inner products of a layer's prompts."""
        self._read(layer)
        return self._spaces[layer]

    def correlations(self, layer: int) -> np.ndarray:
        """Correlations of a layer's prompts over its dimensions."""
        self._read(layer)
        return self._correlations[layer]

    def rows(self, layer: int) -> np.ndarray:
        """Prepared activations [prompt, d_model] of a layer, in the order of the shared prompts."""
        stored = read_layer(self._scope.partition(self._job.store, "activations"), self._variant.pooling, layer)
        place = {prompt_id: i for i, prompt_id in enumerate(stored.prompt_ids)}
        return prepare(stored, self._job.settings, self._variant)[[place[prompt_id] for prompt_id in self._shared.prompt_ids]]

    def _read(self, layer: int) -> None:
        if layer not in self._spaces:
            rows = self.rows(layer)
            self._spaces[layer] = space_of(rows @ rows.T)
            self._correlations[layer] = correlations_of(rows)


def matched(depth_a: int, depth_b: int, layers_a: Iterable[int], layers_b: Iterable[int]) -> list[tuple[int, int]]:
    """Each layer of the shallower model with layer floor(x + 0.5) of the deeper at its relative depth, where both are there."""
    if depth_a > depth_b:
        return [(a, b) for b, a in matched(depth_b, depth_a, layers_b, layers_a)]
    there = set(layers_b)
    pairs = [(a, math.floor(a * depth_b / depth_a + 0.5)) for a in sorted(layers_a)]
    return [(a, b) for a, b in pairs if b in there]


def matched_all(depths: Sequence[int], layers: Sequence[Iterable[int]]) -> list[tuple[int, ...]]:
    """Layers of every model at the same relative depth: those of the shallowest, matched to each other model's."""
    first = min(range(len(depths)), key=lambda i: depths[i])
    found = [dict(matched(depths[first], depth, layers[first], held)) for depth, held in zip(depths, layers, strict=True)]
    return [tuple(own[layer] for own in found) for layer in sorted(layers[first]) if all(layer in own for own in found)]


def in_threads(job: Job, what: str, rounds: int = 1) -> Each:
    """Calls a function for many numbers on all cores, with one thread of linear algebra each, and says how far it is.

    `rounds`: how often it will be called in all.
    """
    started = said = time.monotonic()
    calls = 0

    def each(work: Callable[[int], None], numbers: Iterable[int]) -> None:
        from threadpoolctl import threadpool_limits

        nonlocal said, calls
        # many small problems: a thread for each is faster than threads inside each, and the sums do not depend on their number
        with threadpool_limits(1), ThreadPoolExecutor(cores()) as pool:
            for _ in pool.map(work, numbers):
                pass
        calls += 1
        if time.monotonic() - said > SECONDS_BETWEEN_NOTES and calls < rounds:
            said = time.monotonic()
            left = (said - started) / calls * (rounds - calls)
            job.listener.note(f"{what}: {calls} of {rounds} parts, {left:.0f} s left")

    return each
