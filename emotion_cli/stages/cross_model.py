"""Activations and directions to statistics of two models, and of what one model reaches with itself (ceilings)."""

from collections.abc import Callable, Iterable, Sequence
from itertools import combinations, groupby
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from emotion_cli.job.comparisons import (
    Shared,
    matched,
    refuse_incomparable,
    refuse_other_vectors,
    settings_of_statistics,
    shared_prompts,
)
from emotion_cli.job.extractions import Extraction, depth, pairs_of
from emotion_cli.job.job import Job, Task, parts_task
from emotion_cli.job.layers import Layers, averaged_layers, matrix
from emotion_cli.job.statistics import statistic_columns
from emotion_cli.job.threads import in_threads
from emotion_cli.job.variants import Variant, emotions_and_reference, variant_of, variants
from emotion_cli.measures.between.alignment import FEWER, Curve, aligned, ceilings
from emotion_cli.measures.between.cosine import raw_cosine
from emotion_cli.measures.between.geometry import Similarity, best_depths, similarities
from emotion_cli.measures.between.subspaces import is_upper, subspaces_of_model, subspaces_of_pair
from emotion_cli.measures.directions import ZERO_RELATIVE_NORM
from emotion_cli.measures.inference.relabelling import MIN_TOPICS, N_SPLITS, Design, design_of, kept_without_groups
from emotion_cli.measures.inference.resampling import (
    NO_INTERVAL,
    Interval,
    Null,
    Statistic,
    defined,
    jackknife_interval,
    null_above,
)
from emotion_cli.wording import counted
from warehouse.store import Partition, table_of


class Row(NamedTuple):
    """One statistic of two extractions, or of one with itself."""

    measure: str
    layer_a: int | None
    layer_b: int | None
    value: float | None
    null: Null
    interval: Interval = NO_INTERVAL
    n: int = 0
    emotion: str | None = None
    direction: str | None = None
    fit: str | None = None
    k: int | None = None


def tasks(job: Job) -> list[Task]:
    """One task for every two models with the same dataset, and one for each model of them with itself.

    UsageError when two models' extractions were not made alike.
    """
    together = []
    for _, members in groupby(job.train_scopes, key=lambda scope: scope.dataset):
        scopes = sorted(members, key=lambda scope: scope.model)
        if len({scope.model for scope in scopes}) > 1:
            pairs = [pair for pair in combinations(scopes, 2) if pair[0].model != pair[1].model]
            for a, b in pairs:
                for name in refuse_incomparable(job.store, a, b):
                    subject = f"{a.dataset}, {a.model} and {b.model}"
                    job.listener.note(f"{subject}: {name} of one of them is not known, and is taken to be alike")
            together += [_ceiling_task(job, scope) for scope in scopes] + [_task(job, *pair) for pair in pairs]
    return together


FAMILIES: dict[str, Callable[[Job, Extraction, Extraction, Variant], list[Row]]] = {}
"""What is measured besides the matched layers; a part of its own for every variant, so that one is added without the others."""


def _task(job: Job, a: Extraction, b: Extraction) -> Task:
    partition = job.store.partition("cross_model_statistics", dataset=a.dataset, pair=f"{a.extraction_id}-{b.extraction_id}")
    reads = {
        f"{table}_{name}": scope.partition(job.store, table)
        for name, scope in (("a", a), ("b", b))
        for table in ("vectors", "activations")
    }
    asked = [variants(job.settings, scope.partition(job.store, "activations")) for scope in (a, b)]
    families = [""] + ["layers:"] * job.settings.all_layers + ["subspaces:"] * job.settings.subspaces
    return parts_task(
        "compare",
        f"{a.dataset}, {a.model} and {b.model}",
        partition,
        reads=reads | {"prompts": a.prompts(job.store)},
        inputs=settings_of_statistics(job),
        wanted=[f"{family}{variant.part}" for variant in asked[0] if variant in asked[1] for family in families],
        make=lambda job, part: _part(job, a, b, part),
    )


def _part(job: Job, a: Extraction, b: Extraction, part: str) -> pa.Table:
    family, _, rest = part.partition(":")
    measured, name = (FAMILIES[family], rest) if family in FAMILIES else (_matched, part)
    return _table(a, b, variant_of(name), measured(job, a, b, variant_of(name)))


