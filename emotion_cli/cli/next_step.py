"""Next commands as printed: with the store that was given, or the command line that was given, mended."""

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

FILTERS = ("dataset", "model", "emotion", "layer")
"""Settings that filter bundled queries."""


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


def mended(arguments: Sequence[str], wrong: str, right: str) -> str | None:
    """The command line with a wrong word replaced; None where it does not hold that word exactly once."""
    words = [right if word == wrong else _value_mended(word, wrong, right) for word in arguments]
    changed = [word for word, before in zip(words, arguments, strict=True) if word != before]
    return shlex.join(["emo", *words]) if len(changed) == 1 else None


def _value_mended(word: str, wrong: str, right: str) -> str:
    flag, equals, value = word.partition("=")
    return f"{flag}={right}" if equals and flag.startswith("--") and value == wrong else word
