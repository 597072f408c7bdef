"""Activations of two datasets that share prompts to how alike an emotion's direction is on what they do not share."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from emotion_cli.job.comparisons import DatasetPair, dataset_pairs
from emotion_cli.job.extractions import prompt_ids
from emotion_cli.job.job import Job, Task
from emotion_cli.job.layers import averaged_layers, prepare, read_layer
from emotion_cli.job.membership import membership_of
from emotion_cli.job.statistics import sampling_of, statistics_table, statistics_task
from emotion_cli.job.streams import Streamed, as_stored, layer_rows
from emotion_cli.job.variants import Variant, refuse_labels, shared_variants, variant_of
from emotion_cli.measures.gram import gram
from emotion_cli.measures.inference.resampling import units_of
from emotion_cli.measures.labels import OTHERS, Labels
from emotion_cli.measures.streamed.limits import is_large
from emotion_cli.measures.streamed.rows import JoinedRows
from emotion_cli.measures.streamed.shift import LayerShifts
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
    known = [as_stored(job, extraction, variant) for extraction in pair]
    of_first = prompt_ids(job.store, pair.a)
    rest = np.array([i for i, prompt_id in enumerate(known[1].prompt_ids) if prompt_id not in of_first], int)
    layers = [layer for layer in known[0].layers if layer in known[1].layers]
    labels = _labels_of_both(job, pair, variant, known, rest)
    if labels is None or not layers:
        return []
    n_first = len(known[0].prompt_ids)
    sampling, averaged = (
        sampling_of(job, pair.a.dataset, pair.b.dataset),
        averaged_layers(job.store, job.settings, pair.a, layers),
    )
    is_rest = np.arange(len(labels.labels)) >= n_first
    if not is_large(len(labels.labels), len(set(labels.labels))):
        activations = [extraction.partition(job.store, "activations") for extraction in pair]
        grams = {}
        for layer in layers:
            a, b = (read_layer(partition, variant.pooling, layer) for partition in activations)
            # each set is prepared as a whole, as its vectors are
            grams[layer] = gram(np.vstack([prepare(a, job.settings, variant), prepare(b, job.settings, variant)[rest]]))
        return dataset_shifts(grams, labels, is_rest, sampling, averaged)
    measured, units = LayerShifts(labels, is_rest, sampling, averaged), units_of(labels.topics, labels.clusters)
    with job.listener.progress(f"{pair.subject}: directions on both", parts=len(layers)) as advance:
        for layer in layers:
            with (
                layer_rows(job, pair.a, variant, known[0], layer) as first,
                layer_rows(job, pair.b, variant, known[1], layer) as second,
            ):
                measured.layer(layer, JoinedRows([(first, np.arange(n_first)), (second, rest)], units))
            advance(1)
    return measured.rows()


def _labels_of_both(job: Job, pair: DatasetPair, variant: Variant, known: Sequence[Streamed], rest: np.ndarray) -> Labels | None:
    """Labels of the prompts of a set, and then of the rest of the other; None where they make no direction on both."""
    a, b = known
    refuse_labels(a.labels, job.settings, variant, pair.a.subject)
    places: list[int] = rest.tolist()
    of_rest = [b.labels.labels[i] for i in places]
    emotions = [emotion for emotion in a.labels.emotions if emotion in {*of_rest}]
    if variant.reference not in of_rest if variant.reference != OTHERS else len(emotions) < 2:
        return None
    ids = [*a.prompt_ids, *(b.prompt_ids[i] for i in places)]
    topics, clusters = membership_of([extraction.prompts(job.store) for extraction in pair], ids)
    return Labels([*a.labels.labels, *of_rest], topics, emotions, variant.reference, clusters)
