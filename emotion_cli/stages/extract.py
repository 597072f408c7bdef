"""Prompts to activations: what is missing of each dataset under each model, streamed to Parquet part by part."""

import json
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from emotion_cli.errors import UsageError
from emotion_cli.models.loading import find
from emotion_cli.settings import Settings
from emotion_cli.stages.job import NOT_THERE, Job, Listener, Task, fingerprint
from emotion_cli.stages.resume import Group, Pairs, Work, work
from emotion_cli.stages.scope import Scope, Version
from emotion_cli.stages.stopping import Stop, stop_between_parts
from warehouse.schema import SCHEMA_VERSION
from warehouse.store import FileEntry, Partition, content_hash, table_of

if TYPE_CHECKING:
    from emotion_cli.models.loading import LoadedModel, ModelSource

DEFAULT_POOLINGS = ("last",)

PART_BYTES = 64 * 2**20
"""Activations in one part: what memory holds, and what a killed run loses at most."""

TOLERANCE = {"float32": 1e-5, "float16": 1e-2, "bfloat16": 5e-2}
"""Largest error over norm that packing prompts together may cause, in each number format."""

PACKAGES = ("emo", "torch", "transformers", "tokenizers", "numpy", "pyarrow")
"""Packages whose version can change an activation."""


def find_sources(settings: Settings, models: Sequence[str], listener: Listener) -> "dict[str, ModelSource]":
    """Each model found (not loaded), by its name in the store; MissingError when one cannot be had."""
    sources: dict[str, ModelSource] = {}
    for model in models:
        source = find(model, revision=settings.revision, cache=settings.cache, notify=listener.note)
        if sources.setdefault(source.name, source) != source:
            raise UsageError(f"two models are called {source.name}: {sources[source.name].folder} and {source.folder}",
                             hint="rename one of the folders")  # fmt: skip
    return sources


def scope_of(settings: Settings, version_: Version, source: "ModelSource") -> Scope:
    """The scope of one dataset under one model; its id is a hash of all that changes the numbers."""
    identity = {
        "prompts_sha256": version_.prompts_sha256,
        "weights_sha256": source.weights_sha256,
        "tokenizer_sha256": source.tokenizer_sha256,
        "dtype": _dtype(settings),
        "bos": settings.bos,
        "chat_template": settings.chat_template,
        "max_length": settings.max_length,
        "truncate": settings.truncate,
        "schema_version": SCHEMA_VERSION,
    }
    return Scope(version_.dataset, version_.role, version_.prompts_sha256, source.name, content_hash(identity)[:16])


def tasks(job: Job) -> list[Task]:
    """One task a scope, those of one model together, so that it is loaded once."""
    return [_task(job, scope) for scope in sorted(job.scopes, key=lambda scope: list(job.sources).index(scope.model))]


def pairs_of(partition: Partition) -> Pairs:
    """The (pooling, layer) pairs that a partition of activations holds."""
    manifest = partition.manifest()
    return manifest.inputs["pairs"] if manifest else {}


def _task(job: Job, scope: Scope) -> Task:
    from emotion_cli.models.extraction import POOLINGS

    poolings = job.settings.pooling or DEFAULT_POOLINGS
    unknown = [pooling for pooling in poolings if pooling not in POOLINGS]
    if unknown:
        raise UsageError(f"--pooling: {unknown[0]!r} is none of {', '.join(POOLINGS)}")
    partition = scope.partition(job.store, "activations")
    reason = _reason(partition, scope.partition(job.store, "extractions"), poolings, job.settings.layer)
    return Task("extract", scope.subject, (scope.prompts(job.store).folder,), partition.folder, reason,
                lambda job: _run(job, scope, poolings))  # fmt: skip


def _reason(activations: Partition, extractions: Partition, poolings: Sequence[str], layers: Sequence[int]) -> str:
    held, row = pairs_of(activations), extractions.manifest()
    if not held:
        return "begun, not finished" if activations.has_progress else NOT_THERE
    if row is None:
        return NOT_THERE
    if row.inputs.get("activations") not in (None, fingerprint(activations)):
        return "its row in extractions is behind"
    n_layers = extractions.read(["n_layers"])["n_layers"][0].as_py()
    wanted = layers or (range(n_layers + 1) if n_layers is not None else ())
    lacking = [pooling for pooling in poolings if pooling not in held or not set(wanted) <= set(held[pooling])]
    return f"missing layers of {', '.join(lacking)}" if lacking else ""


