"""Prompts to activations: what is missing of each dataset under each model, streamed to Parquet part by part."""

import json
import random
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from emotion_cli.engines import without_passes
from emotion_cli.engines.local import PartWriter, chunks_of
from emotion_cli.engines.parts import as_pairs, as_set, group_of, groups_of, work
from emotion_cli.engines.stopping import stop_between_parts
from emotion_cli.errors import UsageError
from emotion_cli.job.extractions import COMPLETE, CONTENT, DEFAULT_POOLINGS, LAST, MEAN, WORD, Extraction, Pairs, pairs_of
from emotion_cli.job.job import NOT_THERE, Job, Task, fingerprint
from emotion_cli.job.profiles import SAMPLED, TokenNorms, write_profiles
from emotion_cli.job.versions import versions
from emotion_cli.measures.profile import said
from emotion_cli.prompts.words import WordList, last_word, read_words
from emotion_cli.settings import Layers, Settings, layer_numbers
from emotion_cli.suggestions import unknown
from emotion_cli.wording import counted
from warehouse.store import FileEntry, Partition, table_of

if TYPE_CHECKING:
    from emotion_cli.models.loaded import LoadedModel
    from emotion_cli.models.packing.proof import Choice
    from emotion_cli.models.tokens import Tokens


def tasks(job: Job) -> list[Task]:
    """One task a extraction, those of one model together, so that it is loaded once."""
    return [
        (_task if extraction.has_passes else _task_without_passes)(job, extraction)
        for extraction in sorted(job.extractions, key=lambda extraction: list(job.sources).index(extraction.model))
    ]


def _task(job: Job, extraction: Extraction) -> Task:
    from emotion_cli.models.pooling import POOLINGS

    poolings = job.settings.pooling or DEFAULT_POOLINGS
    for pooling in poolings:
        if pooling not in POOLINGS:
            raise unknown("--pooling", pooling, POOLINGS)
    partition, described, profiles = _partitions(job, extraction)
    reason = _reason(partition, described, profiles, poolings, job.settings.layer)
    if not reason and _words_changed(partition, poolings, read_words(job.settings.words)):
        reason = "changed: words"
    return Task(
        "extract",
        extraction.subject,
        (extraction.prompts(job.store).folder,),
        partition.folder,
        reason,
        lambda job: _run(job, extraction, poolings),
    )


def _task_without_passes(job: Job, extraction: Extraction) -> Task:
    partition, described, profiles = _partitions(job, extraction)
    return Task(
        "extract",
        extraction.subject,
        (extraction.prompts(job.store).folder,),
        partition.folder,
        _reason(partition, described, profiles, (MEAN,), ()),
        lambda job: _run_without_passes(job, extraction),
    )


def _run_without_passes(job: Job, extraction: Extraction) -> None:
    prompts = _in_order(extraction.prompts(job.store).read(["prompt_id", "text", "emotion"]).to_pydict())
    made = without_passes.control_rows(job, extraction, prompts["text"])
    source = job.sources[extraction.model]
    partition, target = (extraction.partition(job.store, table) for table in ("activations", "extractions"))
    with partition.hold(), target.hold():
        files = without_passes.write(job, extraction, partition, prompts, made)
        committed = partition.commit(files, {"pairs": without_passes.PAIRS, "words_sha256": None, "recomputed": {}})
        known = {
            "control": extraction.control,
            "prompts_sha256": extraction.prompts_sha256,
            "revision": source.revision,
            "weights_sha256": source.weights_sha256,
            "tokenizer_sha256": source.tokenizer_sha256,
            "architecture": made.architecture,
            "n_layers": 0,
            "d_model": made.rows.shape[1],
            "poolings": [MEAN],
            "layers": [0],
            "n_prompts": len(prompts["text"]),
            "n_tokens": sum(made.sizes),
            "versions": json.dumps(versions(), sort_keys=True),
            "created_at": datetime.now(UTC),
            "status": COMPLETE,
        }
        _commit_row(target, known, {"activations": committed.fingerprint}, partition)
    write_profiles(job.store, extraction)


def _partitions(job: Job, extraction: Extraction) -> tuple[Partition, Partition, Partition]:
    return (
        extraction.partition(job.store, "activations"),
        extraction.partition(job.store, "extractions"),
        extraction.partition(job.store, "layer_profiles"),
    )


def _commit_row(target: Partition, known: Mapping[str, Any], inputs: Mapping[str, Any], activations: Partition) -> None:
    """Write the row of an extraction; columns that are not `known` are NULL."""
    entry = target.write([table_of("extractions", {name: [known.get(name)] for name in target.table.file_column_names})])
    target.commit([entry], inputs, reads={"activations": activations.place})


