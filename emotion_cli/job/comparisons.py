"""What may be compared, and over which prompts and layers: models, datasets, groups of models."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, combinations_with_replacement, groupby
from shlex import quote
from typing import Any, NamedTuple

import numpy as np

from emotion_cli.errors import UsageError
from emotion_cli.job.extractions import SAME_SETTINGS, Extraction, pairs_of, prompt_ids
from emotion_cli.job.job import Job
from emotion_cli.job.membership import membership_of
from emotion_cli.job.statistics import sampling_of
from emotion_cli.job.variants import Variant, refuse_labels, unchecked_labels
from emotion_cli.measures.between.consensus import MIN_MODELS
from emotion_cli.measures.inference.relabelling import MIN_TOPICS, Design, design_of
from emotion_cli.measures.inference.resampling import units_of
from emotion_cli.measures.streamed.limits import MOST_PROMPTS, is_large
from emotion_cli.measures.streamed.sample import sample_of
from emotion_cli.wording import counted
from warehouse.store import Partition, Store, content_hash


def cross_model_partitions(job: Job, extractions: Sequence[Extraction]) -> list[Partition]:
    """The statistics of every two of some models, and of each with itself, committed or not."""
    ids = [extraction.extraction_id for extraction in sorted(extractions, key=lambda extraction: extraction.model)]
    pairs = combinations_with_replacement(ids, 2)
    dataset = extractions[0].dataset
    return [job.store.partition("cross_model_statistics", dataset=dataset, pair=f"{a}-{b}") for a, b in pairs]


@dataclass(frozen=True)
class Shared:
    """The prompts that some models read, in one order: ids, labels, topics and clusters (a name or None).

    `n_sampled` is their number where they are a sample of more; else None.
    """

    prompt_ids: Sequence[str]
    labels: Sequence[str]
    topics: Sequence[str | None]
    clusters: Sequence[str | None] | None
    n_sampled: int | None = None
    whole: "Shared | None" = None
    """All of them, where these are a sample."""

    @property
    def numbers(self) -> np.ndarray:
        """What is held out as a whole [prompt], as numbers: clusters, topics in none, prompts without a topic."""
        return units_of(self.topics, self.clusters)


MATRICES_BYTES = 2**30
"""Of inner products and correlations of all layers of all models over a sample."""


def shared_prompts(job: Job, extractions: Sequence[Extraction], variant: Variant) -> Shared:
    """The prompts that all models have with a variant's pooling, in the order of the first model's; of many a sample."""
    poolings = [extraction.stored_pooling(variant.pooling) for extraction in extractions]
    first, *remaining = (
        _ids_and_labels(job, extraction, pooling) for extraction, pooling in zip(extractions, poolings, strict=True)
    )
    common = set(first).intersection(*remaining)
    ids = [prompt_id for prompt_id in first if prompt_id in common]
    prompts = [extractions[0].prompts(job.store)]
    labels, member = [first[prompt_id] for prompt_id in ids], membership_of(prompts, ids)
    if not is_large(len(ids), len(set(labels))):
        return Shared(ids, labels, *member)
    n_layers = sum(
        len(pairs_of(extraction.partition(job.store, "activations"))[pooling])
        for extraction, pooling in zip(extractions, poolings, strict=True)
    )
    most = min(MOST_PROMPTS, math.isqrt(MATRICES_BYTES // (16 * n_layers)))
    kept = {variant.reference, job.settings.neutral} & set(labels)
    sample = sample_of(labels, member.topics, most, sampling_of(job, extractions[0].dataset), kept)
    chosen = sample.places.tolist()
    job.listener.note(
        f"{extractions[0].dataset}, {' and '.join(extraction.model for extraction in extractions)}: compared over a sample of "
        f"{counted(len(chosen), 'prompt')} of {len(ids)}, {len(sample.labels)} of {counted(len(set(labels)), 'label')}; "
        "n_sampled in each row says so"
    )
    clusters = None if member.clusters is None else [member.clusters[i] for i in chosen]
    return Shared(
        [ids[i] for i in chosen],
        [labels[i] for i in chosen],
        [member.topics[i] for i in chosen],
        clusters,
        len(chosen),
        Shared(ids, labels, *member),
    )


def shared_design(job: Job, shared: Shared, variant: Variant, subject: str, without: str) -> Design | None:
    """Blocks of the shared prompts; None where there are too few topics, which a note says with what is `without` them.

    UsageError where the labels make no direction.
    """
    labels = replace(unchecked_labels(shared.labels, shared.topics, job.settings, variant), clusters=shared.clusters)
    design = design_of(labels)
    if design.n_topics < MIN_TOPICS:
        job.listener.note(f"{subject}: {counted(design.n_topics, 'topic')} with a prompt of every label, and {without}")
        return None
    refuse_labels(labels, job.settings, variant, subject)
    return design


def _ids_and_labels(job: Job, extraction: Extraction, pooling: str) -> dict[str, str]:
    activations = extraction.partition(job.store, "activations")
    layer = pairs_of(activations)[pooling][0]
    rows = activations.read(["prompt_id", "emotion"], pooling=pooling, layer=layer)
    return dict(zip(rows["prompt_id"].to_pylist(), rows["emotion"].to_pylist(), strict=True))


def matched(depth_a: int, depth_b: int, layers_a: Iterable[int], layers_b: Iterable[int]) -> list[tuple[int, int]]:
    """Each layer of the shallower model with layer floor(x + 0.5) of the deeper at its relative depth, where both are there."""
    if depth_a > depth_b:
        return [(a, b) for b, a in matched(depth_b, depth_a, layers_b, layers_a)]
    available = set(layers_b)
    pairs = [(a, math.floor(a * depth_b / depth_a + 0.5)) for a in sorted(layers_a)]
    return [(a, b) for a, b in pairs if b in available]


def matched_all(depths: Sequence[int], layers: Sequence[Iterable[int]]) -> list[tuple[int, ...]]:
    """Layers of every model at the same relative depth: those of the shallowest, matched to each other model's."""
    first = min(range(len(depths)), key=lambda i: depths[i])
    matches = [dict(matched(depths[first], depth, layers[first], stored)) for depth, stored in zip(depths, layers, strict=True)]
    return [
        tuple(match[layer] for match in matches) for layer in sorted(layers[first]) if all(layer in match for match in matches)
    ]


