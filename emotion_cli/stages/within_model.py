"""Activations to statistics of two emotions in one model."""

import pyarrow as pa

from emotion_cli.job.comparisons import settings_of_statistics
from emotion_cli.job.extractions import Extraction
from emotion_cli.job.job import Job, Task, parts_task
from emotion_cli.job.layers import averaged_layers, inner_products
from emotion_cli.job.statistics import statistic_columns
from emotion_cli.job.variants import Variant, emotions_and_reference, variant_of, variants
from emotion_cli.measures.within.likeness import comparisons
from warehouse.store import table_of


def tasks(job: Job) -> list[Task]:
    """One task a train scope."""
    return [_task(job, scope) for scope in job.train_scopes]


def _task(job: Job, scope: Extraction) -> Task:
    settings = job.settings
    activations = scope.partition(job.store, "activations")
    return parts_task(
        "compare",
        scope.subject,
        scope.partition(job.store, "within_model_statistics"),
        reads={"activations": activations, "prompts": scope.prompts(job.store)},
        inputs=settings_of_statistics(job),
        wanted=[variant.part for variant in variants(settings, activations)],
        make=lambda job, part: _part(job, scope, variant_of(part)),
    )


def _part(job: Job, scope: Extraction, variant: Variant) -> pa.Table:
    inner = inner_products(job, scope, variant)
    found = comparisons(
        inner.grams,
        inner.labels,
        inner.topics,
        averaged=averaged_layers(job.store, job.settings, scope, inner.grams),
        emotions=emotions_and_reference(inner.labels, job.settings, variant, scope.subject),
        reference=variant.reference,
        dataset=scope.dataset,
        seed=job.settings.seed,
        draws=job.settings.draws,
    )
    return table_of(
        "within_model_statistics",
        {
            "method": [variant.method] * len(found),
            "reference": [variant.reference] * len(found),
            "pooling": [variant.pooling] * len(found),
            "layer": [one.layer for one in found],
            "emotion_a": [one.emotion_a for one in found],
            "emotion_b": [one.emotion_b for one in found],
            "measure": [one.measure for one in found],
            **statistic_columns(one.statistic for one in found),
        },
    )