def _ceiling_task(job: Job, scope: Extraction) -> Task:
    partition = job.store.partition(
        "cross_model_statistics", dataset=scope.dataset, pair=f"{scope.extraction_id}-{scope.extraction_id}"
    )
    activations = scope.partition(job.store, "activations")
    return parts_task(
        "compare",
        f"{scope.subject} with itself",
        partition,
        reads={"activations": activations, "prompts": scope.prompts(job.store)},
        inputs=settings_of_statistics(job),
        wanted=[
            f"{family}:{variant.part}"
            for variant in variants(job.settings, activations)
            for family in ["ceilings"] + ["subspaces"] * job.settings.subspaces
        ],
        make=lambda job, part: _part(job, scope, scope, part),
    )


def _table(a: Extraction, b: Extraction, variant: Variant, rows: Sequence[Row]) -> pa.Table:
    n = len(rows)
    same = {
        "extraction_a": a.extraction_id,
        "extraction_b": b.extraction_id,
        "model_a": a.model,
        "model_b": b.model,
        **variant._asdict(),
    }
    own = ("layer_a", "layer_b", "emotion", "measure", "direction", "fit", "k")
    return table_of(
        "cross_model_statistics",
        {
            **{name: [value] * n for name, value in same.items()},
            **{name: [getattr(row, name) for row in rows] for name in own},
            **statistic_columns([Statistic(row.value, row.null, row.n, row.interval) for row in rows]),
        },
    )


def _matched(job: Job, a: Extraction, b: Extraction, variant: Variant) -> list[Row]:
    """Raw cosines, and everything else at the layers of equal relative depth."""
    rows = _raw_cosines(job, a, b, variant)
    depths = depth(job.store, a), depth(job.store, b)
    held = [pairs_of(scope.partition(job.store, "activations"))[variant.pooling] for scope in (a, b)]
    if depths[0] is None or depths[1] is None:
        unknown = a if depths[0] is None else b
        job.listener.note(f"{unknown.subject}: its depth is not known, so no layer is matched; emo compare --all-layers")
        return rows
    pairs = matched(depths[0], depths[1], *held)
    shared = shared_prompts(job, (a, b), variant.pooling)
    design = design_of(shared.labels, shared.topics)
    subject = f"{a.dataset}, {a.model} and {b.model}"
    if not pairs or not _enough(job, subject, design):
        return rows
    layers = Layers(job, a, variant, shared), Layers(job, b, variant, shared)
    averaged = _averaged(job, (a, b), pairs)
    rows += _similarities(job, a.dataset, layers, pairs, shared, averaged, subject)
    spaces = [(layers[0].space(i), layers[1].space(j)) for i, j in pairs]
    curves = aligned(
        spaces,
        design,
        emotions=emotions_and_reference(shared.labels, job.settings, variant, subject),
        reference=variant.reference,
        neutral=job.settings.neutral,
        dataset=a.dataset,
        seed=job.settings.seed,
        draws=job.settings.draws,
        each=in_threads(job, f"{subject}: aligned directions", N_SPLITS),
    )
    return rows + _curve_rows(curves, pairs, averaged, design.n_topics)


def _all_layers(job: Job, a: Extraction, b: Extraction, variant: Variant) -> list[Row]:
    """CKA and RSA of the pairs of layers that are not matched, and the best matching depth of every layer."""
    depths = depth(job.store, a), depth(job.store, b)
    held = [pairs_of(scope.partition(job.store, "activations"))[variant.pooling] for scope in (a, b)]
    known = set(matched(depths[0], depths[1], *held)) if depths[0] is not None and depths[1] is not None else set()
    pairs = [(i, j) for i in held[0] for j in held[1] if (i, j) not in known]
    shared = shared_prompts(job, (a, b), variant.pooling)
    layers = Layers(job, a, variant, shared), Layers(job, b, variant, shared)
    subject = f"{a.dataset}, {a.model} and {b.model}"
    rows = _similarities(job, a.dataset, layers, pairs, shared, [], subject)
    found = best_depths(
        [layers[0].space(i).gram for i in held[0]],
        [layers[1].space(j).gram for j in held[1]],
        shared.numbers,
        dataset=a.dataset,
        seed=job.settings.seed,
        draws=_fewer(job),
        each=in_threads(job, f"{subject}: best depths"),
    )
    for one in found:
        forth = one.direction == "a_to_b"
        here, there = (held[0], held[1]) if forth else (held[1], held[0])
        layer, best = here[one.layer], there[one.best]
        value = defined(one.value)
        rows.append(
            Row(
                "cka_debiased_best",
                layer if forth else best,
                best if forth else layer,
                value,
                null_above(value, one.draws),
                n=len(set(shared.numbers.tolist())),
                direction=one.direction,
            )
        )
    return rows


