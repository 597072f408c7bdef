"""Which columns or keys of a file hold a prompt's text, label, topic and cluster, and what a label may look like."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from emotion_cli.errors import UsageError
from emotion_cli.prompts.prompt_set import KEYS, Row
from emotion_cli.prompts.reading.contents import Header

USUAL = {"text": "text", "emotion": "emotion", "label": "emotion", "topic": "topic", "cluster": "cluster", "lang": "lang"}
"""Default names of columns or keys, and the key of a prompt that each holds."""

OFF_ON = {0: False, 1: True, "0": False, "1": True, "0.0": False, "1.0": True}
"""Values of a column that says whether a row has a label."""


@dataclass(frozen=True)
class Columns:
    """The columns that hold text, label, topic and cluster where they have other names; the others have their default names.

    `label_names` are the labels by number, from 0; `label_columns` hold 0 or 1, one column a label.
    """

    text: str | None = None
    label: str | None = None
    topic: str | None = None
    label_names: tuple[str, ...] = ()
    label_columns: tuple[str, ...] = ()
    ignore_others: bool = False
    cluster: str | None = None

    def __post_init__(self) -> None:
        named = [*filter(None, (self.text, self.label, self.topic, self.cluster)), *self.label_columns]
        twice = sorted({name for name in named if named.count(name) > 1})
        if twice:
            raise UsageError(f"column {twice[0]!r} is used twice in the options")
        if self.label_columns and (self.label or self.label_names):
            raise UsageError("--label-columns cannot be used with --label-column or --label-names: its columns are the labels")

    @property
    def named(self) -> dict[str, str]:
        """The names that were given, by the key that they stand for."""
        given = {"text": self.text, "emotion": self.label, "topic": self.topic, "cluster": self.cluster}
        return {key: name for key, name in given.items() if name}

    @cached_property
    def keys(self) -> dict[str, str]:
        """The key of a prompt by the column that holds it."""
        taken = {*self.named, *(("emotion",) if self.label_columns else ())} if self.ignore_others else set()
        usual = {name: key for name, key in USUAL.items() if key not in taken and name not in self.label_columns}
        return usual | {name: key for key, name in self.named.items()}

    def header_faults(self, header: Header) -> list[str]:
        """The faults of a table's columns, except unknown columns."""
        columns: dict[str, list[str]] = {}
        for name in header.names:
            if name in self.keys or name in self.label_columns or not self.ignore_others:
                columns.setdefault(self.keys.get(name, name), []).append(name)
        twice = [names for key, names in columns.items() if len(names) > 1 and key.strip()]
        needed = [self.text or "text", *(self.label_columns or [self.label or "emotion"])]
        wrong = [f"columns {' and '.join(map(repr, names))} are the same" for names in twice]
        if not self.ignore_others:
            wrong += [f"column {i} has no name" for i, name in enumerate(header.names, start=1) if not name.strip()]
        wrong += [f"there is no column {name!r}" for name in needed if self.keys.get(name, name) not in columns]
        if self.label_columns and "emotion" in columns:
            wrong.append(f"column {columns['emotion'][0]!r} cannot be used with the columns of labels")
        return [f"{header.place}: {fault}" for fault in wrong]

    def unread(self, header: Header) -> list[str]:
        """Columns of a table that no option names, sorted."""
        return sorted({name for name in header.names if name.strip() and self._is_other(name)})

    def _is_other(self, name: str) -> bool:
        return name not in self.keys and name not in KEYS and name not in self.label_columns


@dataclass
class Tally:
    """Places of rows that have no label, or several."""

    without: list[str] = field(default_factory=list)
    several: list[str] = field(default_factory=list)

    def faults(self) -> list[str]:
        """A sentence for each kind, with the number of rows."""
        kinds = (
            (self.without, "no label", ""),
            (self.several, "several labels", "; --several-labels drop leaves their texts out"),
        )
        return [
            f"{places[0]}: {'the row has' if len(places) == 1 else f'{len(places)} rows have'} {problem}, "
            + ("the first is here; " if len(places) > 1 else "")
            + f"a row needs exactly one{advice}"
            for places, problem, advice in kinds
            if places
        ]


