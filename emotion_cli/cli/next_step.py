"""Next commands as printed: with this command's store, so that they use the same store."""

import re
import shlex
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

TAKE_A_STORE = (
    "run",
    "extract",
    "vectors",
    "compare",
    "steer",
    "patch",
    "plot",
    "track",
    "report",
    "score",
    "lens",
    "heads",
    "show",
    "sql",
    "tables",
    "export",
    "catalog",
    "import",
    "verify",
    "rm",
    "datasets list",
    "datasets show",
    "datasets import",
    "datasets audit",
    "models list",
    "models check",
)
"""Commands that work on a store."""

_COMMAND = re.compile(rf"\bemo (?:{'|'.join(TAKE_A_STORE)})(?![\w-])")


def with_store(text: str, store: Path | None) -> str:
    """A sentence or hint whose `emo` commands name the store; unchanged where no store was given, or the text names a store."""
    if store is None or "--store" in text or text.endswith("--help"):
        return text
    return _COMMAND.sub(lambda command: f"{command[0]} --store {shlex.quote(str(store))}", text)


def store_of(arguments: Sequence[str]) -> Path | None:
    """The store that a command line names, the last one counting; None where it names none."""
    given = [value for word, value in pairwise(arguments) if word == "--store"]
    given += [word.removeprefix("--store=") for word in arguments if word.startswith("--store=")]
    return Path(given[-1]) if given else None
