"""The part of a store that a figure or page shows, and its readable name: a smaller selection never replaces a larger one."""

import urllib.parse
from collections.abc import Collection, Iterable, Mapping, Sequence
from shlex import quote

from emotion_cli.errors import MissingError
from emotion_cli.job.extractions import DEFAULT_POOLINGS, VECTORS_ONLY, Extraction, depth
from emotion_cli.job.job import Job
from emotion_cli.job.known import emotions_in, labels_of, layers_of, leaves_out, stored_labels
from emotion_cli.job.variants import Variant, variants_of
from emotion_cli.measures.labels import OTHERS
from emotion_cli.models.sources.controls import kind_of
from emotion_cli.settings import Settings, layer_numbers
from warehouse.artifacts import Artifacts
from warehouse.errors import StoreError
from warehouse.store import Partition, Store, content_hash

LONGEST = 120
"""Characters of a name; of a longer one the end is a hash of the whole."""


Parts = Mapping[str, Sequence[str]]


def named(parts: Parts) -> str:
    """`emotion=anger+joy,layer=0-5`: what was selected, as a name of a folder or file; nothing for nothing.

    Values are URL-encoded, so two selections never share a name.
    """
    return _short(",".join(f"{name}={'+'.join(map(_quoted, values))}" for name, values in parts.items() if values))


def variant_name(variant: Variant) -> str:
    """`mean_difference,neutral,last`: a way of making directions as a name of a folder."""
    return _short(",".join(map(_quoted, variant)))


def of_figures(job: Job, extractions: Sequence[Extraction], *, across: bool = False) -> dict[str, list[str]]:
    """The filters of figures of these extractions: emotions, layers, a newer extraction and, `across` models, other models."""
    return {
        "model": _narrower([extraction.model for extraction in extractions], _models_beside(job, extractions)) if across else [],
        "extraction": _older(job, extractions),
        "emotion": emotions(job, extractions),
        "layer": _layers(job, extractions),
    }


def of_report(job: Job, variant: Variant) -> dict[str, list[str]]:
    """The filters of a report, and the settings in which its variant is not the default one."""
    extractions = job.with_activations
    every = {pair for pair in _pairs(job, "vectors") if pair in _pairs(job, "activations")}
    if leaves_out(job.settings):
        every = {pair for pair in every if variant.reference in (OTHERS, *stored_labels(job.store, pair[0]))}
    covered = {(extraction.dataset, extraction.model) for extraction in extractions}
    datasets, models = ([*dict.fromkeys(pair[i] for pair in sorted(covered))] for i in (0, 1))
    parts = {
        "dataset": _narrower(datasets, {dataset for dataset, _ in every}),
        "model": _narrower(models, {model for dataset, model in every if dataset in datasets}),
        "extraction": _older(job, extractions),
    }
    within = {pair for pair in every if pair[0] in datasets and pair[1] in models}
    if not within <= covered:
        parts["extraction"] = sorted(extraction.extraction_id for extraction in extractions)
    default = _default(job, extractions)
    differing = {name: [value] for name, value in variant._asdict().items() if value not in default[name]}
    return {**parts, "emotion": emotions(job, extractions), "layer": _layers(job, extractions), **differing}


def name_of_report(job: Job, variant: Variant) -> str:
    """The name of a job's report and record; empty for the default one, of everything in the store in the usual way.

    Where sets have neutral labels of several names, the first such report is the default one; it keeps its place.
    """
    name = named(of_report(job, variant))
    if name:
        return name
    committed = Artifacts(job.store.root, "report").committed()
    is_other = committed is not None and committed.inputs.get("variant") != variant.part
    return named({name: [value] for name, value in variant._asdict().items()}) if is_other else ""


