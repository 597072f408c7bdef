"""One writer a folder: a lock that dies with the process that holds it."""

import json
import os
import socket
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, SoftFileLock, Timeout

from warehouse.disk import make_folder, naming
from warehouse.errors import HeldError

LOCK = "_lock"
MARKER = "_lock.soft"
"""Stands in for the lock on file systems that have none (some network mounts)."""


HOLDER = "_holder.json"
"""Says who holds the lock, for messages."""


LOCK_FILES = (LOCK, MARKER, HOLDER)


@contextmanager
def held(folder: Path, *, wait: bool = False) -> Iterator[None]:
    """Keep other processes from writing a folder; HeldError says who holds it and since when (`wait` waits instead).

    The operating system drops the lock when its process ends, however it ends; over NFS 4 it holds between hosts. Where the file
    system has no locks, a file that only one process can create stands in; it is taken over when its process has ended.
    """
    with _acquired(folder, wait=wait):
        try:
            with naming(folder):
                (folder / HOLDER).write_text(json.dumps(_this_process()), encoding="utf-8")
            yield
        finally:
            with suppress(OSError):
                (folder / HOLDER).unlink(missing_ok=True)


def _acquired(folder: Path, *, wait: bool) -> AbstractContextManager[object]:
    while True:
        make_folder(folder)
        try:
            return _locked(folder, wait=wait)
        except FileNotFoundError:
            continue  # the folder was removed while this process waited
        except Timeout:
            raise _refusal(folder) from None
        except OSError:
            with naming(folder):
                raise


def _locked(folder: Path, *, wait: bool) -> AbstractContextManager[object]:
    try:
        return FileLock(folder / LOCK, fallback_to_soft=False).acquire(blocking=wait)
    except (FileNotFoundError, Timeout):
        raise
    except OSError:
        return SoftFileLock(folder / MARKER).acquire(blocking=wait)


def _refusal(folder: Path) -> HeldError:
    hint = "wait for it, then run again"
    try:
        holder = json.loads((folder / HOLDER).read_text(encoding="utf-8"))
        holder_shown = f"process {holder['pid']} on {holder['host']} since {holder['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        holder_shown = "another process"
    else:
        if (folder / MARKER).exists() and holder["host"] != socket.gethostname():
            hint = f"if that process has ended: rm '{folder / MARKER}'"
    return HeldError(f"{folder} is being written by {holder_shown}", hint=hint)


def _this_process() -> dict[str, str | int]:
    return {"pid": os.getpid(), "host": socket.gethostname(), "since": f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"}
