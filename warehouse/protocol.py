"""How the files of one partition are committed, so that no reader ever sees half of them, and what a crash leaves.

A partition has two folders. Its data folder, STORE/TABLE/key=value/..., holds the current parts and nothing else: any program can
read it. Its control folder, STORE/_emo/TABLE/key=value/..., holds the manifest, notes and the lock, and in `pending/` parts that
are not committed yet. The only writer of a partition holds its lock.

1. A part is written in `pending/` as `.tmp-*`, flushed and synced.          crash: a `.tmp-*` in the control folder
2. It is renamed to a name that holds the hash of its bytes, and synced.     crash: a part in `pending/` that nothing lists
3. Work in parts notes the finished part in `_progress.json`.                crash: without the note, that part is made again
4. `_manifest.json` (names, rows, sizes, SHA-256, inputs) is written like a
   part and renamed over the old one, the folder is synced: THE COMMIT.      crash: the old content, or the new; never both
5. `_progress.json` is removed, or keeps the parts that were not asked for.  crash: notes of parts that are committed
6. The new parts are moved into the data folder, one by one.                 crash: some are still in `pending/`
7. Superseded parts are removed from the data folder, one by one.            crash: some are still there
8. What nothing lists is removed from the control folder.                    crash: some is still there

Whatever a crash leaves after step 4 is finished (`finish`: steps 5 to 8 again) by the next writer of the partition, by the next
command that plans work, and by `emo verify --repair`. Until then `emo verify` names it. So the data folder holds exactly the
current parts when no command runs and none was killed.

Our readers read the files that the manifest lists and no others, in the data folder or else in `pending/`. A reader that finds a
listed file gone reads the manifest again (`steadily`): a writer has moved or removed the file meanwhile. Whoever has a superseded
part open keeps it. Parts are named by their hash, so a file that a manifest lists is never overwritten by other bytes.

Where a data folder is a link to another disk, a part is copied there as `.tmp-*`, synced and renamed (crash: a `.tmp-*` there).
A partition that is withdrawn loses its manifest first; then its parts are in no manifest, and count no more.

Artifacts (pictures, pages) are no data tables: one folder is both, and their names are fixed, because people know them. They are
replaced one by one before the manifest, and count only while they have the bytes that it lists (crash: none of them count).

Everything but one place is a function of the inputs: times and the host are in the manifest's block `ran`, which is never
compared (and in the columns `seconds` and `created_at` of `extractions`).
"""

import hashlib
import json
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from warehouse import schema
from warehouse.disk import TEMPORARY, file_sha256, make_folder, move, naming, replace_file, sync_folder
from warehouse.errors import NewerError, StoreError

CONTROL = "_emo"
"""Folder of a store in which each partition has its control folder."""

MANIFEST = "_manifest.json"
PROGRESS = "_progress.json"
PENDING = "pending"
"""Folder of parts that are finished and not in their data folder yet."""

TRIES = 10
"""How often a reader looks for listed files that are gone before it says so: commits of one partition are seldom so close."""

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Folders:
    """The folders of one partition: `data` with its current parts, `control` with all else. Artifacts have both in one."""

    data: Path
    control: Path

    @property
    def pending(self) -> Path:
        """Where parts are until they are in `data`."""
        return self.control / PENDING

    @property
    def all(self) -> tuple[Path, ...]:
        """Those that are there, each once."""
        return tuple(folder for folder in dict.fromkeys((self.data, self.control, self.pending)) if folder.is_dir())

    def path_of(self, name: str) -> Path:
        """Where the file of that name is now; where it belongs when it is nowhere."""
        # links count, too: they are refused, not overlooked
        return next((path for folder in (self.data, self.pending) if os.path.lexists(path := folder / name)), self.data / name)


@dataclass(frozen=True)
class FileEntry:
    """One committed file: name, rows, bytes, SHA-256 in hex, what part of the work it is, by what recipe, at what cost."""

    name: str
    rows: int
    size: int
    sha256: str
    part: str = ""
    cost: Mapping[str, float] = field(default_factory=dict)
    recipe: str = ""

    def is_whole(self, folder: Path) -> bool:
        """Whether the file is there with exactly these bytes."""
        path = folder / self.name
        return path.is_file() and not path.is_symlink() and path.stat().st_size == self.size and file_sha256(path) == self.sha256


