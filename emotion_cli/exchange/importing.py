"""Activations made elsewhere to an extraction like any other: read twice in batches, validated as a whole, then committed.

The first pass reads all columns but the activations and says which rows belong where; the second puts each activation at
its place in a file on disk. So the order of the rows does not matter, and memory holds some 40 bytes a row and a few batches.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from emotion_cli.engines.local import PART_BYTES
from emotion_cli.errors import UsageError
from emotion_cli.exchange.incoming import NAMES, Faults, Source, TooManyFaultsError, sources_of
from emotion_cli.exchange.placing import Index, Layout, Scratch
from emotion_cli.job.datasets import Version, ensure_imported, known_datasets, newest_version
from emotion_cli.job.extractions import COMPLETE, Extraction, Pairs
from emotion_cli.job.listener import Listener, Silence
from emotion_cli.job.versions import versions
from emotion_cli.prompts.matching import KnownPrompts, NewPrompts, Prompts
from emotion_cli.prompts.prompt_set import MOST_FAULTS_SHOWN, ROLES, PromptSet
from emotion_cli.prompts.shipped import shipped_prompt_set
from emotion_cli.settings import BOS_RULES, DTYPES
from emotion_cli.suggestions import unknown
from warehouse.schema import SCHEMA_VERSION, TABLES
from warehouse.store import FileEntry, Partition, Store, content_hash, table_of

AGAIN = "mend these places, then run the same command again; nothing was changed"


@dataclass(frozen=True)
class Declared:
    """What is said about activations made elsewhere, and goes into their id; None is not known."""

    n_layers: int | None = None
    dtype: str | None = None
    bos: str | None = None
    chat_template: bool | None = None
    revision: str | None = None

    def __post_init__(self) -> None:
        if self.n_layers is not None and self.n_layers < 1:
            raise UsageError(f"--n-layers: {self.n_layers} is not a positive number")
        for flag, value, choices in (("dtype", self.dtype, DTYPES[1:]), ("bos", self.bos, BOS_RULES)):
            if value is not None and value not in choices:
                raise unknown(f"--{flag}", value, choices)


class Imported(NamedTuple):
    """What an import made, or found to be there already (`is_new` False)."""

    scope: Extraction
    pairs: Pairs
    n_prompts: int
    d_model: int
    is_new: bool


def import_activations(
    store: Store,
    origins: Sequence[Path | pa.Table],
    *,
    dataset: str,
    model: str,
    declared: Declared | None = None,
    create_dataset: bool = False,
    role: str | None = None,
    listener: Listener | None = None,
) -> Imported:
    """Make an extraction of Parquet files or Arrow tables, whose columns docs/import.md lists.

    UsageError lists every fault with its file and row; and when the dataset is not known and not to be created.
    The store is as it was before when either is raised.
    """
    declared, listener = declared or Declared(), listener or Silence()
    if role is not None and role not in ROLES:
        raise unknown("--role", role, ROLES)
    store.partition("activations", dataset=dataset, model=model, extraction_id="x")  # refuses names that no folder can have
    known = _known_version(store, dataset, role, create_dataset)
    prompts = KnownPrompts(dataset, _prompt_columns(store, known)) if known else NewPrompts()
    faults = Faults()
    with Scratch(store.root) as scratch:
        validated = _validated(scratch, origins, prompts, declared, faults, listener, f"{dataset}, {model}")
        prompt_set = _new_set(prompts, dataset, role or "train", faults) if isinstance(prompts, NewPrompts) else None
        if validated is None:
            raise _refused(dataset, faults)
        layout, width = validated
        version_ = Version(dataset, prompt_set.role, prompt_set.sha256) if prompt_set else newest_version(store, dataset)
        rows_sha256 = _rows_sha256(scratch, layout, prompts)
        identity = {
            "rows_sha256": rows_sha256,
            "dataset": dataset,
            "prompts_sha256": version_.prompts_sha256,
            "model": model,
            "schema_version": SCHEMA_VERSION,
            **asdict(declared),
        }
        scope = Extraction(dataset, version_.role, version_.prompts_sha256, model, content_hash(identity)[:16])
        numbers = _numbers_in_order(layout, prompts)
        imported = Imported(scope, layout.layers, len(numbers), width, is_new=not _is_there(store, scope))
        if imported.is_new:
            _ensure_prompts(store, version_, prompt_set, origins)
            names = [str(origin) if isinstance(origin, Path) else "table" for origin in origins]
            _commit(store, imported, declared, _Parts(scratch, layout, prompts, numbers, width), names)
    return imported


def _known_version(store: Store, dataset: str, role: str | None, create: bool) -> Version | None:
    if dataset not in known_datasets(store):
        if create:
            return None
        raise unknown("--dataset", dataset, known_datasets(store), hint="--create-dataset makes it of the texts in the files")
    found = newest_version(store, dataset)
    if role not in (None, found.role):
        raise UsageError(f"--role {role}: dataset {dataset} has role {found.role}", hint="choose another name for the dataset")
    return found


def _prompt_columns(store: Store, known: Version) -> dict[str, list[Any]]:
    partition = store.partition("prompts", dataset=known.dataset, prompts_sha256=known.prompts_sha256)
    if partition.manifest() is None:
        return shipped_prompt_set(known.dataset).columns()
    return partition.read(["prompt_id", "topic", "emotion", "text"]).to_pydict()


def _validated(
    scratch: Scratch,
    origins: Sequence[Path | pa.Table],
    prompts: Prompts,
    declared: Declared,
    faults: Faults,
    listener: Listener,
    subject: str,
) -> tuple[Layout, int] | None:
    """Both passes; None when there is a fault."""
    with suppress(TooManyFaultsError):
        sources = sources_of(origins, faults)
        _note_unread(sources, listener)
        index = Index(prompts, declared.n_layers, sources, faults)
        total = sum(source.n_rows for source in sources)
        with listener.rows(f"{subject}: checking", total) as advance:
            index.read(advance)
        layout = index.layout()
        with listener.rows(f"{subject}: reading", total) as advance:
            width = index.fill(scratch, layout, advance)
        if not faults.found and width:
            return layout, width
    return None


def _note_unread(sources: Sequence[Source], listener: Listener) -> None:
    unread = sorted({name for source in sources for name in source.schema.names if name not in NAMES})
    if unread:
        listener.note(f"columns that are not read: {', '.join(unread)}")


def _new_set(prompts: NewPrompts, dataset: str, role: str, faults: Faults) -> PromptSet:
    try:
        return prompts.prompt_set(dataset, role, faults.found)
    except UsageError as error:
        # questions are answered where prompts are imported
        accept = f"emo datasets import FILE --dataset {dataset} --accept-labels"
        asks = "--accept-labels" in (error.hint or "")
        raise UsageError(str(error), hint=f"{AGAIN}; or import the prompts first: {accept}" if asks else AGAIN) from None


def _refused(dataset: str, faults: Faults) -> UsageError:
    shown = [f"  {fault}" for fault in faults.found[:MOST_FAULTS_SHOWN]]
    more = [f"  and {len(faults.found) - len(shown)} more"] if len(faults.found) > len(shown) else []
    return UsageError(
        "\n".join([f"dataset {dataset}: {len(faults.found)} faults, nothing was imported", *shown, *more]), hint=AGAIN
    )


def _rows_sha256(scratch: Scratch, layout: Layout, prompts: Prompts) -> str:
    """SHA-256 in hex of the rows in canonical order: by pooling, layer and prompt id, as float32."""
    digest = hashlib.sha256()
    for pooling, layer in layout.pairs:
        ids = [prompts.prompt_ids[number] for number in layout.members[pooling].tolist()]
        digest.update(json.dumps([pooling, layer, ids]).encode())
        start = layout.start[pooling, layer]
        for first in range(0, len(ids), 1024):
            digest.update(scratch.get(np.arange(start + first, start + min(first + 1024, len(ids)))).tobytes())
    return digest.hexdigest()


def _numbers_in_order(layout: Layout, prompts: Prompts) -> list[int]:
    """The prompts that have an activation, in the order of the dataset."""
    present = {number for members in layout.members.values() for number in members.tolist()}
    return [number for number in prompts.order if number in present]


def _is_there(store: Store, scope: Extraction) -> bool:
    return all(scope.partition(store, table).manifest() is not None for table in ("activations", "extractions"))


def _ensure_prompts(store: Store, version_: Version, prompt_set: PromptSet | None, origins: Sequence[Path | pa.Table]) -> None:
    if prompt_set is None:
        ensure_imported(store, version_.dataset)
        return
    partition = store.partition("prompts", dataset=version_.dataset, prompts_sha256=version_.prompts_sha256)
    with partition.hold():
        names = [origin.name for origin in origins if isinstance(origin, Path)]
        partition.commit([partition.write([table_of("prompts", prompt_set.columns())])], {"source": ", ".join(names)})


class _Parts:
    """Parts like those of an extraction: all pairs of so many prompts, a row group each."""

    def __init__(self, scratch: Scratch, layout: Layout, prompts: Prompts, numbers: list[int], width: int) -> None:
        self.scratch, self.layout, self.prompts, self.numbers, self.width = scratch, layout, prompts, numbers, width

    def write(self, partition: Partition) -> list[FileEntry]:
        size = max(1, PART_BYTES // (len(self.layout.pairs) * self.width * 4))
        return [
            partition.write(self._row_groups(self.numbers[first : first + size]), part=f"import|{first}")
            for first in range(0, len(self.numbers), size)
        ]

    def _row_groups(self, numbers: list[int]) -> Iterator[pa.Table]:
        for pooling, layer in self.layout.pairs:
            ranks = self.layout.rank[pooling][numbers]
            members = [number for number, rank in zip(numbers, ranks.tolist(), strict=True) if rank >= 0]
            if not members:
                continue
            values = self.scratch.get(self.layout.start[pooling, layer] + ranks[ranks >= 0])
            yield table_of(
                "activations",
                {
                    "pooling": [pooling] * len(members),
                    "layer": [layer] * len(members),
                    "prompt_id": [self.prompts.prompt_ids[number] for number in members],
                    "emotion": [self.prompts.emotions[number] for number in members],
                    "n_tokens": [None] * len(members),
                    "activation": pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), self.width),
                },
                d_model=self.width,
            )


def _commit(store: Store, imported: Imported, declared: Declared, parts: _Parts, names: Sequence[str]) -> None:
    scope = imported.scope
    activations, extractions = (scope.partition(store, table) for table in ("activations", "extractions"))
    row = {
        **dict.fromkeys(TABLES["extractions"].nullable),
        **asdict(declared),
        "prompts_sha256": scope.prompts_sha256,
        "d_model": imported.d_model,
        "poolings": sorted(imported.pairs),
        "layers": sorted({layer for layers in imported.pairs.values() for layer in layers}),
        "n_prompts": imported.n_prompts,
        "versions": json.dumps(versions(("pyarrow",)), sort_keys=True),
        "created_at": datetime.now(UTC),
        "status": COMPLETE,
    }
    with activations.hold(), extractions.hold():
        made = activations.commit(parts.write(activations), {"pairs": imported.pairs, "imported_from": list(names)})
        # the row of the extraction comes last: it is what commands find
        entry = extractions.write([table_of("extractions", {key: [value] for key, value in row.items()})])
        extractions.commit([entry], {"activations": made.fingerprint}, reads={"activations": activations.place})
