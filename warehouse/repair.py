"""Repairs what `warehouse.verify` finds, and deletes nothing that was ever committed: bad files are put aside in quarantine.

What is left of a table that is all or none becomes finished parts of unfinished work: the next run makes only what is missing.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from warehouse.disk import make_folder, naming, sync_folder
from warehouse.errors import HeldError, StoreError
from warehouse.lock import LOCK_FILES, held
from warehouse.migrations import is_unfinished, migrate, move_notes
from warehouse.protocol import CONTROL, MANIFEST, PENDING
from warehouse.schema import TABLES
from warehouse.store import QUARANTINE, Partition, Store
from warehouse.verify import KINDS, Fault, verify


def repair(store: Store, faults: Iterable[Fault]) -> list[Fault]:
    """The faults again, each with what was done about it; those that only a person or a new run can repair are left."""
    done, faults = _moved_notes(store, list(faults))
    by_place: dict[Path, list[Fault]] = {}
    for fault in faults:
        action = KINDS[fault.check].repair if fault.check in KINDS else ""
        if action == "migrate":
            continue  # all at once, below
        if action:
            by_place.setdefault(_place(store, fault.file.parent), []).append(fault)
        else:
            done.append(fault)
    for place, members in by_place.items():
        partition = _partition_at(store, place)
        try:
            with _hold(store, place, partition):
                done += [fault._replace(done=action) for fault, action in _repaired(store, partition, members)]
        except HeldError as error:
            done += [fault._replace(done=f"left: {error}") for fault in members]
    older = [fault for fault in faults if fault.check == "older"]
    if older or is_unfinished(store):
        migrate(store)
        done += [fault._replace(done="migrated") for fault in older]
    store.finish()
    return done


def _moved_notes(store: Store, faults: list[Fault]) -> tuple[list[Fault], list[Fault]]:
    """Bring all partitions into this layout; what was done, and the faults that can be seen only then."""
    of_layout = [fault for fault in faults if fault.check == "layout"]
    if not of_layout:
        return [], faults
    done = []
    for fault in of_layout:
        partition = _partition_at(store, _place(store, fault.file))
        try:
            if partition:
                move_notes(partition)
            done.append(fault._replace(done="migrated"))
        except HeldError as error:
            done.append(fault._replace(done=f"left: {error}"))
    return done, [fault for fault in verify(store) if fault.check != "layout"]


def _place(store: Store, folder: Path) -> Path:
    """The place of the partition or artifacts that a folder belongs to, as seen from the store's root."""
    parts = folder.relative_to(store.root).parts
    if parts[:1] == (CONTROL,):
        parts = parts[1:-1] if parts[-1] == PENDING else parts[1:]
    return Path(*parts)


def _partition_at(store: Store, place: Path) -> Partition | None:
    table = next(iter(place.parts), "")
    of_table = store.folders(table) if table in TABLES else []
    return next((partition for partition in of_table if partition.folder == store.root / place), None)


def _hold(store: Store, place: Path, partition: Partition | None) -> AbstractContextManager[None]:
    # also finishes what a killed writer left, which the faults may be about
    return partition.hold() if partition else held(store.root / place)


def _repaired(store: Store, partition: Partition | None, faults: Sequence[Fault]) -> list[tuple[Fault, str]]:
    actions: dict[str, Callable[[Path], str]] = {
        "remove": _remove,
        "finish": lambda path: "finished",
        "quarantine": lambda path: _put_aside(store, path),
        "quarantine_folder": lambda path: _put_all_aside(store, partition, path),
        "drop": lambda path: "no longer listed",
    }
    lost = {
        fault.file.name
        for fault in faults
        if KINDS[fault.check].repair in ("quarantine", "drop") and fault.check not in ("foreign", "unlisted")
    }
    # put aside first: a bad file that no manifest lists would look like a superseded one to the next writer
    repaired = [(fault, actions[KINDS[fault.check].repair](fault.file)) for fault in faults]
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
        _put_all_aside(store, dependent, dependent.control / MANIFEST)
    parts = [entry for entry in good if entry.part]
    if parts:
        partition.save_progress([*parts, *partition.progress()])
    _put_aside(store, partition.control / MANIFEST)
    partition.finish()


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


def _remove(path: Path) -> str:
    with naming(path):
        path.unlink(missing_ok=True)
        sync_folder(path.parent)
    return "removed"


def _put_all_aside(store: Store, partition: Partition | None, manifest: Path) -> str:
    """Put a manifest and all files beside it or in its data folder aside, the manifest first: it counts no more."""
    _put_aside(store, manifest)
    for folder in partition.folders.all if partition else (manifest.parent,):
        for path in sorted(folder.iterdir()):
            if path.name not in (*LOCK_FILES, PENDING):
                _put_aside(store, path)
    return f"moved to {QUARANTINE}/, with what it listed"


def _put_aside(store: Store, path: Path) -> str:
    target = store.root / QUARANTINE / path.relative_to(store.root)
    make_folder(target.parent)
    number, free = 0, target
    while os.path.lexists(free):
        number += 1
        free = target.with_name(f"{target.name}.{number}")
    with naming(path):
        if os.path.lexists(path):
            os.rename(path, free)  # noqa: PTH104
        sync_folder(path.parent)
        sync_folder(free.parent)
    return f"moved to {QUARANTINE}/"
