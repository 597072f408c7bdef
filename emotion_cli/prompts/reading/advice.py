"""Suggests options for a file that cannot be read without them, from its columns and values."""

from collections.abc import Sequence
from shlex import quote
from typing import Any

from emotion_cli.prompts.reading.columns import Columns, off_or_on
from emotion_cli.prompts.reading.contents import Contents

OPTIONS = {"text": "--text-column", "emotion": "--label-column", "topic": "--topic-column", "cluster": "--cluster-column"}
"""The option that names the column of each key."""

FEWEST_LABELS = 2
"""Columns of 0 and 1 that look like columns of labels: one alone says something else."""


def options_for(contents: Sequence[Contents], columns: Columns) -> list[str]:
    """Options, quoted for a shell, beside those that were given in `columns`; empty where none would help."""
    names = list(dict.fromkeys(name for file in contents for name in _names(file)))
    mapped = {key for name, key in columns.keys.items() if name in names} | ({"emotion"} if columns.label_columns else set())
    named = {key: name for name in names if (key := _meant(name, columns)) and key not in mapped}
    options = [word for key, name in named.items() for word in (OPTIONS[key], quote(name))]
    label = named.get("emotion") or next((name for name, key in columns.keys.items() if key == "emotion" and name in names), None)
    marked: list[str] = []
    if label is None and "emotion" not in mapped:
        marked = [name for name in names if name not in named.values() and _is_marked(_values(contents, name))]
        marked = marked if len(marked) >= FEWEST_LABELS else []
        options += ["--label-columns", quote(",".join(marked))] if marked else []
    elif label is not None and not columns.label_names and any(map(_is_numbered, _values(contents, label))):
        options += ["--label-names", "A,B,C"]
    if not options:
        return []
    if "text" not in {*mapped, *named}:
        options += [OPTIONS["text"], "COLUMN"]
    if not columns.ignore_others and {*names} - {*columns.keys, *named.values(), *marked}:
        options.append("--ignore-other-columns")
    return options


def _names(contents: Contents) -> list[str]:
    return contents.header.names if contents.header else [name for row in contents.rows for name in row.values]


def _values(contents: Sequence[Contents], name: str) -> list[Any]:
    return [row.values[name] for file in contents for row in file.rows if name in row.values]


def _meant(name: str, columns: Columns) -> str | None:
    """The key that a column in other letters, or in the plural, was probably meant for."""
    plain = name.strip().casefold().removesuffix("s")
    key = {"text": "text", "emotion": "emotion", "label": "emotion", "topic": "topic", "cluster": "cluster"}.get(plain)
    return key if name not in columns.keys else None


def _is_marked(values: Sequence[Any]) -> bool:
    return bool(values) and all(off_or_on(value) is not None for value in values)


def _is_numbered(value: Any) -> bool:
    numbers = value if isinstance(value, list) else [value]
    return bool(numbers) and all(isinstance(number, int) and not isinstance(number, bool) for number in numbers)
