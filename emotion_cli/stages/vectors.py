"""Activations to directions: one part for each method, reference and pooling."""

import numpy as np
import pyarrow as pa

from emotion_cli.job.extractions import Extraction, pairs_of
from emotion_cli.job.job import Job, Task, parts_task
from emotion_cli.job.layers import averaged_layers, prepare, read_layer
from emotion_cli.job.variants import Variant, caveat, emotions_and_reference, variant_of, variants
from emotion_cli.measures.directions import Direction, directions
from emotion_cli.settings import Settings
from warehouse.store import Partition, table_of


def tasks(job: Job) -> list[Task]:
    """One task a train scope."""
    return [_task(job, scope) for scope in job.train_scopes]


def _task(job: Job, scope: Extraction) -> Task:
    activations = scope.partition(job.store, "activations")
    return parts_task(
        "vectors",
        scope.subject,
        scope.partition(job.store, "vectors"),
        reads={"activations": activations},
        inputs={"neutral": job.settings.neutral, "over_layers": job.settings.over_layers},
        wanted=[variant.part for variant in variants(job.settings, activations)],
        make=lambda job, part: _part(job, scope, variant_of(part)),
    )


def _directions(activations: Partition, layer: int, settings: Settings, variant: Variant, subject: str) -> list[Direction]:
    rows = read_layer(activations, variant.pooling, layer)
    emotions = emotions_and_reference(rows.labels, settings, variant, subject)
    return directions(prepare(rows, settings, variant), rows.labels, emotions=emotions, reference=variant.reference)


def _part(job: Job, scope: Extraction, variant: Variant) -> pa.Table:
    store, settings = job.store, job.settings
    said = caveat(store, scope, variant.method)
    if said:
        job.listener.note(said)
    activations = scope.partition(store, "activations")
    found: list[tuple[int, Direction]] = []
    for layer in pairs_of(activations)[variant.pooling]:
        # in a function, so that a layer's rows are gone when the next ones are read
        found += [(layer, one) for one in _directions(activations, layer, settings, variant, scope.subject)]
    averaged = averaged_layers(store, settings, scope, [layer for layer, _ in found])
    d_model = len(found[0][1].vector)
    flat = np.concatenate([direction.vector for _, direction in found]).astype(np.float32)
    return table_of(
        "vectors",
        {
            "method": [variant.method] * len(found),
            "reference": [variant.reference] * len(found),
            "pooling": [variant.pooling] * len(found),
            "emotion": [direction.emotion for _, direction in found],
            "layer": [layer for layer, _ in found],
            "d_model": [d_model] * len(found),
            "n_emotion": [direction.n_emotion for _, direction in found],
            "n_reference": [direction.n_reference for _, direction in found],
            "l1_norm": [direction.l1_norm for _, direction in found],
            "l2_norm": [direction.l2_norm for _, direction in found],
            "relative_norm": [direction.relative_norm for _, direction in found],
            "averaged": [layer in averaged for layer, _ in found],
            "vector": pa.FixedSizeListArray.from_arrays(pa.array(flat), d_model),
        },
        d_model=d_model,
    )
