"""Activations of three or more models over one dataset to what they hold in common."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from emotion_cli.job.comparisons import consensus_groups, consensus_partition, matched_all, settings_of_statistics, shared_prompts
from emotion_cli.job.extractions import Extraction, depth, pairs_of
from emotion_cli.job.job import Job, Task, parts_task
from emotion_cli.job.layers import Layers, averaged_layers
from emotion_cli.job.statistics import statistic_columns
from emotion_cli.job.threads import in_threads
from emotion_cli.job.variants import Variant, emotions_and_reference, variant_of, variants
from emotion_cli.measures.between.consensus import Share, plane, shares
from emotion_cli.measures.inference.relabelling import MIN_TOPICS, Design, design_of
from emotion_cli.measures.inference.resampling import NO_INTERVAL, Null, Statistic, defined, jackknife_interval, null_above
from emotion_cli.wording import counted
from warehouse.store import table_of

AXES = ("consensus_x", "consensus_y")
"""Measures that are coordinates in the consensus plane."""

Row = tuple[int, int | None, str, str, int | None, Statistic]
"""Model (its number), layer, emotion, measure, dimension and what was measured."""


def tasks(job: Job) -> list[Task]:
    """One task for every dataset that three or more models have; extractions that differ were refused with the pairs."""
    return [_task(job, members) for members in consensus_groups(job)]


def _task(job: Job, scopes: Sequence[Extraction]) -> Task:
    activations = [scope.partition(job.store, "activations") for scope in scopes]
    reads = {f"activations of {scope.extraction_id}": one for scope, one in zip(scopes, activations, strict=True)}
    reads |= {f"prompts of {scope.extraction_id}": scope.prompts(job.store) for scope in scopes}
    asked = [variants(job.settings, one) for one in activations]
    return parts_task(
        "compare",
        _subject(scopes),
        consensus_partition(job, scopes),
        reads=reads,
        inputs=settings_of_statistics(job),
        wanted=[variant.part for variant in asked[0] if all(variant in others for others in asked)],
        make=lambda job, part: _part(job, scopes, variant_of(part)),
    )


def _subject(scopes: Sequence[Extraction]) -> str:
    return f"{scopes[0].dataset}, consensus of {len(scopes)} models"


def _part(job: Job, scopes: Sequence[Extraction], variant: Variant) -> pa.Table:
    rows = _measured(job, scopes, variant)
    return table_of(
        "consensus_statistics",
        {
            "extraction_id": [scopes[row[0]].extraction_id for row in rows],
            "model": [scopes[row[0]].model for row in rows],
            **{name: [value] * len(rows) for name, value in variant._asdict().items()},
            **{name: [row[i] for row in rows] for i, name in ((1, "layer"), (2, "emotion"), (3, "measure"), (4, "k"))},
            **statistic_columns([row[5] for row in rows]),
        },
    )


def _measured(job: Job, scopes: Sequence[Extraction], variant: Variant) -> list[Row]:
    subject, depths = _subject(scopes), [depth(job.store, scope) for scope in scopes]
    known = [one for one in depths if one is not None]
    if len(known) < len(scopes):
        unknown = ", ".join(scope.model for scope, one in zip(scopes, depths, strict=True) if one is None)
        job.listener.note(f"{subject}: the depth of {unknown} is not known, so no layers are matched")
        return []
    held = [pairs_of(scope.partition(job.store, "activations"))[variant.pooling] for scope in scopes]
    matches = matched_all(known, held)
    shared = shared_prompts(job, scopes, variant.pooling)
    design = design_of(shared.labels, shared.topics)
    if design.n_topics < MIN_TOPICS:
        job.listener.note(
            f"{subject}: {counted(design.n_topics, 'topic')} with a prompt of every label, and it needs {MIN_TOPICS}"
        )
        return []
    models = [Layers(job, scope, variant, shared) for scope in scopes]
    spaces = [[model.space(layer) for model, layer in zip(models, match, strict=True)] for match in matches]
    options = {
        "emotions": emotions_and_reference(shared.labels, job.settings, variant, subject),
        "reference": variant.reference,
        "dataset": scopes[0].dataset,
        "seed": job.settings.seed,
    }
    found: dict[int, list[Share]] = {}
    planes: dict[int, np.ndarray | None] = {}

    def work(i: int) -> None:
        found[i] = shares(spaces[i], design, draws=job.settings.draws, **options)
        planes[i] = plane(spaces[i], design, **options)

    in_threads(job, subject)(work, range(len(matches)))
    rows: list[Row] = []
    for i, match in enumerate(matches):
        rows += [
            (one.model, match[one.model], one.emotion, "consensus_share", one.k, _statistic([one], design)) for one in found[i]
        ]
        rows += _placed(planes[i], match, options["emotions"], design)
    return rows + _means(job, scopes, matches, found, design)


def _placed(placed: np.ndarray | None, match: Sequence[int], emotions: Sequence[str], design: Design) -> list[Row]:
    if placed is None:
        return []
    nothing = Null(None, None, None, None, None)
    return [
        (model, layer, emotion, measure, None, Statistic(float(placed[model, e, axis]), nothing, design.n_topics, NO_INTERVAL))
        for model, layer in enumerate(match)
        for e, emotion in enumerate(emotions)
        for axis, measure in enumerate(AXES)
    ]


def _means(
    job: Job, scopes: Sequence[Extraction], matches: Sequence[tuple[int, ...]], found: dict[int, list[Share]], design: Design
) -> list[Row]:
    """Means over the matched layers that every model's averages cover, null and interval from the same draws."""
    covered = [averaged_layers(job.store, job.settings, scope, [match[i] for match in matches]) for i, scope in enumerate(scopes)]
    by_key: dict[tuple[int, str], list[Share]] = {}
    for i, match in enumerate(matches):
        if all(layer in own for layer, own in zip(match, covered, strict=True)):
            for one in found[i]:
                if np.isfinite(one.value):
                    by_key.setdefault((one.model, one.emotion), []).append(one)
    return [
        (model, None, emotion, "consensus_share", members[0].k, _statistic(members, design))
        for (model, emotion), members in sorted(by_key.items())
    ]


def _statistic(members: Sequence[Share], design: Design) -> Statistic:
    value = defined(float(np.mean([one.value for one in members])))
    draws, groups = (np.mean([getattr(one, name) for one in members], axis=0) for name in ("draws", "groups"))
    return Statistic(value, null_above(value, draws), design.n_topics, jackknife_interval(value, groups))
