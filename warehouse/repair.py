"""Repairs what `warehouse.verify` finds, and deletes nothing that was ever committed: bad files are put aside in quarantine.

What is left of a table that is all or none becomes finished parts of unfinished work: the next run makes only what is missing.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from warehouse import protocol
from warehouse.errors import HeldError, StoreError
from warehouse.lock import LOCK_FILES, held
from warehouse.migrations import migrate
from warehouse.protocol import MANIFEST
from warehouse.schema import TABLES
from warehouse.store import QUARANTINE, Partition, Store
from warehouse.verify import KINDS, Fault


def repair(store: Store, faults: Iterable[Fault]) -> list[Fault]:
    """The faults again, each with what was done about it; those that only a person or a new run can repair are left."""
    done: list[Fault] = []
    by_folder: dict[Path, list[Fault]] = {}
    for fault in faults:
        action = KINDS[fault.check].repair if fault.check in KINDS else ""
        if action == "migrate":
            continue  # all at once, below
        if action:
            by_folder.setdefault(fault.file.parent, []).append(fault)
        else:
            done.append(fault)
    for folder, members in by_folder.items():
        try:
            with held(folder):
                done += [fault._replace(done=action) for fault, action in _repaired(store, folder, members)]
        except HeldError as error:
            done += [fault._replace(done=f"left: {error}") for fault in members]
    older = [fault for fault in faults if fault.check == "older"]
    if older:
        migrate(store)
        done += [fault._replace(done="migrated") for fault in older]
    return done


def _repaired(store: Store, folder: Path, faults: Sequence[Fault]) -> list[tuple[Fault, str]]:
    actions: dict[str, Callable[[Path], str]] = {
        "remove": _remove,
        "quarantine": lambda path: _put_aside(store, path),
        "quarantine_folder": lambda path: _put_folder_aside(store, path.parent),
        "drop": lambda path: "no longer listed",
    }
    lost = {
        fault.file.name for fault in faults if KINDS[fault.check].repair in ("quarantine", "drop") and fault.check != "foreign"
    }
    # put aside first: a bad file that no manifest lists would look like an orphan to the next repair
    repaired = [(fault, actions[KINDS[fault.check].repair](fault.file)) for fault in faults]
    partition = _partition_at(store, folder)
    if lost and partition:
        _unlist(store, partition, lost)
    return repaired


def _unlist(store: Store, partition: Partition, lost: set[str]) -> None:
    """Commit a partition without its lost files; one that is all or none is withdrawn, and its whole parts are noted."""
    manifest = partition.manifest()
    if manifest is None:
        return
    good = [entry for entry in manifest.files if entry.name not in lost]
    if not partition.table.all_or_none and good:
        partition.commit(good, manifest.inputs, reads=manifest.reads)
        return
    for dependent in _described_by(store, partition):
        _put_folder_aside(store, dependent.folder)
    parts = [entry for entry in good if entry.part]
    if parts:
        protocol.save_progress(partition.folder, [*parts, *partition.progress()])
    _put_aside(store, partition.folder / MANIFEST)


def _described_by(store: Store, partition: Partition) -> list[Partition]:
    """Partitions that say that this one is complete, and so have to go before it."""
    candidates = [
        store.partition(table.name, **partition.keys)
        for table in TABLES.values()
        if table.all_or_none and table.name != partition.table.name and table.partition_by == partition.table.partition_by
    ]
    describing = []
    for candidate in candidates:
        try:
            manifest = candidate.manifest()
        except StoreError:
            continue
        if manifest and partition.place in manifest.origins:
            describing.append(candidate)
    return describing


def _partition_at(store: Store, folder: Path) -> Partition | None:
    table = next(iter(folder.relative_to(store.root).parts), "")
    return (
        next((partition for partition in store.folders(table) if partition.folder == folder), None) if table in TABLES else None
    )


def _remove(path: Path) -> str:
    with protocol.naming(path):
        path.unlink(missing_ok=True)
        protocol.sync_folder(path.parent)
    return "removed"


def _put_folder_aside(store: Store, folder: Path) -> str:
    for path in sorted(folder.iterdir()):
        if path.name not in LOCK_FILES:
            _put_aside(store, path)
    return f"moved to {QUARANTINE}/, with what it listed"


def _put_aside(store: Store, path: Path) -> str:
    target = store.root / QUARANTINE / path.relative_to(store.root)
    protocol.make_folder(target.parent)
    number, free = 0, target
    while os.path.lexists(free):
        number += 1
        free = target.with_name(f"{target.name}.{number}")
    with protocol.naming(path):
        if os.path.lexists(path):
            os.rename(path, free)  # noqa: PTH104
        protocol.sync_folder(path.parent)
        protocol.sync_folder(free.parent)
    return f"moved to {QUARANTINE}/"
