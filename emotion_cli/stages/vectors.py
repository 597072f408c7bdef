"""Activations to directions: one part for each method, reference and pooling."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from emotion_cli.errors import MissingError, UsageError
from emotion_cli.measures.directions import CENTRED, METHODS, OTHERS, Direction, directions, emotions_of
from emotion_cli.settings import LAYER_RANGES, Settings
from emotion_cli.stages.extract import DEFAULT_POOLINGS, WORD, depth, pairs_of
from emotion_cli.stages.job import Job, Task, parts_task
from emotion_cli.stages.known import no_reference
from emotion_cli.stages.scope import Scope
from emotion_cli.suggestions import unknown
from warehouse.store import Partition, Store, table_of


class Variant(NamedTuple):
    """How directions are made: method, reference and pooling; written as one part of a partition."""

    method: str
    reference: str
    pooling: str

    @property
    def part(self) -> str:
        """The variant as the name of a part."""
        return "/".join(self)


def part_shown(partition: Partition, variant: Variant) -> str:
    """The part of a partition that is about a variant; empty for the whole where a table knows no variants."""
    return variant.part if {*Variant._fields} <= {*partition.table.column_names} else ""


def variant_of(part: str) -> Variant:
    """The variant that a part's name stands for (a reference may hold a slash, the others may not)."""
    method, rest = part.split("/", 1)
    return Variant(method, *rest.rsplit("/", 1))


class LayerRows(NamedTuple):
    """One layer of one pooling: prompt ids, labels, and activations [prompt, d_model]."""

    prompt_ids: list[str]
    labels: list[str]
    activations: np.ndarray


def tasks(job: Job) -> list[Task]:
    """One task a train scope."""
    return [_task(job, scope) for scope in job.train_scopes]


def variants(settings: Settings, activations: Partition) -> list[Variant]:
    """The variants asked for; every pooling that is there where none was named. UsageError for an unknown one."""
    if settings.method not in METHODS:
        raise unknown("--method", settings.method, METHODS)
    held = pairs_of(activations)
    refuse_words_against_a_label(settings)
    poolings = settings.pooling or sorted(held) or DEFAULT_POOLINGS
    if settings.reference != OTHERS:
        # a store may hold what this reference cannot use
        poolings = [pooling for pooling in poolings if pooling != WORD]
    absent = [pooling for pooling in poolings if held and pooling not in held]
    if absent:
        keys = activations.keys
        hint = f"emo extract -d {keys['dataset']} -m {keys['model']} --pooling {absent[0]}"
        raise MissingError(f"{keys['dataset']}, {keys['model']}: no activations with pooling {absent[0]}", hint=hint)
    return [Variant(settings.method, settings.reference, pooling) for pooling in poolings]


def refuse_words_against_a_label(settings: Settings) -> None:
    """UsageError when pooling word is to be measured against a label: its prompts have none of an emotion's words."""
    if WORD in settings.pooling and settings.reference != OTHERS:
        raise UsageError(f"--pooling word: prompts labelled {settings.reference!r} have no emotion word to read",
                         hint=f"--reference {OTHERS}")  # fmt: skip


def variants_of(job: Job, scope: Scope) -> list[Variant]:
    """`variants` of a scope; of one that has vectors only, those that are there. MissingError when what was asked for is not."""
    if scope.has_activations:
        return variants(job.settings, scope.partition(job.store, "activations"))
    settings, manifest = job.settings, scope.partition(job.store, "vectors").manifest()
    held = [variant_of(entry.part) for entry in manifest.files] if manifest else []
    found = [
        variant for variant in held
        if (variant.method, variant.reference) == (settings.method, settings.reference)
        and variant.pooling in (settings.pooling or [variant.pooling])
    ]  # fmt: skip
    if not found:
        raise MissingError(
            f"{scope.subject}: there are no vectors with method {settings.method}, reference {settings.reference}; "
            f"imported are {', '.join(variant.part for variant in held) or 'none'}",
            hint="choose with --method, --reference and --pooling",
        )
    return found


def read_layer(activations: Partition, pooling: str, layer: int) -> LayerRows:
    """The stored activations of one layer, in the order in which prompts were stored."""
    rows = activations.read(["prompt_id", "emotion", "activation"], pooling=pooling, layer=layer)
    vectors = rows["activation"].combine_chunks()
    return LayerRows(rows["prompt_id"].to_pylist(), rows["emotion"].to_pylist(), matrix(vectors))


def prepare(rows: LayerRows, settings: Settings, variant: Variant) -> np.ndarray:
    """The activations of a layer as the variant's method wants them [prompt, d_model], float64."""
    return METHODS[variant.method](rows.activations, np.asarray(rows.labels) == settings.neutral)


