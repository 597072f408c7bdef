"""The job (a stage's input), its tasks (a stage's output), and the rule that decides whether a result is stale."""

import gc
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from emotion_cli.job.extractions import Extraction
from emotion_cli.job.listener import Listener, Silence
from emotion_cli.job.loading import load_model
from emotion_cli.settings import Settings
from warehouse.store import FileEntry, Manifest, Partition, Store

if TYPE_CHECKING:
    from emotion_cli.models.loaded import LoadedModel
    from emotion_cli.models.sources.finding import ModelSource


NOT_THERE = "not there yet"

FIGURES_OF = "figures of "
"""How the key of an input begins that stands for a folder of figures; the folder's parts follow as JSON."""


@dataclass
class Job:
    """A store, the settings, the extractions to work on, and the one model in memory."""

    store: Store
    settings: Settings
    extractions: Sequence[Extraction]
    listener: Listener = field(default_factory=Silence)
    sources: "Mapping[str, ModelSource]" = field(default_factory=dict)
    forced: Collection[str] = ()
    _loaded: "LoadedModel | None" = None

    def loaded(self, model: str) -> "LoadedModel":
        """The model, loaded; the one before it is let go first, so that memory holds one."""
        return self._load(self.sources[model])

    def loaded_with_head(self, model: str) -> "LoadedModel":
        """The model, loaded with the head that gives logits."""
        return self._load(self.sources[model], head=True)

    def loaded_base(self, model: str) -> "LoadedModel":
        """The model that a control is made of, loaded."""
        source = self.sources[model]
        return self._load(source.base or source)

    def _load(self, source: "ModelSource", *, head: bool = False) -> "LoadedModel":
        if self._loaded is None or self._loaded.source != source or (head and self._loaded.causal is None):
            self._loaded = None
            gc.collect()
            self.listener.note(f"loading {source.name}")
            self._loaded = load_model(source, self.settings, self.listener.note, head=head)
        return self._loaded

    def unload(self) -> None:
        """Let the model go: it takes a gigabyte, and statistics need none."""
        if self._loaded is not None:
            self._loaded = None
            gc.collect()

    def forces(self, stage: str) -> bool:
        """Whether a stage is to be done again although it is up to date."""
        return stage in self.forced

    @cached_property
    def with_activations(self) -> list[Extraction]:
        """The extractions of train sets under models that have activations, which may make vectors."""
        return [extraction for extraction in self.with_vectors if extraction.has_activations]

    @cached_property
    def with_vectors(self) -> list[Extraction]:
        """The extractions of train sets under models: `with_activations`, and those of which vectors were imported."""
        return [extraction for extraction in self._of_train_sets if extraction.control is None]

    @cached_property
    def controls(self) -> list[Extraction]:
        """The extractions of train sets under controls; a control never counts as a model."""
        return [extraction for extraction in self._of_train_sets if extraction.control and extraction.has_activations]

    @cached_property
    def measured(self) -> list[Extraction]:
        """The extractions that make vectors and have statistics: those of models, then those of controls."""
        return [*self.with_activations, *self.controls]

    @cached_property
    def listed(self) -> list[Extraction]:
        """The extractions whose rows a command prints: those of models; of controls where no model was asked for."""
        return self.with_vectors or self.controls

    @property
    def _of_train_sets(self) -> list[Extraction]:
        return [extraction for extraction in self.extractions if extraction.role == "train"]


@dataclass(frozen=True)
class Task:
    """One folder made from others; `reason` says why it is stale, and is empty when it is up to date."""

    stage: str
    subject: str
    reads: tuple[Path, ...]
    writes: Path
    reason: str
    run: Callable[[Job], None]


def why(manifest: Manifest | None, inputs: Mapping[str, Any]) -> str:
    """Why a result of `inputs` is stale: missing, or made from other inputs; empty when up to date."""
    if manifest is None:
        return NOT_THERE
    changed = sorted(key for key in {*inputs, *manifest.inputs} if inputs.get(key) != manifest.inputs.get(key))
    return f"changed: {', '.join(_shortly(changed))}" if changed else ""


def _shortly(keys: Sequence[str]) -> Iterator[str]:
    """Keys of inputs as a person reads them: several of one kind, such as folders of figures, are counted."""
    for kind, of_kind in groupby(keys, key=lambda key: key.partition(" of ")[0]):
        members = list(of_kind)
        yield f"{len(members)} {kind}" if len(members) > 1 else _readable(members[0])


def _readable(key: str) -> str:
    """A folder of figures is named by its parts, divided by slashes."""
    parts = key.removeprefix(FIGURES_OF)
    return FIGURES_OF + "/".join(json.loads(parts)) if parts != key else key


def fingerprint(partition: Partition, part: str = "") -> str | None:
    """Content hash of a committed partition, or of one part of it; None where it is missing."""
    manifest = partition.manifest()
    if manifest is None:
        return None
    return manifest.fingerprint_of(part) if part else manifest.fingerprint


def parts_task(
    stage: str,
    subject: str,
    partition: Partition,
    *,
    reads: Mapping[str, Partition],
    inputs: Mapping[str, Any],
    part_names: Sequence[str],
    make: Callable[[Job, str], pa.Table],
) -> Task:
    """A task that makes one file for each wanted part of a partition of `reads`, and keeps the parts that are still true."""
    inputs = {**inputs, **{name: fingerprint(read) for name, read in reads.items()}}

    def state() -> tuple[str, Mapping[str, FileEntry]]:
        manifest = partition.manifest()
        stored = {entry.part: entry for entry in manifest.files} if manifest else {}
        return why(manifest, inputs), stored

    stale, stored = state()
    missing = [part for part in part_names if part not in stored]
    reason = stale or (f"missing: {', '.join(missing)}" if missing else "")

    def run(job: Job) -> None:
        with partition.hold(wait=True):
            # another process may have been here since the plan was made
            stale, stored = state()
            reused: Mapping[str, FileEntry] = {} if stale or job.forces(stage) else stored
            entries = [
                reused.get(part) or partition.write([make(job, part)], part=part) for part in sorted({*stored, *part_names})
            ]
            partition.commit(entries, inputs, reads={name: read.place for name, read in reads.items()})

    return Task(stage, subject, tuple(read.folder for read in reads.values()), partition.folder, reason, run)
