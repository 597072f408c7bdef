"""The parts of an extraction, made in this process one after another."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from emotion_cli.engines.parts import Group, Work
from emotion_cli.engines.stopping import Stop
from emotion_cli.errors import CheckFailedError
from emotion_cli.job.extractions import Extraction
from emotion_cli.job.listener import Listener
from emotion_cli.job.versions import versions
from emotion_cli.prompts.words import WordList
from emotion_cli.wording import counted
from warehouse.store import FileEntry, Manifest, Partition, content_hash, table_of

if TYPE_CHECKING:
    from emotion_cli.models.packing.proof import Choice
    from emotion_cli.models.pooling import Pooled
    from emotion_cli.models.reader import Reader
    from emotion_cli.models.tokens import Tokens


PART_BYTES = 64 * 2**20
"""Activations in one part: what a kill loses at most."""


class PartWriter:
    """Reads the prompts of one extraction and writes a part at a time; it resumes where a killed run stopped."""

    def __init__(
        self,
        partition: Partition,
        extraction: Extraction,
        reader: "Reader",
        prompts: dict[str, list],
        tokens: "Tokens",
        choice: "Choice",
        words: WordList,
        listener: Listener,
        measured: Sequence[int] = (),
    ) -> None:
        self.partition, self.extraction, self.reader, self.loaded = partition, extraction, reader, reader.loaded
        self.prompts, self.tokens, self.choice, self.words, self.listener = prompts, tokens, choice, words, listener
        self.ids, self.recipe = tokens.ids, self._recipe()
        self._measured = measured
        self._norms: dict[tuple[int, ...], dict[int, np.ndarray]] = {}

    def _recipe(self) -> str:
        """The inputs of a part: after a change of them it is not reused, because its bytes could differ."""
        has_words = any(self.tokens.words)
        return content_hash(
            [
                self.reader.batch_tokens,
                self.choice.strategy,
                self.loaded.attention,
                versions(),
                self.words.sha256 if has_words else None,
            ]
        )[:16]

    def write(self, todo: Work, stop: Stop) -> list[FileEntry]:
        """The parts of the groups to do, in order; those that are finished are not made again."""
        finished = todo.finished
        if finished:
            self.listener.note(f"{self.extraction.subject}: resuming after {counted(len(finished), 'finished part')}")
        parts = [(group, chunk) for group in todo.groups for chunk in self.chunks(group)]
        n_tokens = sum(len(self.ids[i]) for _, chunk in parts for i in chunk)
        entries = dict(finished)
        n_prompts = sum(len(chunk) for _, chunk in parts)
        with self.listener.progress(self.extraction.subject, prompts=n_prompts, tokens=n_tokens) as advance:
            for group, chunk in parts:
                name = group.part(chunk)
                if name in finished:
                    advance(len(chunk), sum(len(self.ids[i]) for i in chunk))
                    continue
                entries[name] = self._part(group, chunk, advance)
                # noted before the next part starts: a kill costs at most one part
                self.partition.save_progress([*todo.ready, *entries.values(), *todo.left])
                if (group, chunk) != parts[-1]:
                    stop.here()
        self._say_absent(todo.groups)
        return [entries[group.part(chunk)] for group, chunk in parts]

    def _part(self, group: Group, chunk: range, advance: Any) -> FileEntry:
        with self.partition.new_part(group.part(chunk), self.recipe) as file:
            started = time.perf_counter()
            pooled = self.reader.pool(
                self.tokens,
                self.choice,
                chunk,
                poolings=group.poolings,
                layers=group.layers,
                measured=[place - chunk.start for place in self._measured if place in chunk],
                progress=advance,
            )
            self._norms.setdefault(group.layers, {}).update({chunk[i]: norms for i, norms in pooled.norms.items()})
            file.cost["seconds"] += time.perf_counter() - started
            file.cost["n_tokens_computed"] += pooled.n_tokens_computed
            file.add(self._row_groups(group, chunk, pooled))
        return file.entry

    def token_norms(self, layers: Sequence[int]) -> list[np.ndarray] | None:
        """Norms [layer, token] of the states of each measured prompt; None unless all were read in this run, at these layers."""
        norms = self._norms.get(tuple(layers), {})
        return [norms[place] for place in self._measured] if set(self._measured) <= set(norms) else None

    def chunks(self, group: Group) -> list[range]:
        """The prompts of each part of a group."""
        return chunks_of(len(self.ids), group, self.loaded.d_model)

    def recomputed(
        self, files: Sequence[FileEntry], before: Manifest | None, keep: Sequence[FileEntry], *, earlier: bool
    ) -> dict[str, Any]:
        """Compare a sample of the rows in new files with passes of single prompts; the result, merged with earlier ones.

        `earlier` says that files of the manifest `before` stay. CheckFailedError when a row is not exact: the new files but those
        to `keep` are removed, with the notes of them.
        """
        from emotion_cli.engines.sample import WrongRowsError, recompute_sample

        known = before.inputs.get("recomputed", {}) if before and earlier else {}
        if not files:
            return {"n_recomputed": None, "recomputed_error": None} | known
        try:
            sample = recompute_sample(
                self.partition, files, self.loaded, self.prompts["prompt_id"], self.tokens, seed=self.extraction.extraction_id
            )
        except WrongRowsError as error:
            committed = {entry.name for entry in before.files} if before else set()
            self.partition.discard(files, keep={entry.name for entry in keep} | committed)
            self.partition.save_progress(keep)
            raise CheckFailedError(
                f"{self.extraction.subject}: {error}; nothing was kept of them",
                hint="rerun it with --strategy single, and report this as a bug",
            ) from error
        self.listener.note(
            f"{self.extraction.subject}: {sample.n_prompts} prompts computed again singly, "
            f"stored rows differ by at most {sample.distance:.1e}"
        )
        return {"n_recomputed": sample.n_prompts, "recomputed_error": max(sample.distance, known.get("recomputed_error") or 0.0)}

    def _say_absent(self, groups: Sequence[Group]) -> None:
        """Say which prompts have no row, by label: too short for a pooling, or without such a word."""
        from emotion_cli.models.pooling import POOLINGS

        for pooling in sorted({pooling for group in groups for pooling in group.poolings}):
            labels = Counter(
                label
                for label, ids, marks in zip(
                    self.prompts["emotion"], self.ids, self.tokens.marks(range(len(self.ids))), strict=True
                )
                if not POOLINGS[pooling](len(ids), marks)
            )
            if labels:
                counts = ", ".join(f"{n} {label}" for label, n in sorted(labels.items()))
                self.listener.note(
                    f"{self.extraction.subject}: {labels.total()} of {len(self.ids)} prompts have no tokens for "
                    f"pooling {pooling} and are left out ({counts})"
                )

    def _row_groups(self, group: Group, chunk: range, pooled: "Pooled") -> Iterator[pa.Table]:
        for pooling in group.poolings:
            rows = np.flatnonzero(pooled.present[pooling])
            members = [chunk[i] for i in rows]
            for position, layer in enumerate(group.layers):
                flat = pa.array(pooled.values[pooling][position, rows].reshape(-1))
                yield table_of(
                    "activations",
                    {
                        "pooling": [pooling] * len(members),
                        "layer": [layer] * len(members),
                        "prompt_id": [self.prompts["prompt_id"][i] for i in members],
                        "emotion": [self.prompts["emotion"][i] for i in members],
                        "n_tokens": [len(self.ids[i]) for i in members],
                        "activation": pa.FixedSizeListArray.from_arrays(flat, self.loaded.d_model),
                    },
                    d_model=self.loaded.d_model,
                )


def chunks_of(n_prompts: int, group: Group, d_model: int) -> list[range]:
    """The prompts of each part of a group."""
    return _ranges(range(n_prompts), _prompts_in_part(group, d_model))


def _prompts_in_part(group: Group, d_model: int) -> int:
    return max(1, PART_BYTES // (len(group.pairs) * d_model * 4))


def _ranges(whole: range, size: int) -> list[range]:
    return [whole[start : start + size] for start in range(0, len(whole), size)]
