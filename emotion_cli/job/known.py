"""Which values of -d, -m, -e, --layer and the settings of directions can be meant: a wrong one is refused, with the nearest one.

A name that is neither shipped nor stored is a UsageError; one that is known, but of which nothing was made yet, a MissingError.
"""

import shlex
from collections.abc import Callable, Iterable, Sequence

from emotion_cli.errors import MissingError, UsageError
from emotion_cli.job.extractions import Extraction, asked_model, depth, pairs_of
from emotion_cli.measures.directions import METHODS
from emotion_cli.measures.labels import OTHERS, emotions_of
from emotion_cli.models.sources.embedded import EMBEDDED
from emotion_cli.prompts.shipped import shipped_prompt_set, shipped_sets
from emotion_cli.settings import Settings, as_options, layer_numbers
from emotion_cli.suggestions import unknown
from warehouse.errors import StoreError
from warehouse.schema import TABLES
from warehouse.store import Partition, Store

POOLINGS = ("last", "mean", "word", "content")
"""As in `emotion_cli.models.pooling`, which needs torch; a test holds them equal."""


def stored_names(store: Store, key: str) -> list[str]:
    """The values of a partition key (`dataset` or `model`) over all folders of all tables, sorted."""
    names = {
        partition.keys[key] for name, table in TABLES.items() if key in table.partition_by for partition in store.folders(name)
    }
    return sorted(names)


def names_of(store: Store, settings: Settings) -> list[str]:
    """The names in the store of the models that were asked for; a folder or file stands for its weights."""
    return [name for given in settings.model for name in asked_model(store, settings.cache, given).names]


def refuse_unknown_names(store: Store, settings: Settings) -> None:
    """UsageError when a dataset or model was asked for that neither ships nor is in the store."""
    datasets = list(dict.fromkeys([*shipped_sets(), *stored_names(store, "dataset")]))
    for name in settings.dataset:
        if name not in datasets:
            raise unknown(
                _source(settings, "dataset"), name, datasets, hint=f"emo datasets import FILE.jsonl --dataset {shlex.quote(name)}"
            )
    models = list(dict.fromkeys([*EMBEDDED, *stored_names(store, "model")]))
    for given in settings.model:
        asked = asked_model(store, settings.cache, given)
        if asked.hashes is None and given not in models:
            raise unknown(_source(settings, "model"), given, models, hint=f"emo extract{_sets_and_models(settings)}")


def refuse_not_made(store: Store, settings: Settings) -> None:
    """MissingError when a known dataset or model was asked for of which the store holds nothing."""
    datasets, models = (stored_names(store, key) for key in ("dataset", "model"))
    for name in settings.dataset:
        if name not in datasets:
            raise MissingError(
                f"{_source(settings, 'dataset')}: {name} has no data in this store", hint=f"emo run{_sets_and_models(settings)}"
            )
    for given in settings.model:
        if not set(asked_model(store, settings.cache, given).names) & set(models):
            raise MissingError(
                f"{_source(settings, 'model')}: {given} has no data in this store", hint=f"emo run{_sets_and_models(settings)}"
            )


def refuse_unknown_filters(store: Store, settings: Settings) -> None:
    """The errors of this module for the filters of a bundled query: datasets, models, emotions and layers."""
    refuse_unknown_names(store, settings)
    refuse_not_made(store, settings)
    if settings.emotion:
        stored = sorted(
            {label for partition in store.partitions("prompts") for label in _column(partition, "emotion")}
            | {label for partition in store.partitions("vectors") for label in _column(partition, "emotion")}
        )
        shipped = sorted({label for name in shipped_sets() for label in shipped_prompt_set(name).emotions} - set(stored))
        for label in settings.emotion:
            if label in shipped:
                raise MissingError(
                    f"{_source(settings, 'emotion')}: no prompt labelled {label!r} is in this store",
                    hint=f"emo run{_sets_and_models(settings)}",
                )
            if label not in stored:
                raise unknown(_source(settings, "emotion"), label, stored or shipped, hint="emo datasets list")
    if settings.layer:
        _refuse_layers_of_none(store, settings)


