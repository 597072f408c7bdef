"""From an earlier schema or layout to this one: rows are rewritten step by step, and derived results stay valid."""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from warehouse import protocol, schema
from warehouse.disk import TEMPORARY, make_folder, move, naming, remove_empty, replace_file, sync_folder
from warehouse.lock import LOCK_FILES, held
from warehouse.parquet import table_of
from warehouse.protocol import CONTROL, MANIFEST, PROGRESS, Manifest
from warehouse.schema import TABLES
from warehouse.store import Partition, Store

NEW_IN_2 = ("n_recomputed", "recomputed_error", "template_sha256", "ignores_mean")
"""Columns of `extractions` of which older rows know nothing."""


def _more_of_extractions(table: str, columns: dict[str, Any]) -> dict[str, Any]:
    """Version 2: extractions record the recomputed sample, the template's hash, and whether the model ignores the mean."""
    if table != "extractions":
        return columns
    return columns | dict.fromkeys(NEW_IN_2, [None] * len(columns["created_at"]))


NEW_IN_3 = {
    "prompts": ("cluster",),
    "extractions": ("control",),
    **{name: ("null_kind", "mc_error", "n_sampled") for name, table in TABLES.items() if "null_kind" in table.column_names},
}
"""Columns by table of which older rows know nothing, besides those that say what a statistic is of."""

SUBJECTS_IN_3 = ("control", "target_emotion", "test_set")
"""Columns of statistics that are NULL in every older row."""


def _more_of_statistics(table: str, columns: dict[str, Any]) -> dict[str, Any]:
    """Version 3: statistics say what they are of and what they are compared with; `mapping` was called `direction`."""
    if "direction" in columns:
        columns = columns | {"mapping": columns["direction"]}
    absent = [*NEW_IN_3.get(table, ()), *(name for name in SUBJECTS_IN_3 if name in TABLES[table].column_names)]
    n_rows = len(next(iter(columns.values())))
    return columns | {name: [None] * n_rows for name in absent}


STEPS: dict[int, Callable[[str, dict[str, Any]], dict[str, Any]]] = {1: _more_of_extractions, 2: _more_of_statistics}
"""By the version that it starts from: (table, columns of one row group) to the columns of the next version.

A new version adds its step here, and old stores can be read for ever.
"""


def is_of_earlier_layout(partition: Partition) -> bool:
    """Whether a partition's folder holds a manifest, a note or a lock: up to emo 0.4 they lay beside the parts."""
    return any(os.path.lexists(partition.folder / name) for name in (MANIFEST, PROGRESS, *LOCK_FILES))


def move_notes(partition: Partition) -> None:
    """Bring a partition of the earlier layout into this one; HeldError when a process of either layout is writing it.

    Parts that neither its manifest nor its note lists are removed, as they were by the repair of that layout. A crash leaves a
    partition of the earlier layout, or this one with a lock that is no longer used; the same again ends it.
    """
    with held(partition.folder), held(partition.control):
        # the manifest last: from then on commands read the partition
        for name in (PROGRESS, MANIFEST):
            if os.path.lexists(partition.folder / name):
                make_folder(partition.control)
                move(partition.folder / name, partition.control / name)
                sync_folder(partition.control)
        partition.finish()
        with naming(partition.folder):
            for path in sorted(partition.folder.iterdir()):
                if path.name in LOCK_FILES or path.name.startswith(TEMPORARY):
                    os.unlink(path)  # noqa: PTH108 - the system calls of the protocol are spelled out
            sync_folder(partition.folder)
    remove_empty(partition.folder, partition.root)


RENAMED = "migration.json"
"""In the store's `_emo`, while rows are rewritten: the fingerprints of rewritten content, from the old one to the new."""


def is_unfinished(store: Store) -> bool:
    """Whether an earlier `migrate` was killed."""
    return (store.root / CONTROL / RENAMED).exists()


def migrate(store: Store) -> None:
    """Rewrite every partition of an earlier version; what was derived from it still counts as made of it.

    After a crash the same again goes on: the note says which fingerprints were changed, and is written before each commit.
    """
    note = store.root / CONTROL / RENAMED
    renamed: dict[str, str] = json.loads(note.read_text(encoding="utf-8")) if note.exists() else {}
    for table in TABLES:
        for partition in store.partitions(table):
            manifest = partition.manifest()
            if manifest and manifest.schema_version < schema.SCHEMA_VERSION:
                with partition.hold():
                    files = [
                        replace(
                            partition.write(_rows(partition, partition.path_of(entry), manifest.schema_version)),
                            part=entry.part,
                            cost=entry.cost,
                            recipe=entry.recipe,
                        )
                        for entry in manifest.files
                    ]
                    renamed |= _new_fingerprints(manifest, replace(manifest, files=tuple(files)))
                    replace_file(note, json.dumps(renamed).encode())
                    partition.commit(files, manifest.inputs, reads=manifest.reads)
    for folder in (folders.control for folders in store.all_folders()):
        manifest = protocol.read_manifest(folder)
        if manifest and any(value in renamed for value in manifest.inputs.values() if isinstance(value, str)):
            inputs = {
                name: renamed.get(value, value) if isinstance(value, str) else value for name, value in manifest.inputs.items()
            }
            with held(folder):
                protocol.commit(folder, replace(manifest, inputs=inputs))
    note.unlink(missing_ok=True)


def _new_fingerprints(former: Manifest, current: Manifest) -> dict[str, str]:
    """From the fingerprints of a partition and its parts to those of the same rows as they are now."""
    names = {name for entry in former.files for name in (entry.part, entry.part.partition(":")[2])}
    pairs = [(former.fingerprint_of(name), current.fingerprint_of(name)) for name in sorted(names)]
    return {former.fingerprint: current.fingerprint} | {before: after for before, after in pairs if before and after}


def _rows(partition: Partition, path: Path, version: int) -> Iterator[pa.Table]:
    with pq.ParquetFile(path) as file:
        for i in range(file.num_row_groups):
            group = file.read_row_group(i)
            widths = [field.type.list_size for field in group.schema if pa.types.is_fixed_size_list(field.type)]
            columns: dict[str, Any] = {name: group[name].combine_chunks() for name in group.column_names}
            for step in range(version, schema.SCHEMA_VERSION):
                columns = STEPS[step](partition.table.name, columns)
            yield table_of(partition.table.name, columns, d_model=widths[0] if widths else None)
