"""Activations of two datasets that share prompts to how alike an emotion's direction is on what they do not share."""

from itertools import combinations
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from emotion_cli.measures.gram import gram
from emotion_cli.measures.shift import dataset_shifts
from emotion_cli.stages.extract import pairs_of
from emotion_cli.stages.job import Job, Task, parts_task
from emotion_cli.stages.scope import SAME_SETTINGS, Scope, prompt_ids
from emotion_cli.stages.vectors import Variant, averaged_layers, emotions_and_reference, prepare, read_layer, variant_of, variants
from warehouse.schema import STATISTIC_COLUMNS
from warehouse.store import Partition, table_of


class Pair(NamedTuple):
    """Two extractions of one model; `b` is the larger set, some of whose prompts `a` has, too."""

    a: Scope
    b: Scope

    @property
    def subject(self) -> str:
        """What a person calls it."""
        return f"{self.a.dataset} and the rest of {self.b.dataset}, {self.a.model}"

    def partition(self, job: Job) -> Partition:
        """Its part of the table."""
        return job.store.partition("cross_dataset_statistics", model=self.a.model,
                                   pair=f"{self.a.extraction_id}-{self.b.extraction_id}")  # fmt: skip


def pairs(job: Job) -> list[Pair]:
    """Every two train sets of one model that have some prompts in common, and not all."""
    found = []
    for one, other in combinations(job.train_scopes, 2):
        if one.model != other.model or one.dataset == other.dataset or not _made_alike(job, one, other):
            continue
        ids = {scope: prompt_ids(job.store, scope) for scope in (one, other)}
        a, b = sorted((one, other), key=lambda scope: (len(ids[scope]), scope.dataset))
        if ids[a] & ids[b] and ids[b] - ids[a]:
            found.append(Pair(a, b))
    return found


def tasks(job: Job) -> list[Task]:
    """One task a pair."""
    return [_task(job, pair) for pair in pairs(job)]


def _task(job: Job, pair: Pair) -> Task:
    settings = job.settings
    activations = [scope.partition(job.store, "activations") for scope in pair]
    asked = [variants(settings, one) for one in activations]
    return parts_task(
        "compare", pair.subject, pair.partition(job),
        reads={"activations_a": activations[0], "activations_b": activations[1],
               "prompts_a": pair.a.prompts(job.store), "prompts_b": pair.b.prompts(job.store)},
        inputs={"neutral": settings.neutral, "seed": settings.seed, "draws": settings.draws, "over_layers": settings.over_layers},
        wanted=[variant.part for variant in asked[0] if variant in asked[1]],
        make=lambda job, part: _part(job, pair, variant_of(part)),
    )  # fmt: skip


def _part(job: Job, pair: Pair, variant: Variant) -> pa.Table:
    settings = job.settings
    activations = [scope.partition(job.store, "activations") for scope in pair]
    known = prompt_ids(job.store, pair.a)
    topic_of = {row["prompt_id"]: row["topic"] for scope in pair
                for row in scope.prompts(job.store).read(["prompt_id", "topic"]).to_pylist()}  # fmt: skip
    layers = [layer for layer in pairs_of(activations[0])[variant.pooling] if layer in pairs_of(activations[1])[variant.pooling]]
    grams, labels, ids, n_own = {}, [], [], 0
    for layer in layers:
        a, b = (read_layer(one, variant.pooling, layer) for one in activations)
        rest = [i for i, prompt_id in enumerate(b.prompt_ids) if prompt_id not in known]
        # each set is prepared as a whole, as its vectors are
        grams[layer] = gram(np.vstack([prepare(a, settings, variant), prepare(b, settings, variant)[rest]]))
        labels, ids = a.labels + [b.labels[i] for i in rest], a.prompt_ids + [b.prompt_ids[i] for i in rest]
        n_own = len(a.labels)
    on_both = [set(labels[:n_own]), set(labels[n_own:])]
    own = emotions_and_reference(labels[:n_own], settings, variant, pair.a.subject)
    emotions = [emotion for emotion in own if emotion in on_both[1]]
    complete = variant.reference in on_both[1] if variant.reference != "others" else len(emotions) > 1
    found = dataset_shifts(
        grams, labels, [topic_of[prompt_id] for prompt_id in ids], [i >= n_own for i in range(len(labels))],
        averaged=averaged_layers(job.store, settings, pair.a, layers), emotions=emotions, reference=variant.reference,
        names=(pair.a.dataset, pair.b.dataset), seed=settings.seed, draws=settings.draws,
    ) if complete else []  # fmt: skip
    statistics = [
        (one.value, one.low, one.high, one.null.mean, one.null.low, one.null.high, one.null.p_value, one.n, one.null.n_draws)
        for one in found
    ]
    same = {"extraction_a": pair.a.extraction_id, "extraction_b": pair.b.extraction_id, "dataset_a": pair.a.dataset,
            "dataset_b": pair.b.dataset, **variant._asdict(), "measure": "cosine_unbiased"}  # fmt: skip
    return table_of("cross_dataset_statistics", {
        **{name: [value] * len(found) for name, value in same.items()},
        "layer": [one.layer for one in found],
        "emotion": [one.emotion for one in found],
        **{name: [row[i] for row in statistics] for i, name in enumerate(STATISTIC_COLUMNS)},
    })  # fmt: skip


def _made_alike(job: Job, one: Scope, other: Scope) -> bool:
    partitions = [scope.partition(job.store, "extractions") for scope in (one, other)]
    if any(partition.manifest() is None for partition in partitions):
        return True  # planned together, with the same settings
    a, b = (partition.read(SAME_SETTINGS).to_pylist()[0] for partition in partitions)
    return a == b