def refuse_unknown_settings(store: Store, settings: Settings, extractions: Sequence[Extraction]) -> None:
    """UsageError for a method, pooling, reference, neutral label or emotion that no extraction has."""
    if settings.method not in METHODS:
        raise unknown(_source(settings, "method"), settings.method, METHODS, hint="--method mean_difference")
    for pooling in settings.pooling:
        if pooling not in POOLINGS:
            raise unknown(_source(settings, "pooling"), pooling, POOLINGS, hint="--pooling last")
    # imported vectors do not say what the reference was called
    made_elsewhere = any(not extraction.has_activations for extraction in extractions)
    labels = {extraction: labels_of(store, extraction) for extraction in extractions}
    every = sorted(set().union(*labels.values()))
    if "neutral" in settings.sources and extractions and not made_elsewhere and settings.neutral not in every:
        raise unknown(_source(settings, "neutral"), settings.neutral, every, hint="emo datasets list")
    if "reference" in settings.sources and settings.reference != OTHERS:
        for extraction, known in labels.items():
            if extraction.has_activations and settings.reference not in known:
                raise no_reference(settings, extraction.dataset, known)
    shown = sorted(set().union(*(emotions_in(settings, known) for known in labels.values())))
    for label in settings.emotion:
        if extractions and label not in shown:
            option = _source(settings, "emotion")
            if label in every:
                raise UsageError(
                    f"{option}: {label!r} is the reference, so it has no direction",
                    hint=f"{option} {shown[0]}" if shown else None,
                )
            raise unknown(option, label, shown, hint="emo datasets list")


def refuse_layers_beyond(store: Store, settings: Settings, extractions: Iterable[Extraction]) -> None:
    """UsageError for a layer beyond the last one of a model whose depth the store knows."""
    option = _source(settings, "layer")
    for extraction in extractions:
        n_layers = depth(store, extraction)
        if n_layers is None:
            continue
        for layer in layer_numbers(settings.layer, n_layers):
            if layer > n_layers:
                raise UsageError(
                    f"{option}: {layer} is not a layer of {extraction.model}, 0 to {n_layers}",
                    hint=f"--layer 0-{n_layers}",
                    instead=(str(layer), f"0-{n_layers}"),
                )


def refuse_unknown_layers(store: Store, settings: Settings, extractions: Sequence[Extraction]) -> None:
    """UsageError for a layer beyond a model's last one; MissingError for one of which no activations were kept."""
    refuse_layers_beyond(store, settings, extractions)
    option = _source(settings, "layer")
    for extraction in extractions:
        stored = layers_of(store, extraction)
        for layer in layer_numbers(settings.layer, depth(store, extraction)):
            if stored and layer not in stored and extraction.has_activations:
                raise MissingError(
                    f"{option}: layer {layer} of {extraction.subject} is not in the store",
                    hint=f"emo extract -d {shlex.quote(extraction.dataset)} -m {shlex.quote(extraction.model)} --layer {layer}",
                )
            if stored and layer not in stored:
                raise unknown(option, layer, sorted(stored), hint=f"--layer {min(stored)}")


def no_reference(settings: Settings, subject: str, labels: Iterable[str]) -> UsageError:
    """The error for a reference that is not a label of a dataset; `subject` names the dataset."""
    known = [*sorted(set(labels)), OTHERS]
    error = unknown(_source(settings, "reference"), settings.reference, known, hint=f"--reference {OTHERS}")
    return UsageError(f"{subject}: no prompt is labelled {settings.reference!r}: {error}", hint=error.hint)


def with_emotions(
    store: Store, settings: Settings, extractions: Sequence[Extraction], note: Callable[[str], None]
) -> list[Extraction]:
    """The extractions that have an emotion that was asked for, with a note of the others; all where none was."""
    if not settings.emotion:
        return list(extractions)
    asked = set(settings.emotion)
    matching = [extraction for extraction in extractions if asked & emotions_in(settings, labels_of(store, extraction))]
    for extraction in extractions:
        if extraction not in matching:
            note(f"{extraction.subject}: left out, it has none of the requested emotions")
    return matching