def _run(job: Job, scope: Scope, poolings: Sequence[str]) -> None:
    from emotion_cli.models.extraction import deviation
    from emotion_cli.models.tokens import tokenize

    settings, listener = job.settings, job.listener
    prompts = scope.prompts(job.store).read(["prompt_id", "text", "emotion"]).to_pydict()
    loaded = job.loaded(scope.model)
    too_high = [layer for layer in settings.layer if layer > loaded.n_layers]
    if too_high:
        raise UsageError(f"--layer {too_high[0]}: {scope.model} has layers 0 to {loaded.n_layers}")
    tokens = tokenize(loaded, prompts["text"], bos=settings.bos, chat_template=settings.chat_template,
                      max_length=settings.max_length, truncate=settings.truncate)  # fmt: skip
    if tokens.truncated:
        listener.note(f"{scope.subject}: {len(tokens.truncated)} prompts were cut")
    error = deviation(loaded, tokens.ids, batch_tokens=settings.batch_tokens)
    strategy = "sorted"
    if error > TOLERANCE[loaded.dtype]:
        listener.note(f"{scope.subject}: batches differ from single prompts by {error:.1e} of a row's norm: running them singly")
        strategy = "single"
    partition, target = (scope.partition(job.store, table) for table in ("activations", "extractions"))
    with partition.hold(), target.hold():
        manifest = partition.manifest()
        held = {} if job.forces("extract") else pairs_of(partition)
        files = list(manifest.files) if manifest and held else []
        layers = list(settings.layer) or list(range(loaded.n_layers + 1))
        writer = _Writer(partition, scope, loaded, prompts, tokens.ids, strategy, settings, listener)
        noted = () if job.forces("extract") else partition.progress()
        todo = work(dict.fromkeys(poolings, layers), held, noted, writer.recipe, writer.chunks)
        with stop_between_parts(listener.note) as stop:
            files += [*todo.ready, *writer.write(todo, stop)]
            pairs = todo.pairs(held)
            made = partition.commit(files, {"pairs": pairs}, unfinished=todo.left)
            row = _extraction_row(scope, loaded, settings, pairs, files, strategy, error, tokens.ids, len(tokens.truncated))
            entry = target.write([table_of("extractions", {key: [value] for key, value in row.items()})])
            target.commit([entry], {"activations": made.fingerprint}, reads={"activations": partition.place})


