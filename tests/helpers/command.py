"""The command line as a person runs it: a process of its own, with what it wrote where, and its exit code."""

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple


class Ran(NamedTuple):
    code: int
    out: str
    err: str


def environment(**changes: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("EMO_") or name == "EMO_CACHE"}
    # few draws, so that tests are fast
    return kept | {"HF_HUB_OFFLINE": "1", "COLUMNS": "80", "EMO_DRAWS": "50"} | changes


def arguments(*words: object) -> list[str]:
    return [sys.executable, "-c", "from emotion_cli.cli.app import main; main()", *map(str, words)]


def emo(*words: object, cwd: Path | None = None, **changes: str) -> Ran:
    done = subprocess.run(arguments(*words), capture_output=True, cwd=cwd, env=environment(**changes), check=False)
    return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())


def emo_ok(*words: object, cwd: Path | None = None, **changes: str) -> Ran:
    ran = emo(*words, cwd=cwd, **changes)
    assert ran.code == 0, ran.err
    return ran
