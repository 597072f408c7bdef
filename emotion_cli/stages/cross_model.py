"""Activations and directions to statistics of two models, and of what one model reaches with itself (ceilings)."""

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cached_property
from itertools import combinations, groupby
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from emotion_cli.job.arrangements import cka_of_all
from emotion_cli.job.comparisons import (
    Shared,
    matched,
    refuse_incomparable,
    refuse_other_vectors,
    shared_design,
    shared_prompts,
)
from emotion_cli.job.controls import control_pairs, rivals_of
from emotion_cli.job.extractions import Extraction, depth, pairs_of
from emotion_cli.job.job import Job, Task
from emotion_cli.job.layers import Layers, averaged_layers, matrix
from emotion_cli.job.statistics import sampling_of, statistics_table, statistics_task
from emotion_cli.job.threads import in_threads
from emotion_cli.job.variants import Variant, shared_variants, variant_of
from emotion_cli.measures.between.alignment import aligned, aligned_cosines, ceilings
from emotion_cli.measures.between.cosine import raw_cosine
from emotion_cli.measures.between.dissimilarity import dissimilarities, dissimilarity_ceilings
from emotion_cli.measures.between.gains import EXCEEDS_NOTHING, aligned_gains, carried_cosines
from emotion_cli.measures.between.geometry import BEST_DEPTH, MEASURES, best_depths, geometries, residual_measures
from emotion_cli.measures.between.result import MAPPINGS, Each, Result
from emotion_cli.measures.between.subspaces import subspaces_of_model, subspaces_of_pair
from emotion_cli.measures.directions import ZERO_RELATIVE_NORM
from emotion_cli.measures.inference.relabelling import MIN_TOPICS, N_SPLITS, Design, kept_without_groups
from emotion_cli.measures.inference.sampling import Sampling
from emotion_cli.measures.inference.statistic import Statistic, mean_of
from emotion_cli.measures.measure import Measure
from emotion_cli.measures.streamed.limits import PAIRED_SAMPLE
from emotion_cli.models.sources.controls import CONTROLS
from warehouse.store import Partition

COSINE = "cosine"
"""The raw cosine of two directions, which all prompts make."""

CKA = "cka_debiased"
"""The measure that products of width by width give for all prompts."""

CONTROL_SPLITS = 15
"""Splits of the topics for two controls: they stand beside a value, and decide nothing."""


class Row(NamedTuple):
    """One statistic of two extractions, or of one with itself."""

    measure: str
    layer_a: int | None
    layer_b: int | None
    statistic: Statistic
    emotion: str | None = None
    mapping: str | None = None
    fit: str | None = None
    k: int | None = None
    target_emotion: str | None = None
    control: str | None = None

    @property
    def is_of_all(self) -> bool:
        """Whether its value is of all prompts, where they are many, too."""
        return self.measure == COSINE or self.statistic.null.kind == PAIRED_SAMPLE

    def of_sample(self, n_sampled: int | None) -> "Row":
        """The same, measured on so many prompts of more; None: on all."""
        return self._replace(statistic=self.statistic._replace(n_sampled=n_sampled))


def tasks(job: Job) -> list[Task]:
    """One task for every two models with the same dataset, one for each model of them with itself, and those with controls.

    UsageError when two models' extractions were not made alike.
    """
    together = []
    for dataset in dict.fromkeys(extraction.dataset for extraction in job.measured):
        extractions, controls = (
            sorted((member for member in members if member.dataset == dataset), key=lambda extraction: extraction.model)
            for members in (job.with_activations, job.controls)
        )
        if len({extraction.model for extraction in extractions}) > 1:
            pairs = [(a, b) for a, b in combinations(extractions, 2) if a.model != b.model]
            for a, b in pairs:
                for name in refuse_incomparable(job.store, a, b):
                    subject = f"{a.dataset}, {a.model} and {b.model}"
                    job.listener.note(f"{subject}: {name} of one of them is unknown; assumed equal")
            together += [_ceiling_task(job, extraction) for extraction in extractions] + [_task(job, *pair) for pair in pairs]
        if len({extraction.model for extraction in extractions}) != 1:
            together += [_control_task(job, *pair) for pair in control_pairs(job.store, controls)]
    return together


