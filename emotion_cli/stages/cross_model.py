"""Directions to statistics of one emotion in two models."""

from itertools import combinations

import numpy as np
import pyarrow as pa

from emotion_cli.measures.between import raw_cosine
from emotion_cli.measures.directions import ZERO_RELATIVE_NORM
from emotion_cli.measures.resampling import Statistic
from emotion_cli.stages.comparable import refuse_incomparable, refuse_other_vectors
from emotion_cli.stages.job import Job, Task, parts_task
from emotion_cli.stages.scope import Scope
from emotion_cli.stages.statistics import statistic_columns
from emotion_cli.stages.vectors import Variant, matrix, variant_of, variants
from warehouse.store import Partition, table_of


def tasks(job: Job) -> list[Task]:
    """One task for every two models with the same dataset; UsageError when their extractions were not made alike."""
    pairs = [
        sorted(pair, key=lambda scope: scope.model)
        for pair in combinations(job.train_scopes, 2)
        if pair[0].dataset == pair[1].dataset and pair[0].model != pair[1].model
    ]
    for a, b in pairs:
        for name in refuse_incomparable(job.store, a, b):
            job.listener.note(
                f"{a.dataset}, {a.model} and {b.model}: {name} of one of them is not known, and is taken to be alike"
            )
    return [_task(job, a, b) for a, b in pairs]


def _task(job: Job, a: Scope, b: Scope) -> Task:
    partition = job.store.partition("cross_model_statistics", dataset=a.dataset, pair=f"{a.extraction_id}-{b.extraction_id}")
    vectors = {name: scope.partition(job.store, "vectors") for name, scope in (("vectors_a", a), ("vectors_b", b))}
    asked = [variants(job.settings, scope.partition(job.store, "activations")) for scope in (a, b)]
    return parts_task(
        "compare", f"{a.dataset}, {a.model} and {b.model}", partition,
        reads=vectors, inputs={},
        wanted=[variant.part for variant in asked[0] if variant in asked[1]],
        make=lambda job, part: _part(job, a, b, variant_of(part)),
    )  # fmt: skip


def _part(job: Job, a: Scope, b: Scope, variant: Variant) -> pa.Table:
    refuse_other_vectors(job.store, a, b)
    directions_a, directions_b = (_directions(scope.partition(job.store, "vectors"), variant) for scope in (a, b))
    shared = sorted(set(directions_a) & set(directions_b), key=lambda key: (key[1], key[0]))
    widths = {len(direction) for directions in (directions_a, directions_b) for direction in directions.values()}
    if len(widths) > 1:
        job.listener.note(f"{a.dataset}, {a.model} and {b.model}: widths {' and '.join(map(str, sorted(widths)))} differ, "
                          "so their raw cosine is not defined")  # fmt: skip
        shared = []
    found = [raw_cosine(directions_a[key], directions_b[key]) for key in shared]
    (width,) = widths if shared else (0,)
    return table_of("cross_model_statistics", {
        "extraction_a": [a.extraction_id] * len(shared),
        "extraction_b": [b.extraction_id] * len(shared),
        "model_a": [a.model] * len(shared),
        "model_b": [b.model] * len(shared),
        "method": [variant.method] * len(shared),
        "reference": [variant.reference] * len(shared),
        "pooling": [variant.pooling] * len(shared),
        "layer_a": [layer for _, layer in shared],
        "layer_b": [layer for _, layer in shared],
        "emotion": [emotion for emotion, _ in shared],
        "measure": ["cosine"] * len(shared),
        **{name: [None] * len(shared) for name in ("direction", "fit", "k")},
        **statistic_columns([Statistic(one.value, one.null, width) for one in found]),
    })  # fmt: skip


def _directions(vectors: Partition, variant: Variant) -> dict[tuple[str, int], np.ndarray]:
    rows = vectors.read(["emotion", "layer", "relative_norm", "vector"], **variant._asdict())
    stacked = matrix(rows["vector"].combine_chunks())
    zero = rows["relative_norm"].to_numpy() < ZERO_RELATIVE_NORM
    stacked = np.where(zero[:, None], 0, stacked)
    return dict(zip(zip(rows["emotion"].to_pylist(), rows["layer"].to_pylist(), strict=True), stacked, strict=True))
