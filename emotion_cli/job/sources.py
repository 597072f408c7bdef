"""Requested models: found, named, and compared with those in the store."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from emotion_cli.errors import MissingError, UsageError
from emotion_cli.job.extractions import Extraction, asked_model
from emotion_cli.job.listener import Listener
from emotion_cli.models.sources.controls import DEFAULT_WORDS, WITHOUT_PASSES, WORDS, Control, control_of
from emotion_cli.models.sources.embedded import EMBEDDED
from emotion_cli.models.sources.finding import find, of_control
from emotion_cli.settings import Settings
from emotion_cli.suggestions import nearest, unknown
from warehouse.store import Store

if TYPE_CHECKING:
    from emotion_cli.models.sources.finding import ModelSource


def find_sources(store: Store, settings: Settings, models: Sequence[str], listener: Listener) -> "dict[str, ModelSource]":
    """Each model found (not loaded), by its name in the store; MissingError when one cannot be had.

    A folder or file whose weights are in the store keeps the name that it has there.
    """
    if settings.name and len(models) != 1:
        raise UsageError(f"--name: names one model, and {len(models)} are given", hint=f"-m MODEL --name {settings.name}")
    sources: dict[str, ModelSource] = {}
    for model in models:
        source = _found(store, settings, model, listener)
        former = sources.setdefault(source.name, source)
        if former.hashes != source.hashes:
            raise UsageError(
                f"two models are called {source.name}: {former.given} and {source.given}",
                hint=f"extract one by itself first: emo extract -m {quote(source.given)} --name OTHER-NAME",
            )
    return sources


def with_controls(sources: "Mapping[str, ModelSource]", kinds: Sequence[str]) -> "dict[str, ModelSource]":
    """The sources with the controls of these kinds: one for words, and those of each model behind it."""
    added: dict[str, ModelSource] = {}
    for source in sources.values():
        added[source.name] = source
        for kind in kinds:
            if kind != WORDS and source.kind is None:
                made = of_control(Control(kind, source.name), source)
                added.setdefault(made.name, made)
    if WORDS in kinds and added:
        cache = next(iter(added.values())).cache
        added.setdefault(DEFAULT_WORDS, find(DEFAULT_WORDS, cache=cache))
    return added


def _found(store: Store, settings: Settings, model: str, listener: Listener) -> "ModelSource":
    control = control_of(model)
    if control and control.kind == WORDS:
        if settings.name:
            raise UsageError(f"--name: {model} has its own name", hint=f"-m {model}")
        return find(model, cache=settings.cache)
    if control:
        # of the model as it is called in the store
        return of_control(control, _found(store, settings, control.of, listener))
    if model not in EMBEDDED and "/" not in model and not Path(model).exists() and nearest(model, EMBEDDED):
        # no Hub id of an organisation and no place on this machine: an alias was meant
        raise unknown("--model", model, EMBEDDED)
    _refuse_name_alone(store, model)
    source = find(model, name=settings.name, revision=settings.revision, cache=settings.cache, notify=listener.note)
    names = () if settings.name else asked_model(store, settings.cache, model).names
    if source.hashes and names and source.name not in names:
        listener.note(f"{source.given}: called {names[0]}, as in the store")
        source = replace(source, name=names[0])
    return source


def _refuse_name_alone(store: Store, model: str) -> None:
    """MissingError for the name of local weights in the store: the name does not say where they are."""
    if model in EMBEDDED or Path(model).exists() or "/" in model:
        return
    for partition in store.partitions("extractions", model=model):
        row = partition.read(["revision", "weights_sha256"]).to_pylist()[0]
        if row["revision"] is None and row["weights_sha256"] is not None:
            raise MissingError(
                f"{model} is a model in the store, of local weights, and its name does not say where they are",
                hint=f"give its folder (-m FOLDER); emo vectors -m {quote(model)} needs no weights",
            )


def refuse_taken_names(store: Store, sources: Iterable["ModelSource"]) -> None:
    """UsageError for a model whose name in the store belongs to other weights: no command could tell the two apart."""
    for source in sources:
        for partition in store.partitions("extractions", model=source.name):
            (weights,) = partition.read(["weights_sha256"])["weights_sha256"].to_pylist()
            if weights not in (None, source.weights_sha256):
                problem = f"{source.given}: the store holds a model called {source.name} with other weights"
                # a control has the name of its model
                other_name = "" if source.kind else f"-m {source.given} --name OTHER-NAME, or "
                raise UsageError(problem, hint=f"{other_name}first: emo rm -m {quote(source.name)}")


def refuse_other_weights(store: Store, extraction: Extraction, source: "ModelSource") -> None:
    """UsageError for a model that is not the one which made an extraction; imported activations do not say."""
    (row,) = extraction.partition(store, "extractions").read(["weights_sha256", "tokenizer_sha256"]).to_pylist()
    if any(row[name] not in (None, value) for name, value in zip(row, source.hashes, strict=True)):
        raise UsageError(
            f"{source.given}: weights or tokenizer are not those that made the directions of {extraction.subject}",
            hint=f"emo extract -d {quote(extraction.dataset)} -m {quote(source.given)}",
        )


def template_of(settings: Settings, source: "ModelSource", listener: Listener) -> str | None:
    """Hash of a text in the model's chat template now; None where the template is not used."""
    if not settings.chat_template or source.kind in WITHOUT_PASSES:
        return None
    from emotion_cli.models.loading import load_tokenizer
    from emotion_cli.models.tokens import template_sha256

    tokenizer = load_tokenizer(source, trust_remote_code=settings.trust_remote_code, notify=listener.note)
    return template_sha256(tokenizer, source.name)
