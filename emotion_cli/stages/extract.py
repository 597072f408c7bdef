"""Prompts to activations: what is missing of each dataset under each model, streamed to Parquet part by part."""

import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from emotion_cli.errors import CheckFailedError, UsageError
from emotion_cli.models.embedded import EMBEDDED
from emotion_cli.models.loading import find
from emotion_cli.prompts.words import WordList, read_words
from emotion_cli.settings import Layers, Settings, layer_numbers
from emotion_cli.stages.job import NOT_THERE, Job, Listener, Task, fingerprint
from emotion_cli.stages.resume import Group, Pairs, Work, as_pairs, as_set, group_of, groups_of, work
from emotion_cli.stages.scope import COMPLETE, Scope, Version
from emotion_cli.stages.stopping import Stop, stop_between_parts
from emotion_cli.suggestions import nearest, unknown
from warehouse.schema import SCHEMA_VERSION
from warehouse.store import FileEntry, Manifest, Partition, Store, content_hash, table_of

if TYPE_CHECKING:
    from emotion_cli.models.extraction import Pooled
    from emotion_cli.models.loading import LoadedModel, ModelSource
    from emotion_cli.models.proof import Choice
    from emotion_cli.models.tokens import Tokens

DEFAULT_POOLINGS = ("last",)

PART_BYTES = 64 * 2**20
"""Activations in one part: what a kill loses at most."""

PIECES_OF_PART = 4
"""Pieces of a whole part, at most: one is computed while the one before it is written, and memory holds the two."""

WORD = "word"
"""The pooling that needs a word list."""

PACKAGES = ("emo", "torch", "transformers", "tokenizers", "numpy", "pyarrow")
"""Packages whose version can change an activation."""


def find_sources(settings: Settings, models: Sequence[str], listener: Listener) -> "dict[str, ModelSource]":
    """Each model found (not loaded), by its name in the store; MissingError when one cannot be had."""
    if settings.name and len(models) != 1:
        raise UsageError(f"--name: names one model, and {len(models)} are given", hint=f"-m MODEL --name {settings.name}")
    sources: dict[str, ModelSource] = {}
    for model in models:
        if model not in EMBEDDED and "/" not in model and not Path(model).exists() and nearest(model, EMBEDDED):
            # no Hub id of an organisation and no place on this machine: an alias was meant
            raise unknown("--model", model, EMBEDDED)
        source = find(model, name=settings.name, revision=settings.revision, cache=settings.cache, notify=listener.note)
        former = sources.setdefault(source.name, source)
        if former.hashes != source.hashes:
            raise UsageError(f"two models are called {source.name}: {former.given} and {source.given}",
                             hint=f"emo extract -m {source.given} --name OTHER-NAME, and then -m OTHER-NAME")  # fmt: skip
    return sources


def refuse_taken_names(store: Store, sources: Iterable["ModelSource"]) -> None:
    """UsageError for a model whose name in the store belongs to other weights: no command could tell the two apart."""
    for source in sources:
        for partition in store.partitions("extractions", model=source.name):
            (weights,) = partition.read(["weights_sha256"])["weights_sha256"].to_pylist()
            if weights not in (None, source.weights_sha256):
                raise UsageError(
                    f"{source.given}: the store holds a model called {source.name} with other weights",
                    hint=f"-m {source.given} --name OTHER-NAME, or first: emo rm -m {source.name}",
                )


def template_of(settings: Settings, source: "ModelSource", listener: Listener) -> str | None:
    """Hash of what the model's chat template makes of a text now; None where the template is not used."""
    if not settings.chat_template:
        return None
    from emotion_cli.models.loading import load_tokenizer
    from emotion_cli.models.tokens import template_sha256

    tokenizer = load_tokenizer(source, trust_remote_code=settings.trust_remote_code, notify=listener.note)
    return template_sha256(tokenizer, source.name)