@dataclass(frozen=True)
class Manifest:
    """The files of a committed folder, its inputs and settings, and the places of the inputs."""

    table: str
    keys: dict[str, str]
    files: tuple[FileEntry, ...]
    inputs: dict[str, Any] = field(default_factory=dict)
    committed_at: str = ""
    schema_version: int = field(default_factory=lambda: schema.SCHEMA_VERSION)
    reads: dict[str, str] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """Rows in all files."""
        return sum(entry.rows for entry in self.files)

    @property
    def fingerprint(self) -> str:
        """Content hash of the files, in any order; two folders with equal bytes have equal fingerprints."""
        return content_hash(sorted(entry.sha256 for entry in self.files))

    def fingerprint_of(self, part: str) -> str | None:
        """As `fingerprint`, of the files of one part and of its families (`family:part`); None where there are none."""
        digests = sorted(entry.sha256 for entry in self.files if part in (entry.part, entry.part.partition(":")[2]))
        return content_hash(digests) if digests else None

    @property
    def origins(self) -> frozenset[str]:
        """The places of the partitions that it was made of, whole or of some part (`place#part`)."""
        return frozenset(place.partition("#")[0] for place in self.reads.values())

    def to_json(self) -> str:
        """The manifest as it is written to disk; what may differ between two equal runs is in `ran` alone."""
        ran = {
            "committed_at": self.committed_at,
            "host": socket.gethostname(),
            "cost": {entry.name: dict(entry.cost) for entry in self.files if entry.cost},
        }
        document = {
            "schema_version": self.schema_version,
            "table": self.table,
            "keys": self.keys,
            "inputs": self.inputs,
            "reads": self.reads,
            "files": [_without_cost(entry) for entry in self.files],
            "ran": ran,
        }
        return json.dumps(document, indent=1, ensure_ascii=False)


