"""Prompt files to one validated set; every fault of every file is collected, none stops the reading."""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from emotion_cli.errors import UsageError
from emotion_cli.prompts.prompt_set import DROP, KEYS, REFUSE, PromptSet, Row, validated
from emotion_cli.prompts.reading.advice import options_for
from emotion_cli.prompts.reading.columns import Columns, Reading, Tally
from emotion_cli.prompts.reading.contents import Contents
from emotion_cli.prompts.reading.delimited import QUOTING, read_csv, read_tsv
from emotion_cli.prompts.reading.json_text import read_json, read_jsonl
from emotion_cli.prompts.reading.parquet import read_parquet

READERS: dict[str, Callable[[Path], Contents]] = {
    ".jsonl": read_jsonl,
    ".csv": read_csv,
    ".tsv": read_tsv,
    ".parquet": read_parquet,
    ".json": read_json,
}
"""How to read a file, by the end of its name."""


def read_prompt_set(
    paths: Sequence[Path],
    name: str,
    *,
    role: str = "train",
    reference: str | None = None,
    columns: Columns | None = None,
    accept_labels: bool = False,
    note: Callable[[str], None] = lambda _: None,
    several_labels: str = REFUSE,
) -> PromptSet:
    """The validated set that files, and folders of files, make together; UsageError naming every fault.

    `reference` must be one of the labels; `note` hears what is read in another way than usual. `several_labels` is for texts
    under more than one label.
    """
    columns = columns or Columns()
    files = prompt_files(paths)
    contents = [READERS[path.suffix.lower()](path) for path in files]
    for sentence in (sentence for file in contents for sentence in file.notes):
        note(sentence)
    faults = [fault for file in contents for fault in file.faults]
    faults += _never_seen(contents, columns)
    reading = Reading(columns, faults, Tally(), divides=several_labels == DROP)
    rows = [row for file in contents for row in _rows(file, reading)]
    faults += reading.tally.faults() + _swallowed(contents, rows, columns)
    return validated(
        name,
        rows,
        role=role,
        reference=reference,
        faults=faults,
        files=files,
        accept_labels=accept_labels,
        note=note,
        several_labels=several_labels,
        options=options_for(contents, columns) if faults or _lack_labels(rows) else (),
    )


def _lack_labels(rows: Sequence[Row]) -> bool:
    return any(not isinstance(row.values.get("emotion"), str) for row in rows)


def prompt_files(paths: Sequence[Path]) -> list[Path]:
    """The files of prompts among `paths`, each once: a folder stands for those in it whose ending is known, by name."""
    kinds = ", ".join(READERS)
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(file for file in path.iterdir() if file.suffix.lower() in READERS and file.is_file())
            if not inside:
                raise UsageError(f"{path}: no prompt files are in this folder; these kinds are read: {kinds}")
            files += inside
        elif path.suffix.lower() not in READERS:
            raise UsageError(f"{path}: not a kind of prompt file that is read; these are: {kinds}")
        elif not path.is_file():
            raise UsageError(f"{path}: no such file", hint="emo datasets list")
        else:
            files.append(path)
    return list({path.resolve(): path for path in files}.values())


def _never_seen(contents: Sequence[Contents], columns: Columns) -> list[str]:
    """A fault for each named column that no row has."""
    seen = {key for file in contents for row in file.rows for key in row.values}
    names = {"emotion": "label"}
    asked = {name: names.get(key, key) for key, name in columns.named.items()} | dict.fromkeys(columns.label_columns, "label")
    return [f"no row has the {key} column {name!r}" for name, key in asked.items() if seen and name not in seen]


def _rows(contents: Contents, reading: Reading) -> list[Row]:
    """The rows under the keys that a prompt has; a fault of a whole column is listed once, not for each row."""
    unknown: list[str] = []
    if contents.header:
        unknown = reading.columns.unread(contents.header)
        wrong = reading.columns.header_faults(contents.header)
        if not reading.columns.ignore_others:
            at, known = contents.header.place, ", ".join(KEYS)
            wrong_names = [f"{at}: unknown column {name!r}; known are {known}" for name in unknown]
            reading.faults.extend(wrong + wrong_names)
        else:
            reading.faults.extend(wrong)
        if wrong:
            return []
    return [made for row in contents.rows for made in reading.rows(row, unknown)]


def _swallowed(contents: Sequence[Contents], rows: Sequence[Row], columns: Columns) -> list[str]:
    """A fault for each row over several lines, more than one of which would be a row by itself with a label that others have."""
    doubts = [doubt for group in contents for doubt in group.doubts]
    silent = Reading(columns, [], Tally())
    alone = {
        doubt.place: [row.values.get("emotion") for group in map(silent.rows, doubt.rows) for row in group] for doubt in doubts
    }
    labels = Counter(row.values.get("emotion") for row in rows if isinstance(row.values.get("emotion"), str))
    maybe = Counter(label for group in alone.values() for label in group if isinstance(label, str))
    known = {*labels, *(label for label, n in maybe.items() if n > 1)}
    return [
        f"{doubt.place}: a quote opens a field here that closes in line {doubt.last}, yet {n} of these lines would be rows by "
        f"themselves; {QUOTING}"
        for doubt in doubts
        if (n := sum(label in known for label in alone[doubt.place] if isinstance(label, str))) > 1
    ]