class Reading(NamedTuple):
    """How rows become rows of a prompt's keys, and where faults and tallies go.

    `divides`: a row with several labels becomes a row of each; else it is tallied.
    """

    columns: Columns
    faults: list[str]
    tally: Tally
    divides: bool = False

    def rows(self, row: Row, without: Collection[str] = ()) -> list[Row]:
        """The row under the keys that a prompt has; none where it has no label."""
        values: dict[str, Any] = {}
        for name, value in row.values.items():
            key = self.columns.keys.get(name, name)
            if name in self.columns.label_columns or name in without:
                continue
            if name not in self.columns.keys and self.columns.ignore_others:
                continue
            if key in values:
                self.faults.append(f"{row.place}: {name!r} is a second key for {key}")
            else:
                values[key] = value
        if self.columns.label_columns:
            return self._labelled(row.place, values, self._marked(row))
        if self.columns.label_names and values.get("emotion") is not None:
            return self._labelled(row.place, values, self._numbered(row.place, values.pop("emotion")))
        return [Row(row.place, values)]

    def _labelled(self, place: str, values: Mapping[str, Any], labels: list[str] | None) -> list[Row]:
        if labels is None:
            return []
        if len(labels) == 1 or (labels and self.divides):
            return [Row(place, {**values, "emotion": label}) for label in dict.fromkeys(labels)]
        (self.tally.several if labels else self.tally.without).append(place)
        return []

    def _marked(self, row: Row) -> list[str] | None:
        """The labels whose columns hold 1; None where a column holds anything else than 0 or 1."""
        read = {name: off_or_on(row.values.get(name)) for name in self.columns.label_columns}
        wrong = [name for name, value in read.items() if value is None]
        self.faults.extend(f"{row.place}: column {name!r} holds {row.values.get(name)!r}, not 0 or 1" for name in wrong)
        return None if wrong else [name for name, value in read.items() if value]

    def _numbered(self, place: str, value: Any) -> list[str] | None:
        """The names of the numbers in a cell or a list; None where a number has no name."""
        names = self.columns.label_names
        numbers = value if isinstance(value, list) else value.split(",") if isinstance(value, str) else [value]
        try:
            indexes = [
                int(number) if isinstance(number, int | str) and not isinstance(number, bool) else -1 for number in numbers
            ]
        except ValueError:
            indexes = [-1]
        if any(not 0 <= number < len(names) for number in indexes):
            self.faults.append(
                f"{place}: the label {value!r} is not a number from 0 to {len(names) - 1}, which the label names have"
            )
            return None
        return [names[number] for number in indexes]


def off_or_on(value: Any) -> bool | None:
    """Whether a row has a label, from a cell of 0 or 1; None for other values."""
    return OFF_ON.get(value) if isinstance(value, str | int | float) else None


def label_names(given: str) -> tuple[str, ...]:
    """Names of labels in the order of their numbers: of a file with one a line, else divided by commas."""
    path = Path(given)
    if path.is_file():
        try:
            names = path.read_text(encoding="utf-8-sig").splitlines()
        except (OSError, ValueError) as error:
            raise UsageError(f"--label-names {given}: not readable as UTF-8 text: {error}") from error
        while names and not names[-1].strip():
            names.pop()
    elif "," in given:
        names = given.split(",")
    else:
        raise UsageError(f"--label-names {given}: no such file", hint="--label-names calm,joy,rage, or a file with one a line")
    return distinct("--label-names", names)


def distinct(option: str, given: Collection[str]) -> tuple[str, ...]:
    """Names without white space around them; UsageError when one is empty or is repeated."""
    names = [name.strip() for name in given]
    wrong = next((name for name in names if not name or names.count(name) > 1), None)
    if wrong is not None:
        raise UsageError(f"{option}: {'a name is empty' if not wrong else f'{wrong!r} is repeated'}")
    return tuple(names)