def _ceilings(job: Job, a: Extraction, b: Extraction, variant: Variant) -> list[Row]:
    """What two thirds of one model reach, at every layer."""
    held = pairs_of(a.partition(job.store, "activations"))[variant.pooling]
    shared = shared_prompts(job, (a,), variant.pooling)
    design = design_of(shared.labels, shared.topics)
    if not _enough(job, a.subject, design):
        return []
    layers = Layers(job, a, variant, shared)
    curves = ceilings(
        [layers.space(layer) for layer in held],
        design,
        emotions=emotions_and_reference(shared.labels, job.settings, variant, a.subject),
        reference=variant.reference,
        dataset=a.dataset,
        seed=job.settings.seed,
        draws=job.settings.draws,
        each=in_threads(job, f"{a.subject}: ceilings", N_SPLITS),
    )
    pairs = [(layer, layer) for layer in held]
    return _curve_rows(curves, pairs, _averaged(job, (a, a), pairs), design.n_topics)


def _subspaces(job: Job, a: Extraction, b: Extraction, variant: Variant) -> list[Row]:
    """Overlap of subspaces at the matched layers, carried or as they stand; of one model with itself, within it."""
    held = [pairs_of(scope.partition(job.store, "activations"))[variant.pooling] for scope in (a, b)]
    depths = depth(job.store, a), depth(job.store, b)
    alone = a.extraction_id == b.extraction_id
    if depths[0] is None or depths[1] is None:
        return []
    pairs = [(layer, layer) for layer in held[0]] if alone else matched(depths[0], depths[1], *held)
    shared = shared_prompts(job, (a,) if alone else (a, b), variant.pooling)
    design = design_of(shared.labels, shared.topics)
    subject = a.subject if alone else f"{a.dataset}, {a.model} and {b.model}"
    if not pairs or not _enough(job, subject, design):
        return []
    layers = Layers(job, a, variant, shared), Layers(job, b, variant, shared)
    emotions = emotions_and_reference(shared.labels, job.settings, variant, subject)
    options: dict[str, Any] = {
        "emotions": emotions,
        "dataset": a.dataset,
        "seed": job.settings.seed,
        "draws": job.settings.draws,
        "each": in_threads(job, f"{subject}: subspaces"),
    }
    if alone:
        width = layers[0].rows(held[0][0]).shape[1]
        spaces = [layers[0].space(layer) for layer, _ in pairs]
        found = subspaces_of_model(spaces, design, reference=variant.reference, width=width, **options)
    else:
        found = subspaces_of_pair(
            [(layers[0].space(i), layers[1].space(j)) for i, j in pairs],
            design,
            lambda pair: (layers[0].rows(pairs[pair][0]), layers[1].rows(pairs[pair][1])),
            **options,
        )
    rows = []
    for pair, one in found:
        value = defined(one.value)
        null = null_above(value, one.draws)
        if not is_upper(one.measure):
            lower = null_above(-one.value, -one.draws)
            null = null._replace(p_value=lower.p_value)
        rows.append(
            Row(
                one.measure,
                *pairs[pair],
                value,
                null,
                n=design.n_topics,
                emotion=one.emotion,
                direction=one.direction,
                fit="ridge" if one.direction else None,
                k=one.k,
            )
        )
    return rows


FAMILIES |= {"subspaces": _subspaces, "layers": _all_layers, "ceilings": _ceilings}


def _enough(job: Job, subject: str, design: Design) -> bool:
    if design.n_topics < MIN_TOPICS:
        job.listener.note(
            f"{subject}: {counted(design.n_topics, 'topic')} with a prompt of every label, and aligned "
            f"measures need {MIN_TOPICS}, so there are none"
        )
    return design.n_topics >= MIN_TOPICS


def _averaged(job: Job, scopes: tuple[Extraction, Extraction], pairs: Sequence[tuple[int, int]]) -> list[bool]:
    """Which pairs of layers the means over layers cover: those of two layers that are both averaged."""
    a, b = (averaged_layers(job.store, job.settings, scope, [pair[i] for pair in pairs]) for i, scope in enumerate(scopes))
    return [i in a and j in b for i, j in pairs]