def scope_of(settings: Settings, version_: Version, source: "ModelSource", template_sha256: str | None = None) -> Scope:
    """The scope of one dataset under one model; its id is a hash of all that changes the numbers, and of the two names.

    The names, because two datasets may hold the same texts and two names stand for the same weights: tables are joined by the id.
    """
    identity = {
        "dataset": version_.dataset,
        "model": source.name,
        "prompts_sha256": version_.prompts_sha256,
        "weights_sha256": source.weights_sha256,
        "tokenizer_sha256": source.tokenizer_sha256,
        "dtype": _dtype(settings),
        "bos": settings.bos,
        "chat_template": settings.chat_template,
        "template_sha256": template_sha256,
        "max_length": settings.max_length,
        "truncate": settings.truncate,
        "trust_remote_code": settings.trust_remote_code,
        "schema_version": SCHEMA_VERSION,
    }
    return Scope(version_.dataset, version_.role, version_.prompts_sha256, source.name, content_hash(identity)[:16],
                 template_sha256=template_sha256)  # fmt: skip


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
    for pooling in poolings:
        if pooling not in POOLINGS:
            raise unknown("--pooling", pooling, POOLINGS)
    partition = scope.partition(job.store, "activations")
    reason = _reason(partition, scope.partition(job.store, "extractions"), poolings, job.settings.layer)
    if not reason and _words_changed(partition, poolings, read_words(job.settings.words)):
        reason = "changed: words"
    return Task("extract", scope.subject, (scope.prompts(job.store).folder,), partition.folder, reason,
                lambda job: _run(job, scope, poolings))  # fmt: skip


def _reason(activations: Partition, extractions: Partition, poolings: Sequence[str], layers: Layers) -> str:
    held, row = pairs_of(activations), extractions.manifest()
    if not held:
        return "begun, not finished" if activations.has_progress else NOT_THERE
    if row is None:
        return NOT_THERE
    if row.inputs.get("activations") not in (None, fingerprint(activations)):
        return "its row in extractions is behind"
    n_layers = extractions.read(["n_layers"])["n_layers"][0].as_py()
    wanted = layer_numbers(layers, n_layers) or (range(n_layers + 1) if n_layers is not None else ())
    lacking = [pooling for pooling in poolings if pooling not in held or not set(wanted) <= set(held[pooling])]
    return f"missing layers of {', '.join(lacking)}" if lacking else ""


def depth(store: Store, scope: Scope) -> int | None:
    """Decoder blocks of a scope's model; None before the first extraction and where it is not known."""
    partition = scope.partition(store, "extractions")
    return partition.read(["n_layers"])["n_layers"][0].as_py() if partition.manifest() else None


def _words_changed(activations: Partition, poolings: Sequence[str], words: WordList) -> bool:
    manifest = activations.manifest()
    return WORD in poolings and WORD in pairs_of(activations) and manifest is not None and (
        manifest.inputs.get("words_sha256") != words.sha256)  # fmt: skip


