"""Prompt files to one validated set; every fault of every file is collected, none stops the reading."""

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from emotion_cli.errors import UsageError
from emotion_cli.prompts.prompt_set import KEYS, PromptSet, Row, validated
from emotion_cli.prompts.reading.contents import Contents, Header
from emotion_cli.prompts.reading.delimited import read_csv, read_tsv
from emotion_cli.prompts.reading.json_text import read_json, read_jsonl
from emotion_cli.prompts.reading.parquet import read_parquet

READERS: dict[str, Callable[[Path], Contents]] = {
    ".jsonl": read_jsonl, ".csv": read_csv, ".tsv": read_tsv, ".parquet": read_parquet, ".json": read_json,
}  # fmt: skip
"""How to read a file, by the end of its name."""

SYNONYMS = {"label": "emotion"}
"""Other words that a file may use for a key."""

NEEDED = ("text", "emotion")


def read_prompt_set(
    paths: Sequence[Path], name: str, *, role: str = "train", reference: str | None = None, topic_column: str | None = None
) -> PromptSet:
    """The validated set that files, and folders of files, make together; UsageError naming every fault.

    `topic_column` is the key that holds topics instead of `topic`; `reference` must be one of the labels.
    """
    found = prompt_files(paths)
    contents = [READERS[path.suffix.lower()](path) for path in found]
    faults = [fault for one in contents for fault in one.faults]
    read = [row for one in contents for row in one.rows]
    if topic_column and read and not any(topic_column in row.values for row in read):
        faults.append(f"no row has the topic column {topic_column!r}")
    words = SYNONYMS | ({topic_column: "topic"} if topic_column else {})
    rows = [row for one in contents for row in _rows(one, words, faults)]
    return validated(name, rows, role=role, reference=reference, faults=faults, files=found)


def prompt_files(paths: Sequence[Path]) -> list[Path]:
    """The files of prompts among `paths`, each once: a folder stands for those in it whose ending is known, by name."""
    kinds = ", ".join(READERS)
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(file for file in path.iterdir() if file.suffix.lower() in READERS and file.is_file())
            if not inside:
                raise UsageError(f"{path}: no prompt files are in this folder; these kinds are read: {kinds}")
            found += inside
        elif path.suffix.lower() not in READERS:
            raise UsageError(f"{path}: not a kind of prompt file that is read; these are: {kinds}")
        elif not path.is_file():
            raise UsageError(f"{path}: there is no such file", hint="emo datasets list")
        else:
            found.append(path)
    return list({path.resolve(): path for path in found}.values())


def _rows(contents: Contents, words: Mapping[str, str], faults: list[str]) -> list[Row]:
    """The rows under the keys that a prompt has; what is wrong with a whole column is said once, not for each row."""
    unknown: set[str] = set()
    if contents.header:
        unknown = {name for name in contents.header.names if name and words.get(name, name) not in KEYS}
        wrong = _header_faults(contents.header, words)
        at, known = contents.header.place, ", ".join(KEYS)
        faults += wrong + [f"{at}: unknown column {name!r}; known are {known}" for name in sorted(unknown)]
        if wrong:
            return []
    return [_renamed(row, words, unknown, faults) for row in contents.rows]


def _header_faults(header: Header, words: Mapping[str, str]) -> list[str]:
    columns: dict[str, list[str]] = {}
    for name in header.names:
        columns.setdefault(words.get(name, name), []).append(name)
    twice = [f"{header.place}: columns {' and '.join(map(repr, names))} are the same" for names in columns.values()
             if len(names) > 1 and names[0]]  # fmt: skip
    empty = [f"{header.place}: column {i} has no name" for i, name in enumerate(header.names, start=1) if not name.strip()]
    return twice + empty + [f"{header.place}: there is no column {name!r}" for name in NEEDED if name not in columns]


def _renamed(row: Row, words: Mapping[str, str], without: Collection[str], faults: list[str]) -> Row:
    values: dict[str, Any] = {}
    for key, value in row.values.items():
        if (name := words.get(key, key)) in values:
            faults.append(f"{row.place}: {key!r} stands beside another key for {name}")
        elif key not in without:
            values[name] = value
    return Row(row.place, values)
