"""Activations of two datasets that share prompts to how alike an emotion's direction is on what they do not share."""

from dataclasses import replace

import numpy as np
import pyarrow as pa

from emotion_cli.job.comparisons import DatasetPair, dataset_pairs
from emotion_cli.job.extractions import pairs_of, prompt_ids
from emotion_cli.job.job import Job, Task
from emotion_cli.job.layers import averaged_layers, prepare, read_layer
from emotion_cli.job.membership import membership_of
from emotion_cli.job.statistics import sampling_of, statistics_table, statistics_task
from emotion_cli.job.variants import Variant, checked_labels, shared_variants, variant_of
from emotion_cli.measures.gram import gram
from emotion_cli.measures.labels import OTHERS
from emotion_cli.measures.within.dataset_shift import Shift, dataset_shifts


def tasks(job: Job) -> list[Task]:
    """One task a pair."""
    return [_task(job, pair) for pair in dataset_pairs(job)]


def _task(job: Job, pair: DatasetPair) -> Task:
    return statistics_task(
        job,
        "compare",
        pair.subject,
        pair.partition(job),
        reads={
            "activations_a": pair.a.partition(job.store, "activations"),
            "activations_b": pair.b.partition(job.store, "activations"),
            "prompts_a": pair.a.prompts(job.store),
            "prompts_b": pair.b.prompts(job.store),
        },
        part_names=[variant.part for variant in shared_variants(job, pair)],
        make=lambda job, part: _part(job, pair, variant_of(part)),
    )


def _part(job: Job, pair: DatasetPair, variant: Variant) -> pa.Table:
    return statistics_table(
        "cross_dataset_statistics",
        _shifts(job, pair, variant),
        extraction_a=pair.a.extraction_id,
        extraction_b=pair.b.extraction_id,
        dataset_a=pair.a.dataset,
        dataset_b=pair.b.dataset,
        **variant._asdict(),
    )


def _shifts(job: Job, pair: DatasetPair, variant: Variant) -> list[Shift]:
    settings = job.settings
    activations = [extraction.partition(job.store, "activations") for extraction in pair]
    known = prompt_ids(job.store, pair.a)
    held_a, held_b = (pairs_of(partition)[variant.pooling] for partition in activations)
    layers = [layer for layer in held_a if layer in held_b]
    grams, labels, ids, n_a = {}, [], [], 0
    for layer in layers:
        a, b = (read_layer(partition, variant.pooling, layer) for partition in activations)
        rest = [i for i, prompt_id in enumerate(b.prompt_ids) if prompt_id not in known]
        # each set is prepared as a whole, as its vectors are
        grams[layer] = gram(np.vstack([prepare(a, settings, variant), prepare(b, settings, variant)[rest]]))
        if not labels:
            n_a = len(a.labels)
            labels = a.labels + [b.labels[i] for i in rest]
            ids = a.prompt_ids + [b.prompt_ids[i] for i in rest]
    in_rest = {*labels[n_a:]}
    topics, clusters = membership_of([extraction.prompts(job.store) for extraction in pair], ids)
    of_a = checked_labels(labels[:n_a], topics[:n_a], settings, variant, pair.a.subject)
    emotions = [emotion for emotion in of_a.emotions if emotion in in_rest]
    on_both = replace(of_a, labels=labels, topics=topics, clusters=clusters, emotions=emotions)
    if variant.reference not in in_rest if variant.reference != OTHERS else len(on_both.emotions) < 2:
        return []
    is_rest = [i >= n_a for i in range(len(labels))]
    averaged = averaged_layers(job.store, settings, pair.a, layers)
    return dataset_shifts(grams, on_both, is_rest, sampling_of(job, pair.a.dataset, pair.b.dataset), averaged)