def _run(job: Job, scope: Scope, poolings: Sequence[str]) -> None:
    from emotion_cli.models.extraction import BATCH_TOKENS, BATCH_TOKENS_ELSEWHERE, SPARSE
    from emotion_cli.models.proof import choose_strategy
    from emotion_cli.models.tokens import template_sha256, tokenize
    from emotion_cli.stages.model_checks import refuse_unsound

    settings, listener = job.settings, job.listener
    words = read_words(settings.words)
    prompts = _in_order(scope.prompts(job.store).read(["prompt_id", "text", "emotion"]).to_pydict())
    if WORD in poolings:
        _refuse_without_words(scope, prompts["emotion"], words)
    loaded = job.loaded(scope.model)
    refuse_unsound(job.store, loaded)
    layers = layer_numbers(settings.layer, loaded.n_layers) or list(range(loaded.n_layers + 1))
    too_high = [layer for layer in layers if layer > loaded.n_layers]
    if too_high:
        raise UsageError(f"--layer {too_high[0]}: {scope.model} has layers 0 to {loaded.n_layers}",
                         hint=f"--layer 0-{loaded.n_layers}")  # fmt: skip
    spans = None
    if WORD in poolings:
        spans = [words.spans(text, label) for text, label in zip(prompts["text"], prompts["emotion"], strict=True)]
    tokens = tokenize(loaded, prompts["text"], bos=settings.bos, chat_template=settings.chat_template,
                      max_length=settings.max_length, truncate=settings.truncate, spans=spans)  # fmt: skip
    if settings.chat_template and template_sha256(loaded.tokenizer, scope.model) != scope.template_sha256:
        raise UsageError(f"{scope.model}: the chat template gives another text now than when this run was planned",
                         hint="run again; without --chat-template if the template holds the time of day")  # fmt: skip
    if tokens.truncated:
        listener.note(f"{scope.subject}: {len(tokens.truncated)} prompts were cut")
    batch_tokens = settings.batch_tokens or BATCH_TOKENS.get(loaded.device, BATCH_TOKENS_ELSEWHERE)
    partition, target = (scope.partition(job.store, table) for table in ("activations", "extractions"))
    with partition.hold(), target.hold():
        manifest = partition.manifest()
        held = {} if job.forces("extract") else pairs_of(partition)
        files = list(manifest.files) if manifest and held else []
        wanted = dict.fromkeys(poolings, layers)
        if held and _words_changed(partition, poolings, words):
            # the passes that made the old word rows are done again, with all that came of them
            made_again = {pair for entry in files for pair in group_of(entry.part).pairs if WORD in group_of(entry.part).poolings}
            files = [entry for entry in files if WORD not in group_of(entry.part).poolings]
            held = as_pairs(as_set(held) - made_again)
            wanted = as_pairs(as_set(wanted) | made_again)
        progress = [] if job.forces("extract") else partition.progress()
        n_prompts, lengths = len(tokens.ids), list(map(len, tokens.ids))
        # whatever will be computed is of one of these groups
        groups = [*dict.fromkeys(group_of(entry.part) for entry in progress), *groups_of(wanted, held)] or groups_of(wanted, {})
        choice = choose_strategy(
            loaded, tokens.ids, layers=layers, batch_tokens=batch_tokens, sparse=SPARSE.issuperset(poolings),
            wanted=settings.strategy,
            pieces=[piece for group in groups for chunk in chunks_of(n_prompts, group, loaded.d_model)
                    for piece in pieces_of(lengths, chunk, group, loaded.d_model, batch_tokens)],
        )  # fmt: skip
        rejected = "".join(f"; {strategy}: {proof}" for strategy, proof in choice.rejected.items())
        listener.note(f"{scope.subject}: strategy {choice.strategy}, {choice.proof}{rejected}")
        writer = _Writer(partition, scope, loaded, prompts, tokens, choice, layers[-1], batch_tokens, words, listener)
        noted = [
            entry for entry in progress
            if WORD not in group_of(entry.part).poolings or (WORD in wanted and entry.recipe == writer.recipe)
        ]  # fmt: skip
        todo = work(wanted, held, noted, writer.recipe, writer.chunks)
        with stop_between_parts(listener.note) as stop:
            new = [*todo.ready, *writer.write(todo, stop)]
            recomputed = writer.recomputed(new, manifest, keep=todo.left, earlier=bool(held))
            files += new
            pairs = todo.pairs(held)
            words_sha256 = words.sha256 if WORD in wanted else manifest.inputs.get("words_sha256") if manifest and held else None
            made = partition.commit(
                files, {"pairs": pairs, "words_sha256": words_sha256, "recomputed": recomputed}, unfinished=todo.left
            )
            row = _extraction_row(scope, loaded, settings, pairs, files, choice, tokens, words_sha256) | recomputed
            entry = target.write([table_of("extractions", {key: [value] for key, value in row.items()})])
            target.commit([entry], {"activations": made.fingerprint}, reads={"activations": partition.place})


def _in_order(prompts: dict[str, list]) -> dict[str, list]:
    """The prompts by text: texts that begin alike come into one part, whatever the file's order and the tokenizer."""
    order = sorted(range(len(prompts["text"])), key=lambda i: (prompts["text"][i], prompts["prompt_id"][i]))
    return {name: [values[i] for i in order] for name, values in prompts.items()}


def _refuse_without_words(scope: Scope, labels: Sequence[str], words: WordList) -> None:
    if not set(labels) & set(words.words):
        raise UsageError(f"{scope.dataset}: pooling word needs words for its labels ({', '.join(sorted(set(labels)))}); "
                         f"there are words for {', '.join(words.words)}", hint="--words FILE.toml")  # fmt: skip


