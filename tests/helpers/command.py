"""The command line as a person runs it: what it wrote where, and its exit code."""

import contextlib
import io
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple
from unittest import mock


class Ran(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def plain(self) -> str:
        """What went to stderr, without the store that next commands name."""
        return re.sub(r" --store ('[^']*'|\S+)", "", self.err)


def environment(**changes: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("EMO_") or name == "EMO_CACHE"}
    # as few draws as are allowed, so that tests are fast
    return kept | {"HF_HUB_OFFLINE": "1", "COLUMNS": "80", "EMO_DRAWS": "100"} | changes


def arguments(*words: object) -> list[str]:
    return [sys.executable, "-c", "from emotion_cli.cli.app import main; main()", *map(str, words)]


def emo(*words: object, cwd: Path | None = None, own_process: bool = False, **changes: str) -> Ran:
    """One command line. In this process, which has the heavy packages loaded, unless it must have its own."""
    if own_process:
        done = subprocess.run(arguments(*words), capture_output=True, cwd=cwd, env=environment(**changes), check=False)
        return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())
    from emotion_cli.cli.app import _exit_code

    # streams with a buffer below, as those of a process
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="", write_through=True) for _ in range(2))
    with (
        mock.patch.dict(os.environ, environment(**changes), clear=True),
        contextlib.chdir(cwd or Path.cwd()),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        mock.patch.object(sys, "argv", ["emo", *map(str, words)]),
    ):
        code = _exit_code(sys.argv[1:])
    return Ran(int(code), *(stream.buffer.getvalue().decode() for stream in (out, err)))


def emo_ok(*words: object, cwd: Path | None = None, own_process: bool = False, **changes: str) -> Ran:
    ran = emo(*words, cwd=cwd, own_process=own_process, **changes)
    assert ran.code == 0, ran.err
    return ran


def hear_ctrl_c():
    """For `preexec_fn`: a shell's background jobs ignore Ctrl-C and hand that on, and a test may run in one."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