def _task(job: Job, a: Extraction, b: Extraction) -> Task:
    reads = {
        f"{table}_{name}": extraction.partition(job.store, table)
        for name, extraction in (("a", a), ("b", b))
        for table in ("vectors", "activations")
    }
    reads |= {
        f"{kind}_{name}": control.partition(job.store, "activations")
        for kind, controls in rivals_of(job.store, CONTROLS, a, b).items()
        for name, control in zip(("a", "b"), controls, strict=True)
    }
    families = [""] + ["layers:"] * job.settings.all_layers + ["subspaces:"] * job.settings.subspaces
    return statistics_task(
        job,
        "compare",
        f"{a.dataset}, {a.model} and {b.model}",
        _partition(job, a, b),
        reads=reads | {"prompts": a.prompts(job.store)},
        part_names=[f"{family}{variant.part}" for variant in shared_variants(job, (a, b)) for family in families],
        make=lambda job, part: _part(job, a, b, part),
    )


def _control_task(job: Job, a: Extraction, b: Extraction) -> Task:
    """Two controls of one kind: aligned cosines only."""
    return statistics_task(
        job,
        "compare",
        f"{a.dataset}, {a.model} and {b.model}",
        _partition(job, a, b),
        reads={f"activations_{name}": part.partition(job.store, "activations") for name, part in (("a", a), ("b", b))}
        | {"prompts": a.prompts(job.store)},
        part_names=[f"controls:{variant.part}" for variant in shared_variants(job, (a, b))],
        make=lambda job, part: _part(job, a, b, part),
    )


def _ceiling_task(job: Job, extraction: Extraction) -> Task:
    families = ["ceilings:"] + ["subspaces:"] * job.settings.subspaces
    return statistics_task(
        job,
        "compare",
        f"{extraction.subject} with itself",
        _partition(job, extraction, extraction),
        reads={"activations": extraction.partition(job.store, "activations"), "prompts": extraction.prompts(job.store)},
        part_names=[f"{family}{variant.part}" for variant in shared_variants(job, (extraction,)) for family in families],
        make=lambda job, part: _part(job, extraction, extraction, part),
    )


def _partition(job: Job, a: Extraction, b: Extraction) -> Partition:
    return job.store.partition("cross_model_statistics", dataset=a.dataset, pair=f"{a.extraction_id}-{b.extraction_id}")


def _part(job: Job, a: Extraction, b: Extraction, part: str) -> pa.Table:
    family, _, variant_part = part.partition(":")
    variant = variant_of(variant_part if family in FAMILIES else part)
    measured = FAMILIES.get(family, _matched)
    models = _Models(job, a, b, variant)
    rows = [row if row.is_of_all else row.of_sample(models.shared.n_sampled) for row in measured(models)]
    kind = a.control or b.control
    return statistics_table(
        "cross_model_statistics",
        [row._replace(control=kind) for row in rows] if kind else rows,
        extraction_a=a.extraction_id,
        extraction_b=b.extraction_id,
        model_a=a.model,
        model_b=b.model,
        **variant._asdict(),
    )