class _Writer:
    """Runs one scope's prompts through the model and writes a part at a time, going on where a killed run stopped."""

    def __init__(self, partition: Partition, scope: Scope, loaded: "LoadedModel", prompts: dict[str, list], tokens: "Tokens",
                 choice: "Choice", last_layer: int, batch_tokens: int, words: WordList, listener: Listener) -> None:  # fmt: skip
        self.partition, self.scope, self.loaded, self.prompts, self.tokens = partition, scope, loaded, prompts, tokens
        self.choice, self.last_layer, self.words, self.listener = choice, last_layer, words, listener
        self.batch_tokens = self.batch_tokens_asked = batch_tokens
        self.ids, self.lengths, self.recipe = tokens.ids, list(map(len, tokens.ids)), self._recipe()

    def _recipe(self) -> str:
        """What a part must have been made with to be used again: a change of these can change its bytes."""
        has_words = any(self.tokens.words)
        return content_hash([self.batch_tokens, self.choice.strategy, self.choice.fast, self.choice.sparse,
                             self.loaded.attention, versions(), self.words.sha256 if has_words else None])[:16]  # fmt: skip

    def write(self, todo: Work, stop: Stop) -> list[FileEntry]:
        """The parts of the groups to do, in order; those that are finished are not made again."""
        finished = todo.finished
        if finished:
            self.listener.note(f"{self.scope.subject}: going on behind {len(finished)} finished parts")
        parts = [(group, chunk) for group in todo.groups for chunk in self.chunks(group)]
        n_tokens = sum(len(self.ids[i]) for _, chunk in parts for i in chunk)
        entries = dict(finished)
        with self.listener.progress(self.scope.subject, sum(len(chunk) for _, chunk in parts), n_tokens) as advance:
            for group, chunk in parts:
                name = group.part(chunk)
                if name in finished:
                    advance(len(chunk), sum(len(self.ids[i]) for i in chunk))
                    continue
                entries[name] = self._part(group, chunk, advance)
                # noted before the next one is begun: no kill costs more than one part
                self.partition.save_progress([*todo.ready, *entries.values(), *todo.left])
                if (group, chunk) != parts[-1]:
                    stop.here()
        self._say_absent(todo.groups)
        return [entries[group.part(chunk)] for group, chunk in parts]

    def _part(self, group: Group, chunk: range, advance: Any) -> FileEntry:
        """One part, a piece of it written while the next is computed; a third waits for both, so memory holds two."""
        writing: Future[None] | None = None
        # the thread ends before the file is closed, whatever happens
        with self.partition.new_part(group.part(chunk), self.recipe) as file, ThreadPoolExecutor(1, "writer") as thread:

            def add(piece: range, pooled: "Pooled") -> None:
                file.add(self._row_groups(group, piece, pooled))
                file.sync()

            for piece in pieces_of(self.lengths, chunk, group, self.loaded.d_model, self.batch_tokens_asked):
                started = time.perf_counter()
                pooled = self._compute(group, piece, advance)
                file.cost["seconds"] += time.perf_counter() - started
                file.cost["n_tokens_computed"] += pooled.n_tokens_computed
                if writing:
                    writing.result()
                writing = thread.submit(add, piece, pooled)
            if writing:
                writing.result()
        return file.entry

    def chunks(self, group: Group) -> list[range]:
        """The prompts of each part of a group."""
        return chunks_of(len(self.ids), group, self.loaded.d_model)

    def recomputed(
        self, files: Sequence[FileEntry], before: Manifest | None, keep: Sequence[FileEntry], *, earlier: bool
    ) -> dict[str, Any]:
        """Compare a sample of the rows in new files with passes of these prompts alone; what came of it and of earlier files.

        `earlier` says that files of the manifest `before` stay. CheckFailedError when a row is not exact: the new files but those
        to `keep` are removed, with the notes of them.
        """
        from emotion_cli.stages.sample import WrongRowsError, recompute_sample

        known = before.inputs.get("recomputed", {}) if before and earlier else {}
        if not files:
            return {"n_recomputed": None, "recomputed_error": None} | known
        try:
            found = recompute_sample(
                self.partition, files, self.loaded, self.prompts["prompt_id"], self.tokens, seed=self.scope.extraction_id
            )
        except WrongRowsError as error:
            committed = {entry.name for entry in before.files} if before else set()
            self.partition.discard(files, keep={entry.name for entry in keep} | committed)
            self.partition.save_progress(keep)
            raise CheckFailedError(
                f"{self.scope.subject}: {error}; nothing was kept of them",
                hint="run it again with --strategy single, and report this",
            ) from error
        self.listener.note(
            f"{self.scope.subject}: {found.n_prompts} prompts computed again singly, "
            f"stored rows differ by at most {found.distance:.1e}"
        )
        return {"n_recomputed": found.n_prompts, "recomputed_error": max(found.distance, known.get("recomputed_error") or 0.0)}

    def _compute(self, group: Group, piece: range, advance: Any) -> "Pooled":
        from emotion_cli.models.extraction import SPARSE, pooled_activations

        # as it was proven: for these poolings, in this block
        sparse = self.choice.sparse and SPARSE.issuperset(group.poolings) and group.layers[-1] == self.last_layer
        pooled = pooled_activations(
            self.loaded,
            [self.ids[i] for i in piece],
            poolings=group.poolings,
            layers=group.layers,
            batch_tokens=self.batch_tokens,
            strategy=self.choice.strategy,
            fast=self.choice.fast,
            sparse=sparse,
            words=[self.tokens.words[i] for i in piece],
            progress=advance,
            notify=self.listener.note,
        )
        self.batch_tokens = pooled.batch_tokens  # what memory holds is known now
        return pooled

    def _say_absent(self, groups: Sequence[Group]) -> None:
        """Say which prompts have no row, by label: too short for a pooling, or without a word of theirs."""
        from emotion_cli.models.extraction import POOLINGS

        for pooling in sorted({pooling for group in groups for pooling in group.poolings}):
            labels = Counter(
                label for label, ids, word in zip(self.prompts["emotion"], self.ids, self.tokens.words, strict=True)
                if not POOLINGS[pooling](len(ids), word)
            )  # fmt: skip
            if labels:
                counts = ", ".join(f"{n} {label}" for label, n in sorted(labels.items()))
                self.listener.note(f"{self.scope.subject}: {labels.total()} of {len(self.ids)} prompts have no tokens for "
                                   f"pooling {pooling} and are left out ({counts})")  # fmt: skip

    def _row_groups(self, group: Group, piece: range, pooled: "Pooled") -> Iterator[pa.Table]:
        for pooling in group.poolings:
            rows = np.flatnonzero(pooled.present[pooling])
            members = [piece[i] for i in rows]
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


