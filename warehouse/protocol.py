"""How the files of one folder are committed, so that no reader ever sees half of them, and what a crash leaves.

A folder is one partition of a table, or one set of artifacts (pictures, pages). Its only writer holds its lock.

1. A file is written as `.tmp-*`, flushed and synced.                      crash: an orphan `.tmp-*`
2. It is renamed to its name; the folder is synced.                         crash: an orphan part, or nothing new
3. Work in parts notes the finished part in `_progress.json` (like 1 and 2). crash: that part is made again, same bytes
4. `_manifest.json` (names, rows, sizes, SHA-256, inputs) is written like 1
   and renamed over the old one, the folder is synced: THE COMMIT.          crash: the old content, or the new; never both
5. `_progress.json` is removed, or keeps the parts that were not asked for. crash: notes of parts that are committed: harmless

Parts are named by the hash of their bytes, so nothing that is committed is ever overwritten. Superseded files stay for
those who are reading them until `emo verify --repair`. Artifacts have fixed names that people know: theirs are replaced one by
one before the manifest, and count only while they have the bytes that the manifest lists (crash: none of them count).

Readers look at nothing but files that a manifest lists. Everything but one place is a function of the inputs: times and the
host are in the manifest's block `ran`, which is never compared (and in the columns `seconds` and `created_at` of `extractions`).
"""

import errno
import hashlib
import json
import os
import secrets
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, NamedTuple

from warehouse import schema
from warehouse.errors import NewerError, StoreError

MANIFEST = "_manifest.json"
PROGRESS = "_progress.json"
TEMPORARY = ".tmp-"


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


class Written(NamedTuple):
    """A file under its final name: name, bytes, SHA-256 in hex."""

    name: str
    size: int
    sha256: str


class NewPart:
    """A file that is being written through `sink`; `written` says what it became, once `new_part` has ended."""

    def __init__(self, sink: IO[bytes]) -> None:
        self.sink = sink
        self.written: Written | None = None

    def sync(self) -> None:
        """Bring what was written so far to the disk."""
        _sync(self.sink)


@contextmanager
def new_part(folder: Path, ending: str) -> Iterator[NewPart]:
    """Steps 1 and 2 for a file that is filled in the block, then named by its bytes; nothing is left if the block fails."""
    make_folder(folder)
    with _temporary(folder) as (temporary, sink):
        part = NewPart(sink)
        yield part
        with naming(folder):
            part.sync()
            size, digest = temporary.stat().st_size, file_sha256(temporary)
            name = f"part-{digest[:16]}{ending}"
            os.replace(temporary, folder / name)  # noqa: PTH105 - the system calls of the protocol are spelled out
    sync_folder(folder)
    part.written = Written(name, size, digest)


def replace_file(path: Path, content: bytes) -> None:
    """Steps 1 and 2 for a file of a fixed name: a reader sees the old content or the new, never a part."""
    make_folder(path.parent)
    with _temporary(path.parent) as (temporary, sink), naming(path.parent):
        sink.write(content)
        _sync(sink)
        os.replace(temporary, path)  # noqa: PTH105
    sync_folder(path.parent)


def commit(folder: Path, manifest: Manifest) -> None:
    """Step 4: make exactly the manifest's files the folder's content."""
    replace_file(folder / MANIFEST, manifest.to_json().encode())


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest of a folder, or None; StoreError when the manifest is damaged, NewerError when it is not for us."""
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


def read_progress(folder: Path) -> tuple[FileEntry, ...]:
    """Finished parts of incomplete work, as far as their files are still whole; none where the note is damaged."""
    try:
        saved = json.loads((folder / PROGRESS).read_text(encoding="utf-8"))
        entries = [FileEntry(**entry) for entry in saved["files"]]
    except (OSError, ValueError, KeyError, TypeError):
        return ()
    return tuple(entry for entry in entries if entry.is_whole(folder))


def save_progress(folder: Path, files: Sequence[FileEntry]) -> None:
    """Step 3 (and 5): note these parts for a later run; no parts, no note."""
    if files:
        text = json.dumps({"files": [vars(entry) for entry in files]}, ensure_ascii=False)
        replace_file(folder / PROGRESS, text.encode())
    elif (folder / PROGRESS).exists():
        with naming(folder):
            os.unlink(folder / PROGRESS)  # noqa: PTH108


def now() -> str:
    """The time of a commit."""
    return datetime.now(UTC).isoformat()


def make_folder(folder: Path) -> None:
    """Make a folder and those above it; each survives a power cut, as the files in it do."""
    with naming(folder):
        new = [above for above in (folder, *folder.parents) if not above.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        for made in reversed(new):
            sync_folder(made.parent)


def remove_empty(folder: Path, root: Path) -> None:
    """Remove a folder below `root`, and those above it, as far as they are empty."""
    with naming(folder):
        for empty in (folder, *folder.parents):
            if empty == root or any(empty.iterdir()):
                break
            os.rmdir(empty)  # noqa: PTH106 - the system calls of the protocol are spelled out
            sync_folder(empty.parent)


def sync_folder(folder: Path) -> None:
    """Flush a folder, so that a rename in it survives a power cut."""
    with naming(folder):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def content_hash(value: Any) -> str:
    """SHA-256 in hex of a JSON value in canonical form."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def file_sha256(path: Path) -> str:
    """SHA-256 in hex of a file's bytes."""
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


_HINTS = {
    errno.ENOSPC: "free some space, then run the same command again; finished parts are kept",
    errno.EDQUOT: "free some space, then run the same command again; finished parts are kept",
    errno.EFBIG: "raise the limit of a file's size (ulimit -f), then run the same command again",
    errno.EROFS: "name a folder that can be written with --store DIR",
    errno.EACCES: "name a folder that can be written with --store DIR",
    errno.EPERM: "name a folder that can be written with --store DIR",
    errno.ENOTDIR: "a file exists where a folder should be: move it away, or name another with --store DIR",
    errno.EEXIST: "a file exists where a folder should be: move it away, or name another with --store DIR",
    errno.ENAMETOOLONG: "name a store with a shorter path with --store DIR",
}


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Say what the operating system refused as a StoreError that names the place and what to do."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise StoreError(f"{path}: {reason}", hint=_HINTS.get(error.errno or 0, "emo verify")) from error


@contextmanager
def _temporary(folder: Path) -> Iterator[tuple[Path, IO[bytes]]]:
    path = folder / f"{TEMPORARY}{secrets.token_hex(8)}"
    with naming(folder):
        # not by mkstemp, whose files are for their owner only: a store is shared as far as the umask says
        sink = path.open("xb")
    try:
        yield path, sink
        with naming(folder):
            sink.close()
    except BaseException:
        # a full disk refuses the remaining writes, and a read-only one keeps the file: the original error is reported
        with suppress(OSError):
            sink.close()
        with suppress(OSError):
            path.unlink()
        raise


def _sync(sink: IO[bytes]) -> None:
    sink.flush()
    os.fsync(sink.fileno())


def _without_cost(entry: FileEntry) -> dict[str, Any]:
    return {name: value for name, value in vars(entry).items() if name != "cost"}
