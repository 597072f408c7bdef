"""Activations to the quality of each direction: reliability, separability, and what the texts' surface alone gives."""

import pyarrow as pa

from emotion_cli.job.comparisons import settings_of_statistics
from emotion_cli.job.extractions import Extraction, extractions_of_test_sets
from emotion_cli.job.job import Job, Task, parts_task
from emotion_cli.job.layers import averaged_layers, inner_products
from emotion_cli.job.statistics import statistic_columns
from emotion_cli.job.variants import Variant, emotions_and_reference, variant_of, variants
from emotion_cli.measures.surface import Surface, surface_of
from emotion_cli.measures.within.quality import qualities
from emotion_cli.prompts.audit import first_word
from warehouse.store import table_of


def tasks(job: Job) -> list[Task]:
    """One task a train scope."""
    return [_task(job, scope) for scope in job.train_scopes]


def _task(job: Job, scope: Extraction) -> Task:
    settings = job.settings
    activations = scope.partition(job.store, "activations")
    reads = {"activations": activations, "prompts": scope.prompts(job.store)}
    for test in extractions_of_test_sets(job.store, scope):
        reads[f"activations of {test.dataset}"] = test.partition(job.store, "activations")
        reads[f"prompts of {test.dataset}"] = test.prompts(job.store)
    return parts_task(
        "quality",
        scope.subject,
        scope.partition(job.store, "vector_quality"),
        reads=reads,
        inputs=settings_of_statistics(job),
        wanted=[variant.part for variant in variants(settings, activations)],
        make=lambda job, part: _part(job, scope, variant_of(part)),
    )


def _part(job: Job, scope: Extraction, variant: Variant) -> pa.Table:
    settings = job.settings
    inner = inner_products(job, scope, variant, tests=extractions_of_test_sets(job.store, scope), n_random=settings.draws)
    found = qualities(
        inner.grams,
        inner.labels,
        inner.topics,
        averaged=averaged_layers(job.store, settings, scope, inner.grams),
        emotions=emotions_and_reference(inner.labels, settings, variant, scope.subject),
        reference=variant.reference,
        dataset=scope.dataset,
        seed=settings.seed,
        draws=settings.draws,
        surface=_surface(job, scope, inner.prompt_ids),
        held_out=inner.held_out,
    )
    return table_of(
        "vector_quality",
        {
            "method": [variant.method] * len(found),
            "reference": [variant.reference] * len(found),
            "pooling": [variant.pooling] * len(found),
            "emotion": [one.emotion for one in found],
            "layer": [one.layer for one in found],
            "measure": [one.measure for one in found],
            **statistic_columns(one.statistic for one in found),
        },
    )


def _surface(job: Job, scope: Extraction, prompt_ids: list[str]) -> Surface:
    rows = scope.prompts(job.store).read(["prompt_id", "text", "final_char", "n_words"]).to_pylist()
    known = {row["prompt_id"]: row for row in rows}
    own = [known[prompt_id] for prompt_id in prompt_ids]
    return surface_of(
        [row["final_char"] for row in own], [first_word(row["text"]) for row in own], [row["n_words"] for row in own]
    )