def averaged_layers(store: Store, settings: Settings, scope: Scope, layers: Iterable[int]) -> set[int]:
    """Those of `layers` that means over layers cover."""
    n_layers = depth(store, scope)
    if n_layers is not None:
        return set(layers) & set(LAYER_RANGES[settings.over_layers](n_layers))
    if settings.over_layers != "resid_post":
        message = f"{scope.subject}: its depth is not known, so {settings.over_layers} does not say which layer is the last"
        raise UsageError(message, hint="--over-layers resid_post")
    return {layer for layer in layers if layer > 0}


def caveat(store: Store, scope: Scope, method: str) -> str | None:
    """What must be said of a method under a model: that centring is only without effect where the model centres, too."""
    if method not in CENTRED:
        return None
    row = scope.partition(store, "extractions").read(["architecture", "ignores_mean"]).to_pylist()[0]
    if row["ignores_mean"]:
        return None
    known = "is not known to" if row["ignores_mean"] is None else "does not"
    return (
        f"{scope.model}: centred activations are all that a model reads which subtracts the mean first, as LayerNorm does; "
        f"{row['architecture'] or 'its architecture'} {known}, so {method} takes away something that the model does read"
    )


def matrix(vectors: pa.FixedSizeListArray) -> np.ndarray:
    """A column of vectors as [row, d_model]."""
    return vectors.flatten().to_numpy().reshape(len(vectors), vectors.type.list_size)


def emotions_and_reference(labels: Sequence[str], settings: Settings, variant: Variant, subject: str) -> list[str]:
    """The labels that get a direction; UsageError when the reference is not a label, or too few labels are left."""
    emotions = emotions_of(labels, settings.neutral)
    emotions = [emotion for emotion in emotions if emotion != variant.reference]
    known = ", ".join(sorted(set(labels)))
    if variant.reference != OTHERS and variant.reference not in labels:
        raise no_reference(settings, subject, labels)
    if len(emotions) < (2 if variant.reference == OTHERS else 1):
        raise UsageError(f"{subject}: too few labels for reference {variant.reference!r}; labels are {known}")
    return emotions


def _task(job: Job, scope: Scope) -> Task:
    activations = scope.partition(job.store, "activations")
    return parts_task(
        "vectors", scope.subject, scope.partition(job.store, "vectors"),
        reads={"activations": activations},
        inputs={"neutral": job.settings.neutral, "over_layers": job.settings.over_layers},
        wanted=[variant.part for variant in variants(job.settings, activations)],
        make=lambda job, part: _part(job, scope, variant_of(part)),
    )  # fmt: skip


def _directions(activations: Partition, layer: int, settings: Settings, variant: Variant, subject: str) -> list[Direction]:
    rows = read_layer(activations, variant.pooling, layer)
    emotions = emotions_and_reference(rows.labels, settings, variant, subject)
    return directions(prepare(rows, settings, variant), rows.labels, emotions=emotions, reference=variant.reference)


def _part(job: Job, scope: Scope, variant: Variant) -> pa.Table:
    store, settings = job.store, job.settings
    said = caveat(store, scope, variant.method)
    if said:
        job.listener.note(said)
    activations = scope.partition(store, "activations")
    found: list[tuple[int, Direction]] = []
    for layer in pairs_of(activations)[variant.pooling]:
        # in a function, so that a layer's rows are gone when the next ones are read
        found += [(layer, one) for one in _directions(activations, layer, settings, variant, scope.subject)]
    averaged = averaged_layers(store, settings, scope, [layer for layer, _ in found])
    d_model = len(found[0][1].vector)
    flat = np.concatenate([direction.vector for _, direction in found]).astype(np.float32)
    return table_of("vectors", {
        "method": [variant.method] * len(found),
        "reference": [variant.reference] * len(found),
        "pooling": [variant.pooling] * len(found),
        "emotion": [direction.emotion for _, direction in found],
        "layer": [layer for layer, _ in found],
        "d_model": [d_model] * len(found),
        "n_emotion": [direction.n_emotion for _, direction in found],
        "n_reference": [direction.n_reference for _, direction in found],
        "l1_norm": [direction.l1_norm for _, direction in found],
        "l2_norm": [direction.l2_norm for _, direction in found],
        "relative_norm": [direction.relative_norm for _, direction in found],
        "averaged": [layer in averaged for layer, _ in found],
        "vector": pa.FixedSizeListArray.from_arrays(pa.array(flat), d_model),
    }, d_model=d_model)  # fmt: skip