class _Models:
    """Two models, or one with itself, under a variant: the prompts and layers that they share, each read when it is needed."""

    def __init__(self, job: Job, a: Extraction, b: Extraction, variant: Variant) -> None:
        self.job, self.a, self.b, self.variant = job, a, b, variant
        self.alone = a.extraction_id == b.extraction_id
        self.extractions = (a,) if self.alone else (a, b)
        self.subject = a.subject if self.alone else f"{a.dataset}, {a.model} and {b.model}"
        self.sampling: Sampling = sampling_of(job, a.dataset)
        self.depths = depth(job.store, a), depth(job.store, b)
        self.stored = [
            pairs_of(extraction.partition(job.store, "activations"))[extraction.stored_pooling(variant.pooling)]
            for extraction in (a, b)
        ]

    @cached_property
    def shared(self) -> Shared:
        """The prompts that both models read."""
        return shared_prompts(self.job, self.extractions, self.variant)

    @cached_property
    def layers(self) -> tuple[Layers, Layers]:
        """The layers of each model over these prompts."""
        a, b = (Layers(self.job, extraction, self.variant, self.shared) for extraction in (self.a, self.b))
        return a, b

    @property
    def matched(self) -> list[tuple[int, int]]:
        """Pairs of layers at the same relative depth, each layer with itself in one model; none where a depth is unknown.

        Controls without passes have one layer.
        """
        if self.alone:
            return [(layer, layer) for layer in self.stored[0]]
        if not any(extraction.has_passes for extraction in self.extractions):
            return [(0, 0)]
        depth_a, depth_b = self.depths
        return [] if depth_a is None or depth_b is None else matched(depth_a, depth_b, *self.stored)

    def averaged(self, pairs: Sequence[tuple[int, int]]) -> list[bool]:
        """Which pairs of layers the means over layers cover: those of two layers that are both averaged."""
        job = self.job
        a, b = (
            averaged_layers(job.store, job.settings, extraction, [pair[i] for pair in pairs]) if extraction.has_passes else {0}
            for i, extraction in enumerate((self.a, self.b))
        )
        return [i in a and j in b for i, j in pairs]

    def design(self) -> Design | None:
        """Blocks of the shared prompts; None, with a note, where there are too few topics."""
        without = f"aligned measures need {MIN_TOPICS}, so there are none"
        return shared_design(self.job, self.shared, self.variant, self.subject, without)

    def each(self, title: str, rounds: int = 1) -> Each:
        """Work on all cores that says what it is."""
        return in_threads(self.job, f"{self.subject}: {title}", rounds)


def _matched(models: _Models) -> list[Row]:
    """Raw cosines, and everything else at the layers of equal relative depth."""
    rows = _raw_cosines(models)
    if None in models.depths:
        unknown = models.a if models.depths[0] is None else models.b
        models.job.listener.note(f"{unknown.subject}: its depth is unknown, so no layer is matched; emo compare --all-layers")
        return rows
    pairs = models.matched
    if not pairs:
        return rows
    averaged = models.averaged(pairs)
    # needs no topics
    rows += _geometry(models, pairs, averaged, is_whole=models.shared.whole is not None)
    design = models.design()
    if design is None:
        return rows
    residual = residual_measures(len(design.labels))
    rows += _geometries(models, residual, design.rows, design.topic, pairs, averaged)
    spaces = [(models.layers[0].space(i), models.layers[1].space(j)) for i, j in pairs]
    each = models.each("aligned directions", N_SPLITS + 1)
    results = aligned(spaces, design, models.sampling, neutral=models.job.settings.neutral, each=each)
    gains = _gains(models, results, pairs, averaged, design)
    results += dissimilarities(spaces, design, models.sampling, each=models.each("distances between labels"))
    return rows + _rows(results, pairs, averaged, design.n_topics) + gains


def _gains(
    models: _Models,
    results: Sequence[Result],
    pairs: Sequence[tuple[int, int]],
    averaged: Sequence[bool],
    design: Design,
) -> list[Row]:
    """What the carried model gives beyond a control in its place, for each control that has all prompts."""
    job, rows = models.job, []
    for kind, controls in rivals_of(job.store, CONTROLS, models.a, models.b).items():
        sides = [Layers(job, control, models.variant, models.shared) for control in controls]
        lacking = [
            control.model
            for control, side, layers in zip(controls, sides, models.stored, strict=True)
            if not side.has_all(layers)
        ]
        if lacking:
            job.listener.note(
                f"{models.subject}: {' and '.join(lacking)} lack some of the prompts or layers, so they are no rivals"
            )
            continue
        each = models.each(f"aligned directions of {kind}", 2 * N_SPLITS)
        of_controls = []
        for source, target in ((0, 1), (1, 0)):
            layers = [(pair[source] if controls[source].has_passes else 0, pair[target]) for pair in pairs]
            spaces = [(sides[source].space(i), models.layers[target].space(j)) for i, j in layers]
            of_controls.append(carried_cosines(spaces, design, models.sampling, each=each))
        made = _rows(aligned_gains(results, of_controls, design.emotions), pairs, averaged, design.n_topics)
        rows += [row._replace(control=kind, statistic=row.statistic._replace(null=EXCEEDS_NOTHING)) for row in made]
    return rows


