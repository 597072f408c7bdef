"""Activations of three or more models over one dataset to what they hold in common."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from emotion_cli.job.comparisons import consensus_groups, consensus_partition, matched_all, shared_design, shared_prompts
from emotion_cli.job.extractions import Extraction, depth, pairs_of
from emotion_cli.job.job import Job, Task
from emotion_cli.job.layers import Layers, averaged_layers
from emotion_cli.job.statistics import sampling_of, statistics_table, statistics_task
from emotion_cli.job.threads import in_threads
from emotion_cli.job.variants import Variant, shared_variants, variant_of
from emotion_cli.measures.between.consensus import Share, plane, shares
from emotion_cli.measures.inference.relabelling import MIN_TOPICS, Design
from emotion_cli.measures.inference.statistic import NO_NULL, Statistic, mean_of

SHARE = "consensus_share"
AXES = ("consensus_x", "consensus_y")
"""Measures that are coordinates in the consensus plane."""


class Row(NamedTuple):
    """One statistic of one model of the consensus."""

    extraction_id: str
    model: str
    layer: int | None
    emotion: str
    measure: str
    k: int | None
    statistic: Statistic


def tasks(job: Job) -> list[Task]:
    """One task for every dataset that three or more models have; extractions that differ were refused with the pairs."""
    return [_task(job, extractions) for extractions in consensus_groups(job)]


def _task(job: Job, extractions: Sequence[Extraction]) -> Task:
    reads = {
        f"{table} of {extraction.extraction_id}": partition
        for extraction in extractions
        for table, partition in (
            ("activations", extraction.partition(job.store, "activations")),
            ("prompts", extraction.prompts(job.store)),
        )
    }
    return statistics_task(
        job,
        "compare",
        _subject(extractions),
        consensus_partition(job, extractions),
        reads=reads,
        part_names=[variant.part for variant in shared_variants(job, extractions)],
        make=lambda job, part: _part(job, extractions, variant_of(part)),
    )


def _subject(extractions: Sequence[Extraction]) -> str:
    return f"{extractions[0].dataset}, consensus of {len(extractions)} models"


def _part(job: Job, extractions: Sequence[Extraction], variant: Variant) -> pa.Table:
    return statistics_table("consensus_statistics", _rows(job, extractions, variant), **variant._asdict())


def _rows(job: Job, extractions: Sequence[Extraction], variant: Variant) -> list[Row]:
    subject, depths = _subject(extractions), [depth(job.store, extraction) for extraction in extractions]
    known = [n_layers for n_layers in depths if n_layers is not None]
    if len(known) < len(extractions):
        unknown = ", ".join(
            extraction.model for extraction, n_layers in zip(extractions, depths, strict=True) if n_layers is None
        )
        job.listener.note(f"{subject}: the depth of {unknown} is unknown, so no layers are matched")
        return []
    stored = [pairs_of(extraction.partition(job.store, "activations"))[variant.pooling] for extraction in extractions]
    matches = matched_all(known, stored)
    shared = shared_prompts(job, extractions, variant)
    design = shared_design(job, shared, variant, subject, f"it needs {MIN_TOPICS}")
    if design is None:
        return []
    models = [Layers(job, extraction, variant, shared) for extraction in extractions]
    spaces = [[model.space(layer) for model, layer in zip(models, match, strict=True)] for match in matches]
    sampling = sampling_of(job, extractions[0].dataset)
    shared_parts: dict[int, list[Share]] = {}
    planes: dict[int, np.ndarray | None] = {}

    def work(i: int) -> None:
        shared_parts[i] = shares(spaces[i], design, sampling)
        planes[i] = plane(spaces[i], design, sampling)

    in_threads(job, subject)(work, range(len(matches)))
    rows: list[Row] = []
    for i, match in enumerate(matches):
        for share in shared_parts[i]:
            statistic = share.sampled.statistic(design.n_topics)
            rows.append(_row(extractions[share.model], match[share.model], share.emotion, SHARE, share.k, statistic))
        if (placed := planes[i]) is not None:
            for place, value in np.ndenumerate(placed):
                model, emotion, axis = map(int, place)
                statistic = Statistic(float(value), NO_NULL, design.n_topics)
                rows.append(_row(extractions[model], match[model], design.emotions[emotion], AXES[axis], None, statistic))
    rows += _means(job, extractions, matches, shared_parts, design)
    return [row._replace(statistic=row.statistic._replace(n_sampled=shared.n_sampled)) for row in rows]


def _row(extraction: Extraction, layer: int | None, emotion: str, measure: str, k: int | None, statistic: Statistic) -> Row:
    return Row(extraction.extraction_id, extraction.model, layer, emotion, measure, k, statistic)


def _means(
    job: Job,
    extractions: Sequence[Extraction],
    matches: Sequence[tuple[int, ...]],
    shared_parts: Mapping[int, list[Share]],
    design: Design,
) -> list[Row]:
    """Means over the matched layers that every model's averages cover, null and interval from the same draws."""
    averaged = [
        averaged_layers(job.store, job.settings, extraction, [match[i] for match in matches])
        for i, extraction in enumerate(extractions)
    ]
    by_key: dict[tuple[int, str], list[Share]] = {}
    for i, match in enumerate(matches):
        if all(layer in layers for layer, layers in zip(match, averaged, strict=True)):
            for share in shared_parts[i]:
                by_key.setdefault((share.model, share.emotion), []).append(share)
    rows = []
    for (model, emotion), members in sorted(by_key.items()):
        mean = mean_of([share.sampled for share in members])
        if mean is not None:
            k = next(share.k for share in members if np.isfinite(share.sampled.value))
            rows.append(_row(extractions[model], None, emotion, SHARE, k, mean.statistic(design.n_topics)))
    return rows