class DatasetPair(NamedTuple):
    """Two extractions of one model; `b` is the larger set, some of whose prompts `a` has, too."""

    a: Extraction
    b: Extraction

    @property
    def subject(self) -> str:
        """The name in messages."""
        return f"{self.a.dataset} and the rest of {self.b.dataset}, {self.a.model}"

    def partition(self, job: Job) -> Partition:
        """Its part of the table."""
        return job.store.partition(
            "cross_dataset_statistics", model=self.a.model, pair=f"{self.a.extraction_id}-{self.b.extraction_id}"
        )


def dataset_pairs(job: Job) -> list[DatasetPair]:
    """Every two train sets of one model that have some prompts in common, and not all."""
    pairs = []
    for two in combinations(job.with_activations, 2):
        if two[0].model != two[1].model or two[0].dataset == two[1].dataset or not _made_alike(job, two):
            continue
        ids = {extraction: prompt_ids(job.store, extraction) for extraction in two}
        a, b = sorted(two, key=lambda extraction: (len(ids[extraction]), extraction.dataset))
        if ids[a] & ids[b] and ids[b] - ids[a]:
            pairs.append(DatasetPair(a, b))
    return pairs


def _made_alike(job: Job, extractions: Sequence[Extraction]) -> bool:
    partitions = [extraction.partition(job.store, "extractions") for extraction in extractions]
    if any(partition.manifest() is None for partition in partitions):
        return True  # planned together, with the same settings
    a, b = (partition.read(SAME_SETTINGS).to_pylist()[0] for partition in partitions)
    return a == b


def consensus_groups(job: Job) -> list[list[Extraction]]:
    """The extractions of each dataset that three or more models have, in the order of the models' names."""
    groups = [
        sorted(group, key=lambda extraction: extraction.model)
        for _, group in groupby(job.with_activations, lambda extraction: extraction.dataset)
    ]
    return [group for group in groups if len({extraction.model for extraction in group}) == len(group) >= MIN_MODELS]


def consensus_partition(job: Job, extractions: Sequence[Extraction]) -> Partition:
    """The part of the table that is about these extractions, in whatever order."""
    return job.store.partition("consensus_statistics", dataset=extractions[0].dataset, consensus_id=consensus_id(extractions))


def consensus_id(extractions: Sequence[Extraction]) -> str:
    """The id of the consensus of these extractions, in whatever order."""
    return content_hash(sorted(extraction.extraction_id for extraction in extractions))[:16]


SETTINGS = ("prompts_sha256", "dtype", "bos", "chat_template", "truncated_at")
"""Settings that must agree. `bos` is the rule, not the model's token; `truncated_at` is NULL where no prompt was cut."""


_COLUMNS = ("prompts_sha256", "dtype", "bos", "chat_template", "max_length", "n_truncated")


def refuse_incomparable(store: Store, a: Extraction, b: Extraction) -> list[str]:
    """UsageError with both settings where two extractions differ; the settings that one of them does not know (NULL)."""
    of_a, of_b = (_settings(store, extraction) for extraction in (a, b))
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
    of_a, of_b = (_made_with(store, extraction) for extraction in (a, b))
    for name in sorted(set(of_a) & set(of_b)):
        if of_a[name] != of_b[name]:
            raise UsageError(
                f"{a.dataset}: vectors are not comparable: {name} is {of_a[name]} in {_named(a)} and {of_b[name]} in {_named(b)}",
                hint=f"emo vectors -d {quote(a.dataset)} makes both alike",
            )


def _settings(store: Store, extraction: Extraction) -> Mapping[str, Any] | None:
    partition = extraction.partition(store, "extractions")
    if partition.manifest() is None:
        return None
    row = partition.read(list(_COLUMNS)).to_pylist()[0]
    return (
        {**row, "truncated_at": row["max_length"] or "the model's limit"} if row["n_truncated"] else {**row, "truncated_at": None}
    )


def _made_with(store: Store, extraction: Extraction) -> Mapping[str, Any]:
    manifest = extraction.partition(store, "vectors").manifest()
    return {name: value for name, value in manifest.inputs.items() if name not in manifest.reads} if manifest else {}


def _named(extraction: Extraction) -> str:
    return f"{extraction.model} ({extraction.extraction_id})"
