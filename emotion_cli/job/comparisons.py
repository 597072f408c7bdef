"""What may be compared, and over which prompts and layers: models, datasets, groups of models."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, combinations_with_replacement, groupby
from typing import Any, NamedTuple

import numpy as np

from emotion_cli.errors import UsageError
from emotion_cli.job.extractions import SAME_SETTINGS, Extraction, pairs_of, prompt_ids
from emotion_cli.job.job import Job
from emotion_cli.measures.between.consensus import MIN_MODELS
from emotion_cli.measures.inference.relabelling import topic_numbers
from warehouse.store import Partition, Store, content_hash


def cross_model_partitions(job: Job, scopes: Sequence[Extraction]) -> list[Partition]:
    """The statistics of every two of some models, and of each with itself, committed or not."""
    ids = [scope.extraction_id for scope in sorted(scopes, key=lambda scope: scope.model)]
    pairs = combinations_with_replacement(ids, 2)
    dataset = scopes[0].dataset
    return [job.store.partition("cross_model_statistics", dataset=dataset, pair=f"{a}-{b}") for a, b in pairs]


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


def shared_prompts(job: Job, scopes: Sequence[Extraction], pooling: str) -> Shared:
    """The prompts that all models have with this pooling, in the order of the first model's."""
    first, *others = (_ids_and_labels(job, scope, pooling) for scope in scopes)
    common = set(first).intersection(*others)
    prompts = scopes[0].prompts(job.store).read(["prompt_id", "topic"]).to_pydict()
    topic_of = dict(zip(prompts["prompt_id"], prompts["topic"], strict=True))
    ids = [prompt_id for prompt_id in first if prompt_id in common]
    return Shared(ids, [first[prompt_id] for prompt_id in ids], [topic_of[prompt_id] for prompt_id in ids])


def _ids_and_labels(job: Job, scope: Extraction, pooling: str) -> dict[str, str]:
    activations = scope.partition(job.store, "activations")
    layer = pairs_of(activations)[pooling][0]
    rows = activations.read(["prompt_id", "emotion"], pooling=pooling, layer=layer)
    return dict(zip(rows["prompt_id"].to_pylist(), rows["emotion"].to_pylist(), strict=True))


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


class DatasetPair(NamedTuple):
    """Two extractions of one model; `b` is the larger set, some of whose prompts `a` has, too."""

    a: Extraction
    b: Extraction

    @property
    def subject(self) -> str:
        """What a person calls it."""
        return f"{self.a.dataset} and the rest of {self.b.dataset}, {self.a.model}"

    def partition(self, job: Job) -> Partition:
        """Its part of the table."""
        return job.store.partition(
            "cross_dataset_statistics", model=self.a.model, pair=f"{self.a.extraction_id}-{self.b.extraction_id}"
        )


def dataset_pairs(job: Job) -> list[DatasetPair]:
    """Every two train sets of one model that have some prompts in common, and not all."""
    found = []
    for one, other in combinations(job.train_scopes, 2):
        if one.model != other.model or one.dataset == other.dataset or not _made_alike(job, one, other):
            continue
        ids = {scope: prompt_ids(job.store, scope) for scope in (one, other)}
        a, b = sorted((one, other), key=lambda scope: (len(ids[scope]), scope.dataset))
        if ids[a] & ids[b] and ids[b] - ids[a]:
            found.append(DatasetPair(a, b))
    return found


def _made_alike(job: Job, one: Extraction, other: Extraction) -> bool:
    partitions = [scope.partition(job.store, "extractions") for scope in (one, other)]
    if any(partition.manifest() is None for partition in partitions):
        return True  # planned together, with the same settings
    a, b = (partition.read(SAME_SETTINGS).to_pylist()[0] for partition in partitions)
    return a == b


def consensus_groups(job: Job) -> list[list[Extraction]]:
    """The scopes of each dataset that three or more models have, in the order of the models' names."""
    by_dataset = [sorted(members, key=lambda one: one.model) for _, members in groupby(job.train_scopes, lambda one: one.dataset)]
    return [scopes for scopes in by_dataset if len({scope.model for scope in scopes}) == len(scopes) >= MIN_MODELS]


def consensus_partition(job: Job, scopes: Sequence[Extraction]) -> Partition:
    """The part of the table that is about these extractions, in whatever order."""
    return job.store.partition("consensus_statistics", dataset=scopes[0].dataset, consensus_id=consensus_id(scopes))


def consensus_id(scopes: Sequence[Extraction]) -> str:
    """The id of the consensus of these extractions, in whatever order."""
    return content_hash(sorted(scope.extraction_id for scope in scopes))[:16]


def settings_of_statistics(job: Job) -> dict[str, Any]:
    """The settings that the statistics depend on."""
    settings = job.settings
    return {"neutral": settings.neutral, "seed": settings.seed, "draws": settings.draws, "over_layers": settings.over_layers}


SETTINGS = ("prompts_sha256", "dtype", "bos", "chat_template", "truncated_at")
"""What must agree. `bos` is the rule, which gives each model its own token; `truncated_at` is NULL where no prompt was cut."""


_COLUMNS = ("prompts_sha256", "dtype", "bos", "chat_template", "max_length", "n_truncated")


def refuse_incomparable(store: Store, a: Extraction, b: Extraction) -> list[str]:
    """UsageError with both settings where two extractions differ; the settings that one of them does not know (NULL)."""
    of_a, of_b = (_settings(store, scope) for scope in (a, b))
    if of_a is None or of_b is None:
        return []
    differing = [name for name in SETTINGS if None not in (of_a[name], of_b[name]) and of_a[name] != of_b[name]]
    if of_a["truncated_at"] != of_b["truncated_at"] and "truncated_at" not in differing:
        differing.append("truncated_at")
    if differing:
        shown = "; ".join(f"{name} is {of_a[name]} in {_named(a)} and {of_b[name]} in {_named(b)}" for name in differing)
        raise UsageError(
            f"{a.dataset}: not comparable: {shown}",
            hint="extract one again with the settings of the other, or choose with --extraction or -m",
        )
    return [name for name in SETTINGS[:-1] if None in (of_a[name], of_b[name]) and of_a[name] != of_b[name]]


def refuse_other_vectors(store: Store, a: Extraction, b: Extraction) -> None:
    """UsageError with both settings where the vectors of two extractions were made unlike (layers averaged, neutral label)."""
    of_a, of_b = (_made_with(store, scope) for scope in (a, b))
    for name in sorted(set(of_a) & set(of_b)):
        if of_a[name] != of_b[name]:
            raise UsageError(
                f"{a.dataset}: vectors are not comparable: {name} is {of_a[name]} in {_named(a)} and {of_b[name]} in {_named(b)}",
                hint=f"emo vectors -d {a.dataset} makes both alike",
            )


def _settings(store: Store, scope: Extraction) -> Mapping[str, Any] | None:
    partition = scope.partition(store, "extractions")
    if partition.manifest() is None:
        return None
    row = partition.read(list(_COLUMNS)).to_pylist()[0]
    return (
        {**row, "truncated_at": row["max_length"] or "the model's limit"} if row["n_truncated"] else {**row, "truncated_at": None}
    )


def _made_with(store: Store, scope: Extraction) -> Mapping[str, Any]:
    manifest = scope.partition(store, "vectors").manifest()
    return {name: value for name, value in manifest.inputs.items() if name not in manifest.reads} if manifest else {}


def _named(scope: Extraction) -> str:
    return f"{scope.model} ({scope.extraction_id})"
