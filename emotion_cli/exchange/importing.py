"""Activations made elsewhere to an extraction like any other: read once in batches, validated as a whole, then committed.

DuckDB checks every batch and keeps the place of every row; the activations go to a file on disk as they come. So the order of
the rows does not matter, and memory holds a few batches.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from emotion_cli.engines.local import PART_BYTES
from emotion_cli.errors import UsageError
from emotion_cli.exchange.rows import MOST_FAULTS, PROMPT_COLUMNS, Pair, Rows
from emotion_cli.exchange.scratch import Scratch
from emotion_cli.exchange.sources import NAMES, Source, reading, sources_of
from emotion_cli.job.datasets import Version, ensure_imported, known_datasets, newest_version
from emotion_cli.job.extractions import COMPLETE, Extraction, Pairs
from emotion_cli.job.listener import Listener, Silence
from emotion_cli.job.profiles import write_profiles
from emotion_cli.job.versions import versions
from emotion_cli.prompts.prompt_set import MOST_FAULTS_SHOWN, ROLES, PromptSet
from emotion_cli.prompts.shipped import shipped_prompt_set
from emotion_cli.settings import BOS_RULES, DTYPES
from emotion_cli.suggestions import unknown
from emotion_cli.wording import counted
from warehouse.schema import SCHEMA_VERSION, TABLES
from warehouse.store import FileEntry, Partition, Store, content_hash, table_of

AGAIN = "fix these rows, then run the same command again; nothing was changed"


@dataclass(frozen=True)
class Declared:
    """What the user states about activations made elsewhere; it goes into their id, and None means unknown."""

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
    """The result of an import; `is_new` is False where the store had it already."""

    extraction: Extraction
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

    UsageError lists every fault with its file and row, or says that the dataset is unknown. Then the store is unchanged.
    """
    declared, listener = declared or Declared(), listener or Silence()
    if role is not None and role not in ROLES:
        raise unknown("--role", role, ROLES)
    store.partition("activations", dataset=dataset, model=model, extraction_id="x")  # refuses names that no folder can have
    known = _known_version(store, dataset, role, create_dataset)
    known_prompts = _prompt_columns(store, known) if known else None
    faults: list[str] = []
    sources = sources_of(origins, faults)
    _note_unread(sources, listener)
    with Scratch(store.root) as scratch, Rows(sources, dataset, known_prompts, declared.n_layers) as rows:
        with listener.progress(f"{dataset}, {model}: reading", rows=sum(source.n_rows for source in sources)) as advance:
            _read(sources, rows, scratch, faults, advance)
        if known:
            prompt_set, version = None, known
        else:
            prompt_set = _new_set(rows, role or "train", faults)
            version = Version(dataset, prompt_set.role, prompt_set.sha256)
        if faults:
            raise _refused(dataset, faults)
        pairs = rows.arrange()
        identity = {
            "rows_sha256": _rows_sha256(scratch, rows, pairs),
            "dataset": dataset,
            "prompts_sha256": version.prompts_sha256,
            "model": model,
            "schema_version": SCHEMA_VERSION,
            **asdict(declared),
        }
        extraction = Extraction(dataset, version.role, version.prompts_sha256, model, content_hash(identity)[:16])
        layers = {pooling: [layer for _, layer in of_pooling] for pooling, of_pooling in groupby(pairs, key=itemgetter(0))}
        imported = Imported(extraction, layers, rows.n_prompts, rows.width, is_new=not _is_there(store, extraction))
        if imported.is_new:
            _ensure_prompts(store, version, prompt_set, origins)
            names = [str(origin) if isinstance(origin, Path) else "table" for origin in origins]
            _commit(store, imported, declared, _Parts(scratch, rows, pairs), names)
    return imported


def _read(sources: Sequence[Source], rows: Rows, scratch: Scratch, faults: list[str], advance: Callable[[int], None]) -> None:
    """Take in all rows, and their activations as long as nothing is at fault."""
    n_rows = None if faults else sum(source.n_rows for source in sources)
    for source in sources:
        with reading(source, faults):
            for batch in source.batches():
                faults += rows.check(batch)
                if len(faults) > MOST_FAULTS:
                    faults[MOST_FAULTS:] = [f"reading stopped after {MOST_FAULTS} faults"]
                    return
                if not faults:
                    scratch.append(batch["activation"])
                advance(batch.num_rows)
    faults += rows.check_all(n_rows)


def _known_version(store: Store, dataset: str, role: str | None, create: bool) -> Version | None:
    if dataset not in known_datasets(store):
        if create:
            return None
        raise unknown("--dataset", dataset, known_datasets(store), hint="--create-dataset makes it of the texts in the files")
    newest = newest_version(store, dataset)
    if role not in (None, newest.role):
        raise UsageError(f"--role {role}: dataset {dataset} has role {newest.role}", hint="choose another name for the dataset")
    return newest


