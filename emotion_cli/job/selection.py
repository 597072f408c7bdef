"""What of a store a figure or a page shows, and the readable name under which that is kept: less never replaces more."""

import urllib.parse
from collections.abc import Collection, Iterable, Mapping, Sequence

from emotion_cli.errors import MissingError
from emotion_cli.job.extractions import DEFAULT_POOLINGS, VECTORS_ONLY, Extraction, depth
from emotion_cli.job.job import Job
from emotion_cli.job.known import emotions_in, labels_of, layers_of
from emotion_cli.job.variants import Variant, variants_of
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


def of_figures(job: Job, scopes: Sequence[Extraction], *, across: bool = False) -> dict[str, list[str]]:
    """What figures of these scopes leave out: emotions, layers, a newer extraction and, `across` models, other models."""
    return {
        "model": _narrower([scope.model for scope in scopes], _models_beside(job, scopes)) if across else [],
        "extraction": _older(job, scopes),
        "emotion": emotions(job, scopes),
        "layer": _layers(job, scopes),
    }


def of_report(job: Job, variant: Variant) -> dict[str, list[str]]:
    """What a report leaves out of all that could be reported, and in what its variant is not the default one."""
    scopes = job.with_activations
    every = {pair for pair in _pairs(job, "vectors") if pair in _pairs(job, "activations")}
    own = {(scope.dataset, scope.model) for scope in scopes}
    datasets, models = ([*dict.fromkeys(pair[i] for pair in sorted(own))] for i in (0, 1))
    parts = {
        "dataset": _narrower(datasets, {dataset for dataset, _ in every}),
        "model": _narrower(models, {model for dataset, model in every if dataset in datasets}),
        "extraction": _older(job, scopes),
    }
    within = {pair for pair in every if pair[0] in datasets and pair[1] in models}
    if not within <= own:
        parts["extraction"] = sorted(scope.extraction_id for scope in scopes)
    default = _default(job, scopes)
    differing = {name: [value] for name, value in variant._asdict().items() if value not in default[name]}
    return {**parts, "emotion": emotions(job, scopes), "layer": _layers(job, scopes), **differing}


def name_of_report(job: Job, variant: Variant) -> str:
    """The name of a job's report and record; empty for the default one, of everything in the store in the usual way.

    Where a label other than `neutral` is the reference, the first such report is the default one; it keeps its place.
    """
    name = named(of_report(job, variant))
    if name or variant.reference == Settings().reference:
        return name
    there = Artifacts(job.store.root, "report").committed()
    is_other = there is not None and there.inputs.get("variant") != variant.part
    return named({name: [value] for name, value in variant._asdict().items()}) if is_other else ""


def emotions(job: Job, scopes: Iterable[Extraction]) -> list[str]:
    """The emotions asked for that these scopes have, sorted; none where that is all of them, or none was asked for."""
    if not job.settings.emotion:
        return []
    held = set().union(*(emotions_in(job.settings, labels_of(job.store, scope)) for scope in scopes))
    return _narrower([emotion for emotion in job.settings.emotion if emotion in held], held)


def _default(job: Job, scopes: Sequence[Extraction]) -> dict[str, Collection[str]]:
    """The values of a variant that make a report the default one.

    A reference is the default one where it is the setting's default, and, where no prompt has that label, where it is the label
    that is no emotion.
    """
    settings, usual = job.settings, Settings()
    labels = set().union(*(labels_of(job.store, scope) for scope in scopes))
    reference = usual.reference if usual.reference in labels else settings.neutral
    poolings = {variant.pooling for scope in scopes for variant in variants_of(job, scope)}
    return {
        "method": [usual.method],
        "reference": [reference],
        "pooling": [pooling for pooling in DEFAULT_POOLINGS if pooling in poolings or settings.pooling] or sorted(poolings),
    }


def _narrower(own: Sequence[str], every: Collection[str]) -> list[str]:
    """`own`, sorted, where it leaves out some of `every`."""
    return sorted(set(own)) if not set(every) <= set(own) else []


def _pairs(job: Job, table: str) -> set[tuple[str, str]]:
    return {(one.keys["dataset"], one.keys["model"]) for one in job.store.partitions(table)}


def _models_beside(job: Job, scopes: Sequence[Extraction]) -> set[str]:
    datasets = {scope.dataset for scope in scopes}
    return {model for dataset, model in _pairs(job, "vectors") if dataset in datasets}


def _older(job: Job, scopes: Iterable[Extraction]) -> list[str]:
    """The extractions among these that are not the newest of their dataset and model."""
    return sorted(scope.extraction_id for scope in scopes if not _is_newest(job.store, scope))


def _is_newest(store: Store, scope: Extraction) -> bool:
    others = store.partitions("extractions", dataset=scope.dataset, model=scope.model)
    own = [one for one in others if one.keys["extraction_id"] == scope.extraction_id]
    if not own or len(others) == 1:
        return True
    return _age(own[0]) >= max(map(_age, others))


def _age(partition: Partition) -> tuple:
    """As in `extractions_in_store`: activations before vectors alone, then the newest."""
    try:
        (row,) = partition.read(["status", "created_at"]).to_pylist()
    except StoreError:
        return (False,)  # damaged: it is in nobody's way
    return True, row["status"] != VECTORS_ONLY, row["created_at"], partition.keys["extraction_id"]


def _layers(job: Job, scopes: Sequence[Extraction]) -> list[str]:
    """The layers asked for, as they are named; none where they leave out no stored layer, or none was asked for."""
    asked, narrower = job.settings.layer, False
    for scope in scopes if asked else ():
        held = layers_of(job.store, scope)
        wanted = set(layer_numbers(asked, depth(job.store, scope)))
        if held and not held & wanted:
            raise MissingError(
                f"{scope.subject}: none of the layers asked for is in the store",
                hint=f"emo extract -d {scope.dataset} -m {scope.model}",
            )
        narrower = narrower or not held <= wanted
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
