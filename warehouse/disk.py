"""How bytes get to a disk: under their own name they are whole, and what was synced survives a power cut."""

import errno
import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, NamedTuple

from warehouse.errors import StoreError

TEMPORARY = ".tmp-"
"""What the name of a file begins with while it is being written."""


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
    """A file that is filled in the block, then synced and named by its bytes; nothing is left if the block fails."""
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
    """A file of a fixed name: a reader sees the old content or the new, never a part of it."""
    make_folder(path.parent)
    with _temporary(path.parent) as (temporary, sink), naming(path.parent):
        sink.write(content)
        _sync(sink)
        os.replace(temporary, path)  # noqa: PTH105
    sync_folder(path.parent)


def move(source: Path, target: Path) -> None:
    """Rename a file, over one that is there; onto another disk by a copy, which is synced and renamed there before it counts."""
    with naming(target.parent):
        try:
            os.replace(source, target)  # noqa: PTH105
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            with _temporary(target.parent) as (temporary, sink), source.open("rb") as content:
                shutil.copyfileobj(content, sink)
                _sync(sink)
                os.replace(temporary, target)  # noqa: PTH105
            sync_folder(target.parent)
            os.unlink(source)  # noqa: PTH108


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
            if not empty.exists():
                continue
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
