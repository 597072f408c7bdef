"""One writer a folder: a lock that dies with the process that holds it."""

import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from warehouse.errors import HeldError
from warehouse.protocol import make_folder, naming

LOCK = "_lock"
HOLDER = "_holder.json"
"""Stands in for the lock on file systems that know none (some network mounts); it names process and host."""

_WAIT = "wait for it, then run again"


@contextmanager
def held(folder: Path, *, wait: bool = False) -> Iterator[None]:
    """Keep other processes from writing a folder; HeldError says who holds it and since when (`wait` waits instead).

    The lock is `flock`: the kernel drops it when its process ends, however it ends, and over NFS 4 it holds between hosts. Where
    the file system knows no locks, a file that only one process can create stands in; it is taken over when its process is gone.
    """
    while True:
        make_folder(folder)
        with _locked(folder, wait=wait) as is_current:
            # a folder that was removed meanwhile took its lock with it: what was waited for is nobody's
            if is_current:
                yield
                return


@contextmanager
def _locked(folder: Path, *, wait: bool) -> Iterator[bool]:
    """The lock of a folder, and whether it is the one that others see."""
    with naming(folder):
        lock = (folder / LOCK).open("a+", encoding="utf-8")
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            lock.seek(0)
            raise HeldError(f"{folder} is being written by {lock.read().strip() or 'another process'}", hint=_WAIT) from None
        except OSError:
            with _created(folder):
                yield True
            return
        with naming(folder):
            is_current = _is_same(lock, folder / LOCK)
            if is_current:
                _sign(lock)
        # what happens under the lock is not the folder's fault
        yield is_current


def _is_same(lock: IO[str], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(lock.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _sign(lock: IO[str]) -> None:
    lock.truncate(0)
    lock.write(f"process {os.getpid()} on {socket.gethostname()} since {_now()}")
    lock.flush()


@contextmanager
def _created(folder: Path) -> Iterator[None]:
    path = folder / HOLDER
    mine = {"pid": os.getpid(), "host": socket.gethostname(), "since": _now()}
    with naming(folder):
        if path.exists():
            _refuse_living(path)
            path.unlink(missing_ok=True)
        try:
            with path.open("x", encoding="utf-8") as file:
                file.write(json.dumps(mine))
        except FileExistsError:
            raise HeldError(f"{folder} has just been taken by another process", hint=_WAIT) from None
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def _refuse_living(path: Path) -> None:
    try:
        holder = json.loads(path.read_text(encoding="utf-8"))
        pid, host, since = int(holder["pid"]), holder["host"], holder["since"]
    except (OSError, ValueError, KeyError, TypeError):
        return  # its process died before it had signed
    if host != socket.gethostname():
        raise HeldError(
            f"{path.parent} is being written by process {pid} on {host} since {since}",
            hint=f"if that process is gone: rm '{path}'",
        )
    if _is_alive(pid):
        raise HeldError(f"{path.parent} is being written by process {pid} on {host} since {since}", hint=_WAIT)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"