def _beside(models: _Models) -> list[Row]:
    """Aligned cosines of two controls, without a null."""
    pairs = models.matched if None not in models.depths else []
    design = models.design() if pairs else None
    if design is None:
        return []
    spaces = [(models.layers[0].space(i), models.layers[1].space(j)) for i, j in pairs]
    each = models.each("aligned directions", CONTROL_SPLITS)
    results = aligned_cosines(spaces, design, models.sampling, each=each, splits=CONTROL_SPLITS)
    return _rows(results, pairs, models.averaged(pairs), design.n_topics)


def _all_layers(models: _Models) -> list[Row]:
    """CKA and RSA of the pairs of layers that are not matched, and the best matching depth of every layer."""
    known, stored = set(models.matched), models.stored
    pairs = [(i, j) for i in stored[0] for j in stored[1] if (i, j) not in known]
    rows = _geometry(models, pairs, [False] * len(pairs))
    numbers = models.shared.numbers
    grams_a, grams_b = ([side.space(layer).gram for layer in layers] for side, layers in zip(models.layers, stored, strict=True))
    for match in best_depths(grams_a, grams_b, numbers, models.sampling.fewer(), models.each("best depths")):
        a, b = (match.layer, match.best) if match.mapping == MAPPINGS[0] else (match.best, match.layer)
        statistic = match.sampled.statistic(len(set(numbers.tolist())))
        rows.append(Row(BEST_DEPTH, stored[0][a], stored[1][b], statistic, mapping=match.mapping))
    return rows


def _ceilings(models: _Models) -> list[Row]:
    """What two thirds of one model reach, at every layer."""
    design = models.design()
    if design is None:
        return []
    spaces = [models.layers[0].space(layer) for layer in models.stored[0]]
    results = ceilings(spaces, design, models.sampling, each=models.each("ceilings", N_SPLITS))
    results += dissimilarity_ceilings(spaces, design, models.sampling, each=models.each("distances between labels"))
    return _rows(results, models.matched, models.averaged(models.matched), design.n_topics)


def _subspaces(models: _Models) -> list[Row]:
    """Overlap of subspaces at the matched layers, carried or as they stand; of one model with itself, within it."""
    pairs = models.matched if None not in models.depths else []
    design = models.design() if pairs else None
    if design is None:
        return []
    a, b = models.layers
    each = models.each("subspaces")
    if models.alone:
        results = subspaces_of_model([a.space(layer) for layer, _ in pairs], design, models.sampling, each)
    else:
        spaces = [(a.space(i), b.space(j)) for i, j in pairs]
        results = subspaces_of_pair(
            spaces, design, lambda pair: (a.rows(pairs[pair][0]), b.rows(pairs[pair][1])), models.sampling, each
        )
    return [_row(result, pairs[result.pair], design.n_topics) for result in results]


FAMILIES: Mapping[str, Callable[[_Models], list[Row]]] = {
    "subspaces": _subspaces,
    "layers": _all_layers,
    "ceilings": _ceilings,
    "controls": _beside,
}
"""What is measured besides the matched layers; a part for every variant, so that one is added without the others."""


def _geometry(
    models: _Models, pairs: Sequence[tuple[int, int]], averaged: Sequence[bool], *, is_whole: bool = False
) -> list[Row]:
    """CKA and RSA over the shared prompts; each prompt is a unit. `is_whole`: CKA is that of all where these are a sample."""
    numbers = models.shared.numbers
    units = np.arange(len(numbers))[:, None]
    return _geometries(models, MEASURES, units, numbers, pairs, averaged, whole=(CKA,) if is_whole else ())


