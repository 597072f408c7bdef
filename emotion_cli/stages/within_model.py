"""Activations to statistics of two emotions in one model."""

import pyarrow as pa

from emotion_cli.measures.within import cosine_comparisons, gram
from emotion_cli.stages.extract import pairs_of
from emotion_cli.stages.job import Job, Task, parts_task
from emotion_cli.stages.scope import Scope
from emotion_cli.stages.statistics import statistic_columns
from emotion_cli.stages.vectors import Variant, averaged_layers, emotions_and_reference, prepare, read_layer, variant_of, variants
from warehouse.store import table_of


def tasks(job: Job) -> list[Task]:
    """One task a train scope."""
    return [_task(job, scope) for scope in job.train_scopes]


def _task(job: Job, scope: Scope) -> Task:
    settings = job.settings
    activations = scope.partition(job.store, "activations")
    return parts_task(
        "compare", scope.subject, scope.partition(job.store, "within_model_statistics"),
        reads={"activations": activations, "prompts": scope.prompts(job.store)},
        inputs={"neutral": settings.neutral, "seed": settings.seed, "draws": settings.draws, "over_layers": settings.over_layers},
        wanted=[variant.part for variant in variants(settings, activations)],
        make=lambda job, part: _part(job, scope, variant_of(part)),
    )  # fmt: skip


def _part(job: Job, scope: Scope, variant: Variant) -> pa.Table:
    activations = scope.partition(job.store, "activations")
    prompts = scope.prompts(job.store).read(["prompt_id", "topic"]).to_pydict()
    topic_of = dict(zip(prompts["prompt_id"], prompts["topic"], strict=True))
    layers = pairs_of(activations)[variant.pooling]
    first = read_layer(activations, variant.pooling, layers[0])
    emotions = emotions_and_reference(first.labels, job.settings, variant, scope.subject)
    # one layer is in memory at a time: what follows needs inner products only
    grams = {layer: gram(prepare(read_layer(activations, variant.pooling, layer), job.settings, variant)) for layer in layers}
    found = cosine_comparisons(
        grams, first.labels, [topic_of[prompt_id] for prompt_id in first.prompt_ids],
        averaged=averaged_layers(job.store, job.settings, scope, layers),
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
        **statistic_columns([(one.value, one.null, one.n) for one in found]),
    })  # fmt: skip