def emotions(job: Job, extractions: Iterable[Extraction]) -> list[str]:
    """The emotions asked for that these extractions have, sorted; none where that is all of them, or none was asked for."""
    if not job.settings.emotion:
        return []
    known = set().union(*(emotions_in(job.settings, labels_of(job.store, extraction)) for extraction in extractions))
    return _narrower([emotion for emotion in job.settings.emotion if emotion in known], known)


def _default(job: Job, extractions: Sequence[Extraction]) -> dict[str, Collection[str]]:
    """The values of a variant that make a report the default one.

    A reference is the default one where it is the setting's default, and, where no prompt has that label, where it is the
    neutral label.
    """
    settings, usual = job.settings, Settings()
    labels = set().union(*(labels_of(job.store, extraction) for extraction in extractions))
    reference = usual.reference if usual.reference in labels else settings.neutral
    poolings = {variant.pooling for extraction in extractions for variant in variants_of(job, extraction)}
    return {
        "method": [usual.method],
        "reference": [reference],
        "pooling": [pooling for pooling in DEFAULT_POOLINGS if pooling in poolings or settings.pooling] or sorted(poolings),
    }


def _narrower(selected: Sequence[str], every: Collection[str]) -> list[str]:
    """`selected`, sorted, where it leaves out some of `every`."""
    return sorted(set(selected)) if not set(every) <= set(selected) else []


def _pairs(job: Job, table: str) -> set[tuple[str, str]]:
    """Dataset and model of each partition of a table that is of a model."""
    keys = [partition.keys for partition in job.store.partitions(table)]
    return {(key["dataset"], key["model"]) for key in keys if kind_of(key["model"]) is None}


def _models_beside(job: Job, extractions: Sequence[Extraction]) -> set[str]:
    datasets = {extraction.dataset for extraction in extractions}
    return {model for dataset, model in _pairs(job, "vectors") if dataset in datasets}


def _older(job: Job, extractions: Iterable[Extraction]) -> list[str]:
    """The extractions among these that are not the newest of their dataset and model."""
    return sorted(extraction.extraction_id for extraction in extractions if not _is_newest(job.store, extraction))


def _is_newest(store: Store, extraction: Extraction) -> bool:
    candidates = store.partitions("extractions", dataset=extraction.dataset, model=extraction.model)
    matching = [candidate for candidate in candidates if candidate.keys["extraction_id"] == extraction.extraction_id]
    if not matching or len(candidates) == 1:
        return True
    return _age(matching[0]) >= max(map(_age, candidates))


def _age(partition: Partition) -> tuple:
    """As in `extractions_in_store`: activations before vectors alone, then the newest."""
    try:
        (row,) = partition.read(["status", "created_at"]).to_pylist()
    except StoreError:
        return (False,)  # damaged: it is in nobody's way
    return True, row["status"] != VECTORS_ONLY, row["created_at"], partition.keys["extraction_id"]


def _layers(job: Job, extractions: Sequence[Extraction]) -> list[str]:
    """The layers asked for, as they are named; none where they leave out no stored layer, or none was asked for."""
    asked, narrower = job.settings.layer, False
    for extraction in extractions if asked else ():
        stored = layers_of(job.store, extraction)
        requested = set(layer_numbers(asked, depth(job.store, extraction)))
        if stored and not stored & requested:
            raise MissingError(
                f"{extraction.subject}: no requested layer is in the store",
                hint=f"emo extract -d {quote(extraction.dataset)} -m {quote(extraction.model)}",
            )
        narrower = narrower or not stored <= requested
    numbers = sorted(layer for layer in asked if isinstance(layer, int))
    return [*_ranges(numbers), *(layer for layer in asked if isinstance(layer, str))] if narrower else []


def _ranges(numbers: Sequence[int]) -> list[str]:
    """Sorted numbers as ranges: 0, 1, 2, 5 are `0-2` and `5`."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][-1] == number - 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return [f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs]


def _quoted(value: str) -> str:
    return urllib.parse.quote(value, safe="")


def _short(name: str) -> str:
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 17]}~{content_hash(name)[:16]}"
