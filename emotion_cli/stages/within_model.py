"""Activations to statistics of two emotions in one model."""

from collections.abc import Iterator, Sequence

import pyarrow as pa

from emotion_cli.job.controls import grams_of_controls, rivals_of
from emotion_cli.job.extractions import Extraction
from emotion_cli.job.job import Job, Task
from emotion_cli.job.layers import averaged_layers, inner_products
from emotion_cli.job.statistics import sampling_of, statistics_table, statistics_task
from emotion_cli.job.streams import Streamed, layer_rows, rows_of_controls, streamed
from emotion_cli.job.variants import Variant, variant_of, variants
from emotion_cli.measures.streamed.comparisons import Compared, LayerComparisons
from emotion_cli.measures.within.likeness import Comparison, comparisons
from emotion_cli.models.sources.controls import WITHOUT_PASSES


def tasks(job: Job) -> list[Task]:
    """One task for each extraction with activations, those of controls too."""
    return [_task(job, extraction) for extraction in job.measured]


def _task(job: Job, extraction: Extraction) -> Task:
    activations = extraction.partition(job.store, "activations")
    return statistics_task(
        job,
        "compare",
        extraction.subject,
        extraction.partition(job.store, "within_model_statistics"),
        reads={"activations": activations, "prompts": extraction.prompts(job.store)}
        | {
            kind: control.partition(job.store, "activations")
            for kind, (control,) in rivals_of(job.store, WITHOUT_PASSES, extraction).items()
        },
        part_names=[variant.part for variant in variants(job.settings, activations)],
        make=lambda job, part: _part(job, extraction, variant_of(part)),
    )


def _part(job: Job, extraction: Extraction, variant: Variant) -> pa.Table:
    known = streamed(job, extraction, variant)
    of_control = {"control": extraction.control} if extraction.control else {}

    def table(rows: Sequence[Comparison]) -> pa.Table:
        return statistics_table("within_model_statistics", rows, **variant._asdict(), **of_control)

    if known is not None:
        return pa.concat_tables(map(table, _streamed(job, extraction, variant, known)))
    inner = inner_products(job, extraction, variant)
    averaged = averaged_layers(job.store, job.settings, extraction, inner.grams)
    controls = grams_of_controls(job, extraction, variant, inner.all_ids)
    return table(comparisons(inner.grams, inner.labels, sampling_of(job, extraction.dataset), averaged, controls))


def _streamed(job: Job, extraction: Extraction, variant: Variant, known: Streamed) -> Iterator[list[Comparison]]:
    """The rows of each layer, then those of the means over layers."""
    averaged = averaged_layers(job.store, job.settings, extraction, known.layers)
    compared = Compared(known.labels, sampling_of(job, extraction.dataset))
    with rows_of_controls(job, extraction, variant, known) as controls:
        measured = LayerComparisons(compared, averaged, controls)
    title = f"{extraction.subject}: comparisons of labels"
    with job.listener.progress(title, parts=len(known.layers)) as advance:
        for layer in known.layers:
            with layer_rows(job, extraction, variant, known, layer) as rows:
                yield measured.layer(layer, rows)
            advance(1)
    yield measured.means()