def chunks_of(n_prompts: int, group: Group, d_model: int) -> list[range]:
    """The prompts of each part of a group."""
    return _ranges(range(n_prompts), _prompts_in_part(group, d_model))


def pieces_of(lengths: Sequence[int], chunk: range, group: Group, d_model: int, batch_tokens: int) -> list[range]:
    """The prompts of a part that are packed and computed together; `lengths` are those of all prompts (tokens)."""
    wanted = -(-len(chunk) * PIECES_OF_PART // _prompts_in_part(group, d_model))
    # a piece ends a batch: two are enough where more would leave most batches half empty
    batches = sum(lengths[i] for i in chunk) // batch_tokens
    count = min(len(chunk), wanted, max(2, batches))
    return _ranges(chunk, -(-len(chunk) // count))


def _prompts_in_part(group: Group, d_model: int) -> int:
    return max(1, PART_BYTES // (len(group.pairs) * d_model * 4))


def _ranges(of: range, size: int) -> list[range]:
    return [of[start : start + size] for start in range(0, len(of), size)]


@cache
def versions() -> dict[str, str]:
    """Versions of the packages that can change a number."""
    return {package: version(package) for package in PACKAGES}


def _dtype(settings: Settings) -> str:
    return "float32" if settings.dtype == "auto" else settings.dtype


def _extraction_row(scope: Scope, loaded: "LoadedModel", settings: Settings, pairs: Pairs, files: Sequence[FileEntry],
                    choice: "Choice", tokens: "Tokens", words_sha256: str | None) -> dict[str, Any]:  # fmt: skip
    from emotion_cli.models.structure import ignores_mean

    return {
        "prompts_sha256": scope.prompts_sha256,
        "revision": loaded.source.revision,
        "weights_sha256": loaded.source.weights_sha256,
        "tokenizer_sha256": loaded.source.tokenizer_sha256,
        "architecture": loaded.architecture,
        "n_layers": loaded.n_layers,
        "d_model": loaded.d_model,
        "ignores_mean": ignores_mean(loaded),
        "dtype": loaded.dtype,
        "device": loaded.device,
        "bos": settings.bos,
        "chat_template": settings.chat_template,
        "template_sha256": scope.template_sha256,
        "max_length": settings.max_length,
        "truncate": settings.truncate,
        "poolings": sorted(pairs),
        "layers": sorted({layer for layers in pairs.values() for layer in layers}),
        "words_sha256": words_sha256,
        "strategy": choice.strategy,
        "strategy_error": choice.error,
        "n_prompts": len(tokens.ids),
        "n_tokens": sum(map(len, tokens.ids)),
        "n_tokens_computed": int(sum(entry.cost["n_tokens_computed"] for entry in files)),
        "n_truncated": len(tokens.truncated),
        "seconds": float(sum(entry.cost["seconds"] for entry in files)),
        "versions": json.dumps({**versions(), "attention": loaded.attention}, sort_keys=True),
        "created_at": datetime.now(UTC),
        "status": COMPLETE,
    }