def _reason(activations: Partition, extractions: Partition, profiles: Partition, poolings: Sequence[str], layers: Layers) -> str:
    stored, row = pairs_of(activations), extractions.manifest()
    if not stored:
        return "incomplete" if activations.has_progress else NOT_THERE
    if row is None:
        return NOT_THERE
    if row.inputs.get("activations") not in (None, fingerprint(activations)):
        return "its row in extractions is out of date"
    described = profiles.manifest()
    if described is None or described.inputs.get("activations") != fingerprint(activations):
        return "its layer profiles are out of date"
    n_layers = extractions.read(["n_layers"])["n_layers"][0].as_py()
    requested = layer_numbers(layers, n_layers) or (range(n_layers + 1) if n_layers is not None else ())
    lacking = [pooling for pooling in poolings if pooling not in stored or not set(requested) <= set(stored[pooling])]
    return f"missing layers of {', '.join(lacking)}" if lacking else ""


def _words_changed(activations: Partition, poolings: Sequence[str], words: WordList) -> bool:
    manifest = activations.manifest()
    return (
        WORD in poolings
        and WORD in pairs_of(activations)
        and manifest is not None
        and (manifest.inputs.get("words_sha256") != words.sha256)
    )


def _run(job: Job, extraction: Extraction, poolings: Sequence[str]) -> None:
    from emotion_cli.job.model_checks import refuse_unsound
    from emotion_cli.models.reader import Reader, Reading
    from emotion_cli.models.tokens import template_sha256, told_apart

    settings, listener = job.settings, job.listener
    words = read_words(settings.words)
    prompts = _in_order(extraction.prompts(job.store).read(["prompt_id", "text", "emotion"]).to_pydict())
    if WORD in poolings:
        _refuse_without_words(extraction, prompts["emotion"], words)
    loaded = job.loaded(extraction.model)
    refuse_unsound(job.store, loaded)
    layers = layer_numbers(settings.layer, loaded.n_layers) or list(range(loaded.n_layers + 1))
    too_high = [layer for layer in layers if layer > loaded.n_layers]
    if too_high:
        raise UsageError(
            f"--layer {too_high[0]}: {extraction.model} has layers 0 to {loaded.n_layers}", hint=f"--layer 0-{loaded.n_layers}"
        )
    spans = content = None
    if WORD in poolings:
        spans = [words.spans(text, label) for text, label in zip(prompts["text"], prompts["emotion"], strict=True)]
    if CONTENT in poolings:
        content = [last_word(text) for text in prompts["text"]]
    reader = Reader(loaded, Reading(*(getattr(settings, name) for name in Reading._fields)), notify=listener.note)
    tokens = reader.tokens(prompts["text"], spans, content)
    if settings.chat_template and template_sha256(loaded.tokenizer, extraction.model) != extraction.template_sha256:
        raise UsageError(
            f"{extraction.model}: the chat template gives another text now than when this run was planned",
            hint="run again; without --chat-template if the template holds the time of day",
        )
    if tokens.truncated:
        listener.note(f"{extraction.subject}: {counted(len(tokens.truncated), 'prompt')} cut")
    for sentence in told_apart(loaded, tokens.ids):
        listener.note(f"{extraction.subject}: {sentence}")
    partition, target = (extraction.partition(job.store, table) for table in ("activations", "extractions"))
    with partition.hold(), target.hold():
        manifest = partition.manifest()
        stored = {} if job.forces("extract") else pairs_of(partition)
        files = list(manifest.files) if manifest and stored else []
        requested = dict.fromkeys(poolings, layers)
        if stored and _words_changed(partition, poolings, words):
            # the passes that made the old word rows are done again, with all that came of them
            made_again = {pair for entry in files for pair in group_of(entry.part).pairs if WORD in group_of(entry.part).poolings}
            files = [entry for entry in files if WORD not in group_of(entry.part).poolings]
            stored = as_pairs(as_set(stored) - made_again)
            requested = as_pairs(as_set(requested) | made_again)
        progress = [] if job.forces("extract") else partition.progress()
        # whatever will be computed is of one of these groups
        groups = [*dict.fromkeys(group_of(entry.part) for entry in progress), *groups_of(requested, stored)] or groups_of(
            requested, {}
        )
        chunks = [chunk for group in groups for chunk in chunks_of(len(tokens.ids), group, loaded.d_model)]
        choice = reader.choose(tokens, layers, chunks)
        rejected = "".join(f"; {strategy}: {proof}" for strategy, proof in choice.rejected.items())
        listener.note(f"{extraction.subject}: strategy {choice.strategy}, {choice.proof}{rejected}")
        sample = _sample(prompts["emotion"], settings.neutral, extraction.extraction_id)
        writer = PartWriter(partition, extraction, reader, prompts, tokens, choice, words, listener, sample.places)
        noted = [
            entry
            for entry in progress
            if WORD not in group_of(entry.part).poolings or (WORD in requested and entry.recipe == writer.recipe)
        ]
        todo = work(requested, stored, noted, writer.recipe, writer.chunks)
        with stop_between_parts(listener.note) as stop:
            new = [*todo.ready, *writer.write(todo, stop)]
            recomputed = writer.recomputed(new, manifest, keep=todo.left, earlier=bool(stored))
            files += new
            pairs = todo.pairs(stored)
            words_sha256 = (
                words.sha256 if WORD in requested else manifest.inputs.get("words_sha256") if manifest and stored else None
            )
            made = partition.commit(
                files, {"pairs": pairs, "words_sha256": words_sha256, "recomputed": recomputed}, unfinished=todo.left
            )
            row = _extraction_row(extraction, loaded, settings, pairs, files, choice, tokens, words_sha256) | recomputed
            _commit_row(target, row, {"activations": made.fingerprint}, partition)
    norms = _token_norms(writer, prompts, pairs, words, sample)
    for sentence in said(write_profiles(job.store, extraction, norms)):
        listener.note(f"{extraction.subject}: {sentence}")


