"""Names as folders: no dataset or model can leave the store, be read as something else, or share a folder with another."""

import re
import urllib.parse
from pathlib import Path

from warehouse.errors import NameInvalidError

LONGEST = 200
"""Characters of a name as it stands in a path; file systems allow 255 with `key=` before it."""

_DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{i}" for port in ("com", "lpt") for i in range(1, 10))}
RESERVED = {*_DEVICES, "__hive_default_partition__", "cross_model"}
"""Names that mean something else: devices (on Windows), NULL (to every engine that reads Hive folders), figures across models."""


def quote(value: str) -> str:
    """A value as it stands in a folder's name: URL-encoded, as DuckDB, polars and pyarrow decode it; NameInvalidError."""
    try:
        quoted = urllib.parse.quote(value, safe="")
    except UnicodeEncodeError:
        raise NameInvalidError(f"{value[:60]!r} cannot name a part of the store: it is not Unicode text") from None
    if not value or "\0" in value or len(quoted) > LONGEST:
        raise NameInvalidError(
            f"{value[:60]!r} cannot name a part of the store: 1 to {LONGEST} characters, URL-encoded, no NUL",
            hint="choose a shorter name",
        )
    if value.casefold().partition(".")[0] in RESERVED:
        raise NameInvalidError(f"{value!r} cannot name a part of the store: the name is reserved", hint="choose another name")
    # a leading dot would hide a folder or climb out of it, a closing one is dropped by Windows
    return re.sub(r"^\.|\.$", "%2E", quoted)


def quote_glob(value: str) -> str:
    """A quoted value as a glob pattern that matches only itself."""
    return quote(value).replace("[", "[[]")


def unquote(text: str) -> str:
    """The value that `quote` made this of."""
    return urllib.parse.unquote(text)


def refuse_case_twins(folder: Path, root: Path) -> None:
    """NameInvalidError when a folder on the way would differ from one that is there by case only: some file systems hold one."""
    for path in (folder, *folder.parents):
        if path == root or path.exists():
            break
        beside = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
        twin = next((name for name in beside if name.casefold() == path.name.casefold()), None)
        if twin is not None and twin != path.name:
            raise NameInvalidError(
                f"{path.name} differs by case only from {twin}, which is in the store already",
                hint="use that name, or choose another",
            )
