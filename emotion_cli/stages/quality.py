"""Activations to the quality of each direction: reliability, separability, and what surface and words of the texts alone give."""

from collections.abc import Sequence

import pyarrow as pa

from emotion_cli.job.controls import grams_of_controls, rivals_of
from emotion_cli.job.extractions import Extraction, extractions_of_test_sets
from emotion_cli.job.job import Job, Task
from emotion_cli.job.layers import averaged_layers, gaussian_directions, inner_products, texts_of
from emotion_cli.job.statistics import sampling_of, statistics_table, statistics_task
from emotion_cli.job.streams import Streamed, layer_rows, rows_of_controls, rows_of_tests, streamed, tests_with
from emotion_cli.job.variants import Variant, variant_of, variants_measured
from emotion_cli.measures.directions import METHODS
from emotion_cli.measures.streamed.classified import LayerClassifiers
from emotion_cli.measures.streamed.inputs import Inputs
from emotion_cli.measures.streamed.preparing import whitened
from emotion_cli.measures.streamed.qualities import LayerQualities
from emotion_cli.measures.within.quality import (
    OF_A_CLASSIFIER,
    OF_A_DIRECTION,
    OF_A_READING,
    Material,
    Measures,
    Quality,
    qualities,
)
from emotion_cli.measures.within.surface import Surface, surface_of
from emotion_cli.measures.within.words import DRAWS as WORDS_DRAWS
from emotion_cli.models.sources.controls import WITHOUT_PASSES
from emotion_cli.prompts.audit import first_word


def tasks(job: Job) -> list[Task]:
    """One task for each extraction with activations, those of controls too."""
    tasks_with_parts = ((extraction, variants_measured(job, extraction)) for extraction in job.measured)
    return [_task(job, extraction, chosen) for extraction, chosen in tasks_with_parts if chosen]


def _task(job: Job, extraction: Extraction, chosen: Sequence[Variant]) -> Task:
    activations = extraction.partition(job.store, "activations")
    reads = {"activations": activations, "prompts": extraction.prompts(job.store)}
    for test in extractions_of_test_sets(job.store, extraction):
        reads[f"activations of {test.dataset}"] = test.partition(job.store, "activations")
        reads[f"prompts of {test.dataset}"] = test.prompts(job.store)
    for kind, (control,) in rivals_of(job.store, WITHOUT_PASSES, extraction).items():
        for stored in (control, *extractions_of_test_sets(job.store, control)):
            reads[f"{kind} of {stored.dataset}"] = stored.partition(job.store, "activations")
    return statistics_task(
        job,
        "quality",
        extraction.subject,
        extraction.partition(job.store, "vector_quality"),
        reads=reads,
        part_names=[variant.part for variant in chosen],
        make=lambda job, part: _part(job, extraction, variant_of(part)),
        words_draws=WORDS_DRAWS,
    )


def _part(job: Job, extraction: Extraction, variant: Variant) -> pa.Table:
    known = streamed(job, extraction, variant)
    if known is not None:
        of_control = {"control": extraction.control} if extraction.control else {}
        return statistics_table(
            "vector_quality", _streamed(job, extraction, variant, known), **{**variant._asdict(), **of_control}
        )
    tests = extractions_of_test_sets(job.store, extraction)
    inner = inner_products(job, extraction, variant, tests=tests, n_random=0 if extraction.control else job.settings.draws)
    sampling, averaged = sampling_of(job, extraction.dataset), averaged_layers(job.store, job.settings, extraction, inner.grams)
    if extraction.control:
        # what stands beside a model's directions stands there once, not beside a control's, too
        material = Material(inner.grams, inner.labels, sampling, averaged, held_out=inner.held_out)
        return statistics_table("vector_quality", qualities(material), **{**variant._asdict(), "control": extraction.control})
    material = Material(
        inner.grams,
        inner.labels,
        sampling,
        averaged,
        _surface(job, extraction, inner.prompt_ids),
        inner.held_out,
        texts_of(job, extraction, inner.prompt_ids),
        grams_of_controls(job, extraction, variant, inner.all_ids),
    )
    return statistics_table("vector_quality", qualities(material, _measures(variant)), **variant._asdict())


def _streamed(job: Job, extraction: Extraction, variant: Variant, known: Streamed) -> list[Quality]:
    """The rows of all layers, each read once and let go before the next."""
    method = METHODS[variant.method]
    tests = tests_with(job, extraction, variant, known.layers)
    beside = not extraction.control and not method.classifies
    n_random = job.settings.draws if beside else 0
    with rows_of_controls(job, extraction, variant, known) as controls:
        inputs = Inputs(
            known.labels,
            sampling_of(job, extraction.dataset),
            averaged_layers(job.store, job.settings, extraction, known.layers),
            _surface(job, extraction, known.prompt_ids) if beside else None,
            texts_of(job, extraction, known.prompt_ids) if beside else None,
            [test.held_out for test in tests],
            method.whitens,
            controls,
        )
        measured = LayerClassifiers(inputs) if method.classifies else LayerQualities(inputs)
        with job.listener.progress(f"{extraction.subject}: quality of directions", parts=len(known.layers)) as advance:
            for layer in known.layers:
                with (
                    layer_rows(job, extraction, variant, known, layer) as stored,
                    rows_of_tests(job, extraction.stored_pooling(variant.pooling), tests, layer) as stored_tests,
                ):
                    rows = whitened(stored) if method.whitens else stored
                    of_tests = [part.mapped(rows.changed) for part in stored_tests]
                    gaussian = [gaussian_directions(job, rows.width, n_random)] if n_random else []
                    measured.layer(layer, rows, of_tests, *gaussian)
                advance(1)
        return measured.rows()


def _measures(variant: Variant) -> Measures:
    method = METHODS[variant.method]
    return OF_A_CLASSIFIER if method.classifies else OF_A_READING if method.whitens else OF_A_DIRECTION


def _surface(job: Job, extraction: Extraction, prompt_ids: list[str]) -> Surface:
    rows = extraction.prompts(job.store).read(["prompt_id", "text", "final_char", "n_words"]).to_pylist()
    known = {row["prompt_id"]: row for row in rows}
    prompts = [known[prompt_id] for prompt_id in prompt_ids]
    return surface_of(
        [row["final_char"] for row in prompts],
        [first_word(row["text"]) for row in prompts],
        [row["n_words"] for row in prompts],
    )