class _Sample(NamedTuple):
    """Places of prompts whose tokens are measured: neutral ones, or any where there are none, for medians; any for poolings."""

    of_median: list[int]
    of_pooled: list[int]

    @property
    def places(self) -> list[int]:
        """All of them, ascending."""
        return sorted({*self.of_median, *self.of_pooled})


def _sample(labels: Sequence[str], neutral: str, seed: str) -> _Sample:
    chance, every = random.Random(seed), range(len(labels))
    is_neutral = [place for place in every if labels[place] == neutral] or every
    of_median, of_pooled = (sorted(chance.sample(places, min(SAMPLED, len(places)))) for places in (is_neutral, every))
    return _Sample(of_median, of_pooled)


def _token_norms(writer: PartWriter, prompts: dict[str, list], pairs: Pairs, words: WordList, sample: _Sample) -> TokenNorms:
    """Norms of single tokens of a sample; its prompts are read once more where the passes of this run did not measure them."""
    from emotion_cli.models.norms import token_norms
    from emotion_cli.models.pooling import POOLINGS

    layers = sorted({layer for of_pooling in pairs.values() for layer in of_pooling})
    norms = writer.token_norms(layers)
    if norms is None:
        ids = [writer.ids[place] for place in sample.places]
        norms = token_norms(
            writer.loaded, ids, layers=layers, strategy=writer.choice.strategy, batch_tokens=writer.reader.batch_tokens
        )
    texts = [prompts["text"][place] for place in sample.places]
    labels = [prompts["emotion"][place] for place in sample.places]
    # the poolings of earlier runs need marks that this one may not have
    spans = [words.spans(text, label) for text, label in zip(texts, labels, strict=True)] if WORD in pairs else None
    tokens = writer.reader.tokens(texts, spans, list(map(last_word, texts)) if CONTENT in pairs else None)
    of_place = dict(zip(sample.places, zip(norms, tokens.marks(range(len(texts))), strict=True), strict=True))
    medians = np.median(np.concatenate([of_place[place][0][:, 1:] for place in sample.of_median], axis=1), axis=1)
    pooled = {
        pooling: np.concatenate(
            [
                read[:, list(POOLINGS[pooling](read.shape[1], marks))]
                for read, marks in (of_place[place] for place in sample.of_pooled)
            ],
            axis=1,
        )
        for pooling in pairs
        if pooling != LAST
    }
    return TokenNorms(
        dict(zip(layers, medians.tolist(), strict=True)),
        {pooling: dict(zip(layers, read, strict=True)) for pooling, read in pooled.items()},
    )


def _in_order(prompts: dict[str, list]) -> dict[str, list]:
    """The prompts by text: texts that begin alike come into one part, whatever the file's order and the tokenizer."""
    order = sorted(range(len(prompts["text"])), key=lambda i: (prompts["text"][i], prompts["prompt_id"][i]))
    return {name: [values[i] for i in order] for name, values in prompts.items()}


def _refuse_without_words(extraction: Extraction, labels: Sequence[str], words: WordList) -> None:
    if not set(labels) & set(words.words):
        raise UsageError(
            f"{extraction.dataset}: pooling word needs words for its labels ({', '.join(sorted(set(labels)))}); "
            f"there are words for {', '.join(words.words)}",
            hint="--words FILE.toml",
        )


def _extraction_row(
    extraction: Extraction,
    loaded: "LoadedModel",
    settings: Settings,
    pairs: Pairs,
    files: Sequence[FileEntry],
    choice: "Choice",
    tokens: "Tokens",
    words_sha256: str | None,
) -> dict[str, Any]:
    from emotion_cli.models.centring import ignores_mean

    return {
        "control": extraction.control,
        "prompts_sha256": extraction.prompts_sha256,
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
        "template_sha256": extraction.template_sha256,
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