class _Writer:
    """Runs one scope's prompts through the model and writes a part at a time, going on where a killed run stopped."""

    def __init__(self, partition: Partition, scope: Scope, loaded: "LoadedModel", prompts: dict[str, list],
                 ids: list[list[int]], strategy: str, settings: Settings, listener: Listener) -> None:  # fmt: skip
        self.partition, self.scope, self.loaded, self.prompts, self.ids = partition, scope, loaded, prompts, ids
        self.strategy, self.settings, self.listener = strategy, settings, listener

    @property
    def recipe(self) -> str:
        """What a part must have been made with to be used again: a change of these can change its bytes."""
        return content_hash([self.settings.batch_tokens, self.strategy, versions()])[:16]

    def write(self, todo: Work, stop: Stop) -> list[FileEntry]:
        """The parts of the groups to do, in order; those that are finished are not made again."""
        finished = todo.finished
        if finished:
            self.listener.note(f"{self.scope.subject}: going on behind {len(finished)} finished parts")
        pieces = [(group, chunk) for group in todo.groups for chunk in self.chunks(group)]
        total = sum(len(chunk) for _, chunk in pieces)
        entries: list[FileEntry] = []
        n_tokens = sum(len(self.ids[i]) for _, chunk in pieces for i in chunk)
        with self.listener.progress(self.scope.subject, total, n_tokens) as advance:
            for group, chunk in pieces:
                part = group.part(chunk)
                if part in finished:
                    advance(len(chunk), sum(len(self.ids[i]) for i in chunk))
                    entries.append(finished[part])
                    continue
                entries.append(self._piece(group, chunk, part, advance))
                later = [entry for entry in finished.values() if entry not in entries]
                self.partition.save_progress([*todo.ready, *entries, *later, *todo.left])
                if len(entries) < len(pieces):
                    stop.here()
        return entries

    def chunks(self, group: Group) -> list[range]:
        """The prompts of each part of a group."""
        bytes_a_prompt = len(group.pairs) * self.loaded.d_model * 4
        size = max(1, PART_BYTES // bytes_a_prompt)
        return [range(start, min(start + size, len(self.ids))) for start in range(0, len(self.ids), size)]

    def _piece(self, group: Group, chunk: range, part: str, advance: Any) -> FileEntry:
        from emotion_cli.models.extraction import pooled_activations

        started = time.perf_counter()
        pooled = pooled_activations(
            self.loaded, [self.ids[i] for i in chunk], poolings=group.poolings, layers=group.layers,
            batch_tokens=self.settings.batch_tokens, strategy=self.strategy, progress=advance, notify=self.listener.note,
        )  # fmt: skip
        cost = {"seconds": time.perf_counter() - started, "n_tokens_computed": pooled.n_tokens_computed}
        for pooling, present in pooled.present.items():
            if not present.all():
                self.listener.note(f"{self.scope.subject}: {int((~present).sum())} prompts are too short for {pooling}")
        return self.partition.write(self._row_groups(group, chunk, pooled), part=part, cost=cost, recipe=self.recipe)

    def _row_groups(self, group: Group, chunk: range, pooled: Any) -> Iterator[pa.Table]:
        for pooling in group.poolings:
            rows = np.flatnonzero(pooled.present[pooling])
            members = [chunk[i] for i in rows]
            for position, layer in enumerate(group.layers):
                flat = pa.array(pooled.values[pooling][position, rows].reshape(-1))
                yield table_of("activations", {
                    "pooling": [pooling] * len(members),
                    "layer": [layer] * len(members),
                    "prompt_id": [self.prompts["prompt_id"][i] for i in members],
                    "emotion": [self.prompts["emotion"][i] for i in members],
                    "n_tokens": [len(self.ids[i]) for i in members],
                    "activation": pa.FixedSizeListArray.from_arrays(flat, self.loaded.d_model),
                }, d_model=self.loaded.d_model)  # fmt: skip


@cache
def versions() -> dict[str, str]:
    """Versions of the packages that can change a number."""
    return {package: version(package) for package in PACKAGES}


def _dtype(settings: Settings) -> str:
    return "float32" if settings.dtype == "auto" else settings.dtype


def _extraction_row(scope: Scope, loaded: "LoadedModel", settings: Settings, pairs: Pairs, files: Sequence[FileEntry],
                    strategy: str, error: float, ids: list[list[int]], n_truncated: int) -> dict[str, Any]:  # fmt: skip
    return {
        "prompts_sha256": scope.prompts_sha256,
        "revision": loaded.source.revision,
        "weights_sha256": loaded.source.weights_sha256,
        "tokenizer_sha256": loaded.source.tokenizer_sha256,
        "architecture": loaded.architecture,
        "n_layers": loaded.n_layers,
        "d_model": loaded.d_model,
        "dtype": loaded.dtype,
        "device": loaded.device,
        "bos": settings.bos,
        "chat_template": settings.chat_template,
        "max_length": settings.max_length,
        "truncate": settings.truncate,
        "poolings": sorted(pairs),
        "layers": sorted({layer for layers in pairs.values() for layer in layers}),
        "words_sha256": None,
        "strategy": strategy,
        "strategy_error": error,
        "n_prompts": len(ids),
        "n_tokens": sum(map(len, ids)),
        "n_tokens_computed": int(sum(entry.cost["n_tokens_computed"] for entry in files)),
        "n_truncated": n_truncated,
        "seconds": float(sum(entry.cost["seconds"] for entry in files)),
        "versions": json.dumps(versions(), sort_keys=True),
        "created_at": datetime.now(UTC),
        "status": "complete",
    }
