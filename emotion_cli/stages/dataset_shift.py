"""Activations of two datasets that share prompts to how alike an emotion's direction is on what they do not share."""

import numpy as np
import pyarrow as pa

from emotion_cli.job.comparisons import DatasetPair, dataset_pairs, settings_of_statistics
from emotion_cli.job.extractions import pairs_of, prompt_ids
from emotion_cli.job.job import Job, Task, parts_task
from emotion_cli.job.layers import averaged_layers, prepare, read_layer
from emotion_cli.job.variants import Variant, emotions_and_reference, variant_of, variants
from emotion_cli.measures.gram import gram
from emotion_cli.measures.shift import dataset_shifts
from warehouse.schema import STATISTIC_COLUMNS
from warehouse.store import table_of


def tasks(job: Job) -> list[Task]:
    """One task a pair."""
    return [_task(job, pair) for pair in dataset_pairs(job)]


def _task(job: Job, pair: DatasetPair) -> Task:
    settings = job.settings
    activations = [scope.partition(job.store, "activations") for scope in pair]
    asked = [variants(settings, one) for one in activations]
    return parts_task(
        "compare",
        pair.subject,
        pair.partition(job),
        reads={
            "activations_a": activations[0],
            "activations_b": activations[1],
            "prompts_a": pair.a.prompts(job.store),
            "prompts_b": pair.b.prompts(job.store),
        },
        inputs=settings_of_statistics(job),
        wanted=[variant.part for variant in asked[0] if variant in asked[1]],
        make=lambda job, part: _part(job, pair, variant_of(part)),
    )


def _part(job: Job, pair: DatasetPair, variant: Variant) -> pa.Table:
    settings = job.settings
    activations = [scope.partition(job.store, "activations") for scope in pair]
    known = prompt_ids(job.store, pair.a)
    topic_of = {
        row["prompt_id"]: row["topic"]
        for scope in pair
        for row in scope.prompts(job.store).read(["prompt_id", "topic"]).to_pylist()
    }
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
    found = (
        dataset_shifts(
            grams,
            labels,
            [topic_of[prompt_id] for prompt_id in ids],
            [i >= n_own for i in range(len(labels))],
            averaged=averaged_layers(job.store, settings, pair.a, layers),
            emotions=emotions,
            reference=variant.reference,
            names=(pair.a.dataset, pair.b.dataset),
            seed=settings.seed,
            draws=settings.draws,
        )
        if complete
        else []
    )
    statistics = [
        (one.value, one.low, one.high, one.null.mean, one.null.low, one.null.high, one.null.p_value, one.n, one.null.n_draws)
        for one in found
    ]
    same = {
        "extraction_a": pair.a.extraction_id,
        "extraction_b": pair.b.extraction_id,
        "dataset_a": pair.a.dataset,
        "dataset_b": pair.b.dataset,
        **variant._asdict(),
        "measure": "cosine_unbiased",
    }
    return table_of(
        "cross_dataset_statistics",
        {
            **{name: [value] * len(found) for name, value in same.items()},
            "layer": [one.layer for one in found],
            "emotion": [one.emotion for one in found],
            **{name: [row[i] for row in statistics] for i, name in enumerate(STATISTIC_COLUMNS)},
        },
    )