def _geometries(
    models: _Models,
    measures: Sequence[Measure],
    units: np.ndarray,
    topics: np.ndarray,
    pairs: Sequence[tuple[int, int]],
    averaged: Sequence[bool],
    whole: Collection[str] = (),
) -> list[Row]:
    """Measures of how prompts are arranged, by units [unit, prompt] about topics [unit]; those named `whole` over all prompts."""
    if not pairs:
        return []
    groups = kept_without_groups(topics, models.sampling)
    a, b = ({layer: side.matrices(layer) for layer in {pair[i] for pair in pairs}} for i, side in enumerate(models.layers))
    rows = []
    for measure in measures:
        each = models.each(measure.name, 2)
        results = geometries(measure, a, b, pairs, groups, models.sampling.fewer(), each, rows=units)
        n = len(set(topics.tolist()))
        if measure.name in whole and (everyone := models.shared.whole) is not None:
            extractions = (models.a, models.b)
            results = cka_of_all(models.job, extractions, models.variant, models.shared, results, pairs, models.sampling)
            n = len(set(everyone.numbers.tolist()))
        rows += _rows(results, pairs, averaged, n)
    return rows


def _rows(results: Sequence[Result], pairs: Sequence[tuple[int, int]], averaged: Sequence[bool], n: int) -> list[Row]:
    """Rows of each pair of layers, then the mean over the averaged ones, by emotion, measure, mapping and fit.

    A mean has the number of components that all its layers have, or NULL where they differ.
    """
    rows = []
    for _, group in groupby(sorted(results, key=_key), _key):
        members = list(group)
        rows += [_row(result, pairs[result.pair], n) for result in members]
        in_mean = [result for result in members if averaged[result.pair]]
        mean = mean_of([result.sampled for result in in_mean])
        if mean is not None:
            components = {result.k for result in in_mean if np.isfinite(result.sampled.value)}
            k = components.pop() if len(components) == 1 else None
            rows.append(_row(members[0]._replace(sampled=mean, k=k), (None, None), n))
    return rows


def _key(result: Result) -> tuple[str, ...]:
    return tuple(name or "" for name in (result.emotion, result.target_emotion, result.measure, result.mapping, result.fit))


def _row(result: Result, layers: tuple[int | None, int | None], n: int) -> Row:
    statistic = result.sampled.statistic(n)
    return Row(result.measure, *layers, statistic, result.emotion, result.mapping, result.fit, result.k, result.target_emotion)


def _raw_cosines(models: _Models) -> list[Row]:
    a, b, job = models.a, models.b, models.job
    refuse_other_vectors(job.store, a, b)
    of_a, of_b = (_directions(extraction.partition(job.store, "vectors"), models.variant) for extraction in (a, b))
    widths = {len(direction) for directions in (of_a, of_b) for direction in directions.values()}
    if len(widths) > 1:
        job.listener.note(
            f"{models.subject}: widths {' and '.join(map(str, sorted(widths)))} differ, so their raw cosine is not defined"
        )
        return []
    (width,) = widths
    rows = []
    for emotion, layer in sorted(set(of_a) & set(of_b), key=lambda key: (key[1], key[0])):
        cosine = raw_cosine(of_a[emotion, layer], of_b[emotion, layer])
        rows.append(Row(COSINE, layer, layer, Statistic(cosine.value, cosine.null, width), emotion))
    return rows


def _directions(vectors: Partition, variant: Variant) -> dict[tuple[str, int], np.ndarray]:
    rows = vectors.read(["emotion", "layer", "relative_norm", "vector"], **variant._asdict())
    stacked = matrix(rows["vector"].combine_chunks())
    is_zero = rows["relative_norm"].to_numpy() < ZERO_RELATIVE_NORM
    stacked = np.where(is_zero[:, None], 0, stacked)
    return dict(zip(zip(rows["emotion"].to_pylist(), rows["layer"].to_pylist(), strict=True), stacked, strict=True))
