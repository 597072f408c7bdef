"""Activations of two datasets that share prompts to how alike an emotion's direction is on what they do not share."""

from collections.abc import Collection
from dataclasses import replace

import numpy as np
import pyarrow as pa

from emotion_cli.job.comparisons import DatasetPair, dataset_pairs
from emotion_cli.job.extractions import pairs_of, prompt_ids
from emotion_cli.job.job import Job, Task
from emotion_cli.job.layers import averaged_layers, prepare, read_layer
from emotion_cli.job.membership import membership_of
from emotion_cli.job.statistics import sampling_of, statistics_table, statistics_task
from emotion_cli.job.streams import labels_stored
from emotion_cli.job.variants import Variant, checked_labels, shared_variants, variant_of
from emotion_cli.measures.gram import gram
from emotion_cli.measures.inference.sampling import Sampling
from emotion_cli.measures.labels import OTHERS
from emotion_cli.measures.streamed.limits import MOST_SAMPLED, is_large
from emotion_cli.measures.streamed.sample import sample_of
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
    (ids_a, labels_a), (ids_b, labels_b) = (
        labels_stored(partition, variant.pooling, layers[0]) if layers else ([], []) for partition in activations
    )
    first = [*range(len(ids_a))]
    rest = [i for i, prompt_id in enumerate(ids_b) if prompt_id not in known]
    sampling, n_sampled = sampling_of(job, pair.a.dataset, pair.b.dataset), None
    if is_large(len(first) + len(rest), len({*labels_a, *labels_b})):
        kept = {variant.reference, settings.neutral}
        first, rest = _sampled(job, pair, (ids_a, labels_a, first), (ids_b, labels_b, rest), sampling, kept)
        n_sampled = len(first) + len(rest)
        total = len(ids_a) + sum(prompt_id not in known for prompt_id in ids_b)
        job.listener.note(f"{pair.subject}: measured on a sample of {n_sampled} of {total} prompts; n_sampled says so")
    grams, n_a = {}, len(first)
    for layer in layers:
        a, b = (read_layer(partition, variant.pooling, layer) for partition in activations)
        # each set is prepared as a whole, as its vectors are
        grams[layer] = gram(np.vstack([prepare(a, settings, variant)[first], prepare(b, settings, variant)[rest]]))
    labels = [labels_a[i] for i in first] + [labels_b[i] for i in rest]
    ids = [ids_a[i] for i in first] + [ids_b[i] for i in rest]
    in_rest = {*labels[n_a:]}
    topics, clusters = membership_of([extraction.prompts(job.store) for extraction in pair], ids)
    of_a = checked_labels(labels[:n_a], topics[:n_a], settings, variant, pair.a.subject)
    emotions = [emotion for emotion in of_a.emotions if emotion in in_rest]
    on_both = replace(of_a, labels=labels, topics=topics, clusters=clusters, emotions=emotions)
    if variant.reference not in in_rest if variant.reference != OTHERS else len(on_both.emotions) < 2:
        return []
    is_rest = [i >= n_a for i in range(len(labels))]
    averaged = averaged_layers(job.store, settings, pair.a, layers)
    shifts = dataset_shifts(grams, on_both, is_rest, sampling, averaged)
    return [shift._replace(statistic=shift.statistic._replace(n_sampled=n_sampled)) for shift in shifts]


Side = tuple[list[str], list[str], list[int]]
"""Ids and labels of a set's prompts, and the places of those that take part."""


def _sampled(
    job: Job, pair: DatasetPair, first: Side, rest: Side, sampling: Sampling, kept: Collection[str]
) -> tuple[list[int], list[int]]:
    """A sample of each side's places, of the same labels."""
    chosen: list[list[int]] = []
    labels_kept: set[str] | None = None
    for extraction, (ids, labels, places) in zip(pair, (first, rest), strict=True):
        places = [i for i in places if labels_kept is None or labels[i] in labels_kept]
        if not places:
            chosen.append([])
            continue
        topics, _ = membership_of([extraction.prompts(job.store)], [ids[i] for i in places])
        of_side = [labels[i] for i in places]
        sample = sample_of(of_side, topics, MOST_SAMPLED, sampling, {*kept} & {*of_side})
        labels_kept = {*sample.labels}
        chosen.append([places[i] for i in sample.places.tolist()])
    return chosen[0], chosen[1]