def _prompt_columns(store: Store, known: Version) -> dict[str, list[Any]]:
    partition = store.partition("prompts", dataset=known.dataset, prompts_sha256=known.prompts_sha256)
    if partition.manifest() is None:
        return shipped_prompt_set(known.dataset).columns()
    return partition.read(PROMPT_COLUMNS).to_pydict()


def _note_unread(sources: Sequence[Source], listener: Listener) -> None:
    unread = sorted({name for source in sources for name in source.schema.names if name not in NAMES})
    if unread:
        listener.note(f"columns that are not read: {', '.join(unread)}")


def _new_set(rows: Rows, role: str, faults: Sequence[str]) -> PromptSet:
    try:
        return rows.new_dataset(role, faults)
    except UsageError as error:
        # questions are answered where prompts are imported
        accept = f"emo datasets import FILE --dataset {rows.dataset} --accept-labels"
        asks = "--accept-labels" in (error.hint or "")
        raise UsageError(str(error), hint=f"{AGAIN}; or import the prompts first: {accept}" if asks else AGAIN) from None


def _refused(dataset: str, faults: Sequence[str]) -> UsageError:
    shown = [f"  {fault}" for fault in faults[:MOST_FAULTS_SHOWN]]
    more = [f"  and {len(faults) - len(shown)} more"] if len(faults) > len(shown) else []
    return UsageError(
        "\n".join([f"dataset {dataset}: {counted(len(faults), 'fault')}, nothing was imported", *shown, *more]), hint=AGAIN
    )


def _rows_sha256(scratch: Scratch, rows: Rows, pairs: Sequence[Pair]) -> str:
    """SHA-256 in hex of the rows in canonical order: by pooling, layer and prompt id, as float32."""
    digest = hashlib.sha256()
    for pair in pairs:
        placed = rows.of_pair(pair, 0, rows.n_prompts).sort_by("prompt_id")
        digest.update(json.dumps([*pair, placed["prompt_id"].to_pylist()]).encode())
        for first in range(0, len(placed), 1024):
            digest.update(scratch.read(placed["this_row"][first : first + 1024], rows.width).tobytes())
    return digest.hexdigest()


def _is_there(store: Store, extraction: Extraction) -> bool:
    return all(extraction.partition(store, table).manifest() is not None for table in ("activations", "extractions"))


def _ensure_prompts(store: Store, version: Version, prompt_set: PromptSet | None, origins: Sequence[Path | pa.Table]) -> None:
    if prompt_set is None:
        ensure_imported(store, version.dataset)
        return
    partition = store.partition("prompts", dataset=version.dataset, prompts_sha256=version.prompts_sha256)
    with partition.hold():
        names = [origin.name for origin in origins if isinstance(origin, Path)]
        partition.commit([partition.write([table_of("prompts", prompt_set.columns())])], {"source": ", ".join(names)})


class _Parts:
    """Parts like those of an extraction: all pairs of so many prompts, a row group each."""

    def __init__(self, scratch: Scratch, rows: Rows, pairs: Sequence[Pair]) -> None:
        self.scratch, self.rows, self.pairs = scratch, rows, pairs

    def write(self, partition: Partition) -> list[FileEntry]:
        size = max(1, PART_BYTES // (len(self.pairs) * self.rows.width * 4))
        return [
            partition.write(self._row_groups(first, first + size), part=f"import|{first}")
            for first in range(0, self.rows.n_prompts, size)
        ]

    def _row_groups(self, first: int, stop: int) -> Iterator[pa.Table]:
        for pooling, layer in self.pairs:
            placed = self.rows.of_pair((pooling, layer), first, stop)
            if not len(placed):
                continue
            values = self.scratch.read(placed["this_row"], self.rows.width)
            yield table_of(
                "activations",
                {
                    "pooling": [pooling] * len(placed),
                    "layer": [layer] * len(placed),
                    "prompt_id": placed["prompt_id"],
                    "emotion": placed["emotion"],
                    "n_tokens": [None] * len(placed),
                    "activation": pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), self.rows.width),
                },
                d_model=self.rows.width,
            )


def _commit(store: Store, imported: Imported, declared: Declared, parts: _Parts, names: Sequence[str]) -> None:
    extraction = imported.extraction
    activations, extractions = (extraction.partition(store, table) for table in ("activations", "extractions"))
    row = {
        **dict.fromkeys(TABLES["extractions"].nullable),
        **asdict(declared),
        "prompts_sha256": extraction.prompts_sha256,
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
        # the row of the extraction comes last: commands look for it
        entry = extractions.write([table_of("extractions", {key: [value] for key, value in row.items()})])
        extractions.commit([entry], {"activations": made.fingerprint}, reads={"activations": activations.place})
    write_profiles(store, extraction)