def commit(folder: Path, manifest: Manifest) -> None:
    """Step 4: make exactly the manifest's files the content; `folder` is the control folder."""
    replace_file(folder / MANIFEST, manifest.to_json().encode())


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest in a control folder, or None; StoreError when the manifest is damaged, NewerError when it is not for us."""
    path = folder / MANIFEST
    try:
        saved = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise StoreError(f"{path}: the manifest cannot be read: {error}", hint="emo verify --repair") from error
    try:
        refuse_newer(path, saved["schema_version"])
        costs = saved["ran"]["cost"]
        files = tuple(FileEntry(**entry, cost=costs.get(entry["name"], {})) for entry in saved["files"])
        if not all(isinstance(entry.rows, int) and isinstance(entry.size, int) for entry in files):
            raise TypeError("rows and sizes are numbers")
        # a name and nothing else: no way out of the folder, none of the store's own files
        if not all(entry.name and not entry.name.startswith(".") and not {*entry.name} & {"/", "\0"} for entry in files):
            raise StoreError(f"{path}: the manifest lists a file outside its folder", hint="emo verify --repair")
        return Manifest(
            saved["table"],
            saved["keys"],
            files,
            saved["inputs"],
            saved["ran"]["committed_at"],
            saved["schema_version"],
            saved["reads"],
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise StoreError(f"{path}: the manifest is not complete: {error}", hint="emo verify --repair") from error


def refuse_link(path: Path) -> None:
    """StoreError when a committed file is a symbolic link: the store writes none, and a link may lead outside of the store."""
    if path.is_symlink():
        raise StoreError(f"{path} is a link to another place, not the file that was committed", hint="emo verify --repair")


def refuse_newer(path: Path, version: int) -> None:
    """NewerError when a file says that a later schema wrote it."""
    if version > schema.SCHEMA_VERSION:
        raise NewerError(
            f"{path}: written by a newer emo (schema {version}, this one reads up to {schema.SCHEMA_VERSION})", hint="upgrade emo"
        )


def read_progress(folders: Folders) -> tuple[FileEntry, ...]:
    """Finished parts of incomplete work, as far as their files are still whole; none where the note is damaged."""
    return tuple(entry for entry in noted(folders.control) if entry.is_whole(folders.path_of(entry.name).parent))


def noted(folder: Path) -> list[FileEntry]:
    """The parts that are noted in a control folder, whole or not."""
    try:
        saved = json.loads((folder / PROGRESS).read_text(encoding="utf-8"))
        return [FileEntry(**entry) for entry in saved["files"]]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def save_progress(folder: Path, files: Sequence[FileEntry]) -> None:
    """Step 3 (and 5): note these parts for a later run in a control folder; no parts, no note."""
    if files:
        text = json.dumps({"files": [vars(entry) for entry in files]}, ensure_ascii=False)
        replace_file(folder / PROGRESS, text.encode())
    elif (folder / PROGRESS).exists():
        with naming(folder):
            os.unlink(folder / PROGRESS)  # noqa: PTH108


@dataclass(frozen=True)
class Unfinished:
    """What a crash left to do in a partition: parts to move, parts to remove, and in its control folder what nothing lists."""

    to_data: tuple[Path, ...]
    to_pending: tuple[Path, ...]
    superseded: tuple[Path, ...]
    leftovers: tuple[Path, ...]
    temporary: tuple[Path, ...]
    stale_notes: tuple[str, ...]

    def __bool__(self) -> bool:
        return any(vars(self).values())


def unfinished(folders: Folders, manifest: Manifest | None) -> Unfinished:
    """What steps 5 to 8 have still to do. Without a manifest nothing is superseded: who knows what a stray part was?"""
    listed = {entry.name for entry in manifest.files} if manifest else set()
    names = {entry.name for entry in noted(folders.control)}
    pending, data = _files(folders.pending), _files(folders.data)
    strays = [path for path in data if is_part(path) and path.name not in listed]
    return Unfinished(
        to_data=tuple(path for path in pending if path.name in listed),
        to_pending=tuple(path for path in strays if path.name in names),
        superseded=tuple(path for path in strays if manifest and path.name not in names),
        leftovers=tuple(path for path in pending if is_part(path) and path.name not in listed | names),
        temporary=tuple(path for path in (*data, *pending, *_files(folders.control)) if path.name.startswith(TEMPORARY)),
        stale_notes=tuple(sorted(names & listed)),
    )


def finish(folders: Folders, manifest: Manifest | None) -> None:
    """Steps 5 to 8, whatever of them is still to do; the caller holds the lock, and is not writing a file."""
    left = unfinished(folders, manifest)
    if left.stale_notes:
        save_progress(folders.control, [entry for entry in noted(folders.control) if entry.name not in left.stale_notes])
    _move(left.to_data, folders.data)
    _move(left.to_pending, folders.pending)
    for path in (*left.superseded, *left.leftovers, *left.temporary):
        with naming(path):
            os.unlink(path)  # noqa: PTH108
    if left.superseded:
        sync_folder(folders.data)
    if folders.pending.is_dir() and not any(folders.pending.iterdir()):
        with naming(folders.pending):
            os.rmdir(folders.pending)  # noqa: PTH106


def steadily(work: Callable[[], Answer]) -> Answer:
    """What `work` answers, done again while a listed file is gone; the last FileNotFoundError when it stays so."""
    for _ in range(TRIES - 1):
        with suppress(FileNotFoundError):
            return work()
    return work()


def is_part(path: Path) -> bool:
    """Whether a path has the name of a part."""
    return path.name.startswith("part-") and path.suffix == ".parquet"


def now() -> str:
    """The time of a commit."""
    return datetime.now(UTC).isoformat()


def content_hash(value: Any) -> str:
    """SHA-256 in hex of a JSON value in canonical form."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _without_cost(entry: FileEntry) -> dict[str, Any]:
    return {name: value for name, value in vars(entry).items() if name != "cost"}


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.is_dir()) if folder.is_dir() else []


def _move(paths: Sequence[Path], folder: Path) -> None:
    if paths:
        make_folder(folder)
        for path in paths:
            move(path, folder / path.name)
        for touched in (folder, paths[0].parent):
            sync_folder(touched)
