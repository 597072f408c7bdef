"""Directions to statistics: two emotions in one model, one emotion in two models."""

from itertools import combinations

import numpy as np
import pyarrow as pa

from emotion_cli.measures.between import raw_cosine
from emotion_cli.measures.directions import ZERO_RELATIVE_NORM
from emotion_cli.measures.resampling import Null
from emotion_cli.measures.within import cosine_comparisons, gram
from emotion_cli.stages.extract import pairs_of
from emotion_cli.stages.job import Job, Task, parts_task
from emotion_cli.stages.scope import Scope
from emotion_cli.stages.vectors import Variant, emotions_and_reference, matrix, read_layer, variant_of, variants
from warehouse.schema import STATISTIC_COLUMNS
from warehouse.store import Partition, table_of


def within_model_tasks(job: Job) -> list[Task]:
    """One task a train scope."""
    return [_within_model_task(job, scope) for scope in job.train_scopes]


def cross_model_tasks(job: Job) -> list[Task]:
    """One task for every two models with the same dataset."""
    return [
        _cross_model_task(job, *sorted(pair, key=lambda scope: scope.model))
        for pair in combinations(job.train_scopes, 2)
        if pair[0].dataset == pair[1].dataset and pair[0].model != pair[1].model
    ]


def _within_model_task(job: Job, scope: Scope) -> Task:
    settings = job.settings
    activations = scope.partition(job.store, "activations")
    return parts_task(
        "compare", scope.subject, scope.partition(job.store, "within_model_statistics"),
        reads={"activations": activations, "prompts": scope.prompts(job.store)},
        inputs={"neutral": settings.neutral, "seed": settings.seed, "draws": settings.draws},
        wanted=[variant.part for variant in variants(settings, activations)],
        make=lambda job, part: _within_model_part(job, scope, variant_of(part)),
    )  # fmt: skip


def _within_model_part(job: Job, scope: Scope, variant: Variant) -> pa.Table:
    activations = scope.partition(job.store, "activations")
    prompts = scope.prompts(job.store).read(["prompt_id", "topic"]).to_pydict()
    topic_of = dict(zip(prompts["prompt_id"], prompts["topic"], strict=True))
    layers = pairs_of(activations)[variant.pooling]
    first = read_layer(activations, variant.pooling, layers[0])
    emotions = emotions_and_reference(first.labels, job.settings, variant, scope.subject)
    # one layer is in memory at a time: what follows needs inner products only
    grams = {layer: gram(read_layer(activations, variant.pooling, layer).activations) for layer in layers}
    found = cosine_comparisons(
        grams, first.labels, [topic_of[prompt_id] for prompt_id in first.prompt_ids],
        emotions=emotions, reference=variant.reference, dataset=scope.dataset,
        seed=job.settings.seed, draws=job.settings.draws,
    )  # fmt: skip
    return table_of("within_model_statistics", {
        "method": [variant.method] * len(found),
        "reference": [variant.reference] * len(found),
        "pooling": [variant.pooling] * len(found),
        "layer": [one.layer for one in found],
        "emotion_a": [one.emotion_a for one in found],
        "emotion_b": [one.emotion_b for one in found],
        "measure": ["cosine"] * len(found),
        **_statistics([(one.value, one.null, one.n) for one in found]),
    })  # fmt: skip


def _cross_model_task(job: Job, a: Scope, b: Scope) -> Task:
    partition = job.store.partition("cross_model_statistics", dataset=a.dataset, pair=f"{a.extraction_id}-{b.extraction_id}")
    vectors = {name: scope.partition(job.store, "vectors") for name, scope in (("vectors_a", a), ("vectors_b", b))}
    asked = [variants(job.settings, scope.partition(job.store, "activations")) for scope in (a, b)]
    return parts_task(
        "compare", f"{a.dataset}, {a.model} and {b.model}", partition,
        reads=vectors, inputs={},
        wanted=[variant.part for variant in asked[0] if variant in asked[1]],
        make=lambda job, part: _cross_model_part(job, a, b, variant_of(part)),
    )  # fmt: skip


def _cross_model_part(job: Job, a: Scope, b: Scope, variant: Variant) -> pa.Table:
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
        **_statistics([(one.value, one.null, width) for one in found]),
    })  # fmt: skip


def _directions(vectors: Partition, variant: Variant) -> dict[tuple[str, int], np.ndarray]:
    rows = vectors.read(["emotion", "layer", "relative_norm", "vector"], **variant._asdict())
    stacked = matrix(rows["vector"].combine_chunks())
    zero = rows["relative_norm"].to_numpy() < ZERO_RELATIVE_NORM
    stacked = np.where(zero[:, None], 0, stacked)
    return dict(zip(zip(rows["emotion"].to_pylist(), rows["layer"].to_pylist(), strict=True), stacked, strict=True))


def _statistics(rows: list[tuple[float | None, Null, int]]) -> dict[str, list]:
    """The statistic columns of (value, null, n) rows that have no interval."""
    columns = [(value, None, None, null.mean, null.low, null.high, null.p_value, n, null.n_draws) for value, null, n in rows]
    return {name: [row[i] for row in columns] for i, name in enumerate(STATISTIC_COLUMNS)}
