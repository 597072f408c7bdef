"""Work in a forked child, so that a death costs nothing: killed at a random moment, or before or after a chosen system call."""

import json
import os
import shutil
import signal
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

CALLS = ("open", "fchmod", "fsync", "replace", "rename", "unlink", "mkdir", "rmdir")
"""System calls by which the store changes a disk; between any two of them is a crash point."""


def in_child(work: Callable[[], Any]) -> Any:
    """What `work` answers (as JSON), done by a child; RuntimeError with its traceback when it failed."""
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(reading)
        try:
            answer = {"answer": work()}
        except BaseException:
            answer = {"failed": traceback.format_exc()}
        with os.fdopen(writing, "w") as sink:
            json.dump(answer, sink)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as source:
        text = source.read()
    os.waitpid(pid, 0)
    answer = json.loads(text)
    if "failed" in answer:
        raise RuntimeError(answer["failed"])
    return answer["answer"]


def killed_after(seconds: float, work: Callable[[], Any]) -> bool:
    """Whether a child that did `work` was still at it when SIGKILL came."""
    pid = os.fork()
    if not pid:
        try:
            work()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    time.sleep(seconds)
    os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise RuntimeError("the work failed before it was killed")
    return os.WIFSIGNALED(status)


def calls_of(work: Callable[[], Any]) -> int:
    """How many of CALLS a child makes for `work`."""

    def counted() -> int:
        n_made = patch_calls(0, False, lambda: None)
        work()
        return n_made()

    return in_child(counted)


def dies_at(number: int, after: bool, work: Callable[[], Any]) -> bool:
    """Whether SIGKILL met a child before (or right after) its call of that number; False when it needed fewer calls."""
    pid = os.fork()
    if not pid:
        try:
            patch_calls(number, after, lambda: os.kill(os.getpid(), signal.SIGKILL))
            work()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise RuntimeError(f"the work failed: {os.WEXITSTATUS(status)}")
    return os.WIFSIGNALED(status)


def patch_calls(number: int, after: bool, fault: Callable[[], Any], patch: Callable[..., None] = setattr) -> Callable[[], int]:
    """Let the call of that number, counted over all of CALLS, meet a `fault` before or after it is done; how many were made."""
    count = 0

    def wrapped(real):
        def call(*args, **kwargs):
            nonlocal count
            count += 1
            mine = count
            if mine == number and not after:
                fault()
            try:
                return real(*args, **kwargs)
            finally:
                if mine == number and after:
                    fault()

        return call

    for name in CALLS:
        patch(os, name, wrapped(getattr(os, name)))
    return lambda: count


def contents(root: Path) -> dict[str, Any]:
    """All that is committed in a store, file by file, but for what `warehouse.protocol` says is never compared."""
    found = {}
    for path in sorted(root.rglob("_manifest.json")):
        place = str(path.parent.relative_to(root)).removeprefix("_emo/")
        if place.startswith("quarantine"):
            continue
        manifest = json.loads(path.read_text())
        del manifest["ran"]
        if place.startswith("extractions"):
            # its row holds seconds and created_at
            manifest["files"] = len(manifest["files"])
        found[place] = manifest
    return found


def fresh(base: Path, target: Path) -> Path:
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(base, target)
    return target