def _similarities(
    job: Job,
    dataset: str,
    layers: tuple[Layers, Layers],
    pairs: Sequence[tuple[int, int]],
    shared: Shared,
    averaged: Sequence[bool],
    subject: str,
) -> list[Row]:
    if not pairs:
        return []
    numbers, seed = shared.numbers, job.settings.seed
    groups = kept_without_groups(numbers, dataset=dataset, seed=seed)
    rows = []
    for measure in ("cka_debiased", "rsa"):
        tables = []
        for i, side in enumerate(layers):
            used = sorted({pair[i] for pair in pairs})
            make = side.correlations if measure == "rsa" else (lambda layer, side=side: side.space(layer).gram)
            tables.append({layer: make(layer) for layer in used})
        found = similarities(
            measure,
            tables[0],
            tables[1],
            pairs,
            groups,
            dataset=dataset,
            seed=seed,
            draws=_fewer(job),
            each=in_threads(job, f"{subject}: {measure}", 2),
        )
        rows += [_row(one.measure, (one.a, one.b), one.value, one.draws, one.groups, len(set(numbers.tolist()))) for one in found]
        covered = [one for one, counts in zip(found, averaged, strict=False) if counts]
        rows += _mean_row(covered, len(set(numbers.tolist())))
    return rows


def _mean_row(found: Sequence[Similarity | Curve], n: int) -> list[Row]:
    """The mean over layers where defined, with its own null and interval from the same draws; no row without layers."""
    found = [one for one in found if np.isfinite(one.value)]
    if not found:
        return []
    value = float(np.mean([one.value for one in found]))
    draws, groups = (np.mean([getattr(one, name) for one in found], axis=0) for name in ("draws", "groups"))
    return [_row(found[0].measure, (None, None), value, draws, groups, n)]


def _curve_rows(curves: Iterable[Curve], pairs: Sequence[tuple[int, int]], averaged: Sequence[bool], n: int) -> list[Row]:
    rows = []
    for key, members in groupby(sorted(curves, key=_key), _key):
        found = list(members)
        emotion, _, direction, fit, _ = (name or None for name in key)
        made = [_row(one.measure, pairs[one.pair], one.value, one.draws, one.groups, n) for one in found]
        made += _mean_row([one for one in found if averaged[one.pair]], n)
        k = next((one.k for one in found), None)
        ks = [one.k for one in found] + [None]
        rows += [
            row._replace(emotion=emotion, direction=direction, fit=fit, k=own if row.layer_a is not None else k)
            for row, own in zip(made, ks, strict=False)
        ]
    return rows


def _key(curve: Curve) -> tuple[str, str, str, str, str]:
    return curve.emotion, curve.measure, curve.direction or "", curve.fit or "", ""


def _row(measure: str, layers: tuple[int | None, int | None], value: float, draws: np.ndarray, groups: np.ndarray, n: int) -> Row:
    known = defined(value)
    return Row(measure, *layers, known, null_above(known, draws), jackknife_interval(known, groups), n)


def _fewer(job: Job) -> int:
    return max(1, job.settings.draws // FEWER)


def _raw_cosines(job: Job, a: Extraction, b: Extraction, variant: Variant) -> list[Row]:
    refuse_other_vectors(job.store, a, b)
    directions_a, directions_b = (_directions(scope.partition(job.store, "vectors"), variant) for scope in (a, b))
    shared = sorted(set(directions_a) & set(directions_b), key=lambda key: (key[1], key[0]))
    widths = {len(direction) for directions in (directions_a, directions_b) for direction in directions.values()}
    if len(widths) > 1:
        job.listener.note(
            f"{a.dataset}, {a.model} and {b.model}: widths {' and '.join(map(str, sorted(widths)))} differ, "
            "so their raw cosine is not defined"
        )
        return []
    (width,) = widths
    found = [(key, raw_cosine(directions_a[key], directions_b[key])) for key in shared]
    return [Row("cosine", layer, layer, one.value, one.null, n=width, emotion=emotion) for (emotion, layer), one in found]


def _directions(vectors: Partition, variant: Variant) -> dict[tuple[str, int], np.ndarray]:
    rows = vectors.read(["emotion", "layer", "relative_norm", "vector"], **variant._asdict())
    stacked = matrix(rows["vector"].combine_chunks())
    zero = rows["relative_norm"].to_numpy() < ZERO_RELATIVE_NORM
    stacked = np.where(zero[:, None], 0, stacked)
    return dict(zip(zip(rows["emotion"].to_pylist(), rows["layer"].to_pylist(), strict=True), stacked, strict=True))