def leaves_out(settings: Settings) -> bool:
    """Whether sets without the reference are left out: nobody named a set or a reference."""
    return not settings.dataset and "reference" not in settings.sources


def with_reference(
    store: Store, settings: Settings, extractions: Sequence[Extraction], note: Callable[[str], None]
) -> list[Extraction]:
    """The extractions whose prompts have the reference, where no dataset and no reference was named, with a note of the others.

    A set with a neutral label of another name must not stop a run over everything. Where none has the reference, all stay.
    """
    if not leaves_out(settings):
        return list(extractions)
    # imported vectors do not say what the reference was called
    labels = {extraction.dataset: labels_of(store, extraction) for extraction in extractions if extraction.has_activations}
    without = [dataset for dataset, known in labels.items() if settings.reference not in known]
    if settings.reference == OTHERS or len(without) == len(labels):
        return list(extractions)
    for dataset in without:
        hint = f"emo run -d {shlex.quote(dataset)} --reference LABEL"
        note(f"{dataset}: left out, none of its prompts is labelled {settings.reference!r}; {hint}")
    return [extraction for extraction in extractions if extraction.dataset not in without]


def labels_of(store: Store, extraction: Extraction) -> set[str]:
    """The labels of an extraction's prompts, of a shipped set before it is stored, or of imported vectors."""
    if not extraction.has_activations:
        return set(_column(extraction.partition(store, "vectors"), "emotion"))
    partition = extraction.prompts(store)
    return set(
        _column(partition, "emotion") if partition.manifest() else shipped_prompt_set(extraction.dataset).columns()["emotion"]
    )


def stored_labels(store: Store, dataset: str) -> set[str]:
    """The labels of a dataset's prompts, of all its stored versions."""
    return {label for partition in store.partitions("prompts", dataset=dataset) for label in _column(partition, "emotion")}


def emotions_in(settings: Settings, labels: Iterable[str]) -> set[str]:
    """The labels among these that get a direction."""
    return set(emotions_of(list(labels), settings.neutral)) - {settings.reference}


def layers_of(store: Store, extraction: Extraction) -> set[int]:
    """The layers of which activations (or, where there are none, vectors) are stored; empty before anything is."""
    if extraction.has_activations:
        return {layer for layers in pairs_of(extraction.partition(store, "activations")).values() for layer in layers}
    return set(_column(extraction.partition(store, "vectors"), "layer"))


def _refuse_layers_of_none(store: Store, settings: Settings) -> None:
    models = names_of(store, settings)
    stored: set[int] = set()
    depths: set[int] = set()
    for partition in store.partitions("extractions"):
        keys = partition.keys
        if (settings.dataset and keys["dataset"] not in settings.dataset) or (models and keys["model"] not in models):
            continue
        try:
            (row,) = partition.read(["n_layers", "layers"]).to_pylist()
        except StoreError:
            continue  # the query says so, if it reads it
        stored.update(row["layers"])
        depths.update(row["layers"] if row["n_layers"] is None else [row["n_layers"]])
    option, deepest = _source(settings, "layer"), max(depths, default=None)
    for layer in layer_numbers(settings.layer, deepest):
        if deepest is not None and layer > deepest:
            raise UsageError(
                f"{option}: {layer} is not a layer of {', '.join(models) or 'these models'}, 0 to {deepest}",
                hint=f"--layer 0-{deepest}",
                instead=(str(layer), f"0-{deepest}"),
            )
        if layer not in stored:
            raise MissingError(
                f"{option}: layer {layer} is not in the store", hint=f"emo extract{_sets_and_models(settings)} --layer {layer}"
            )


def _sets_and_models(settings: Settings) -> str:
    return as_options(settings, ("dataset", "model"))


def _source(settings: Settings, name: str) -> str:
    return settings.sources.get(name, f"--{name}")


def _column(partition: Partition, name: str) -> list:
    return partition.read([name])[name].unique().to_pylist() if partition.manifest() else []
