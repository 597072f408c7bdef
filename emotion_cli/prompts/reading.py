"""Prompt files to rows, each with its place in the file; every fault is collected, none stops the reading."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from emotion_cli.errors import UsageError
from emotion_cli.prompts.prompt_set import PromptSet, Row, validated


class Contents(NamedTuple):
    """What a file holds: the rows that could be read, and a sentence for each place that could not."""

    rows: list[Row]
    faults: list[str]


def read_prompt_set(path: Path, name: str, *, role: str = "train") -> PromptSet:
    """The validated prompt set of a file; UsageError for an unknown kind of file or any faulty row."""
    if path.suffix.lower() not in READERS:
        raise UsageError(f"{path}: not a kind of prompt file that is read; these are: {', '.join(READERS)}")
    if not path.is_file():
        raise UsageError(f"{path}: there is no such file", hint="emo datasets list")
    contents = READERS[path.suffix.lower()](path)
    return validated(name, contents.rows, role=role, faults=contents.faults)


def read_jsonl(path: Path) -> Contents:
    """One JSON object a line; blank lines are skipped."""
    rows, faults = [], []
    for place, line in _lines(path, faults):
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            faults.append(f"{place}: not JSON: {error}")
            continue
        if isinstance(value, dict):
            rows.append(Row(place, value))
        else:
            faults.append(f"{place}: an object is expected, not {type(value).__name__}")
    return Contents(rows, faults)


READERS: dict[str, Callable[[Path], Contents]] = {".jsonl": read_jsonl}
"""How to read a file, by the end of its name."""


def _lines(path: Path, faults: list[str]) -> Iterator[tuple[str, str]]:
    # split as bytes, so that one wrong byte costs one line and a U+2028 in a text is no line end
    for number, raw in enumerate(path.read_bytes().removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        place = f"{path.name}:{number}"
        try:
            line = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            faults.append(f"{place}: not UTF-8 at byte {error.start + 1} of the line")
            continue
        if line.strip():
            yield place, line
