"""The only writer to stdout: rows in every format, and paths; machine formats never pass through Rich."""

import csv
import io
import os
import shlex
import shutil
import sys
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import chain
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emotion_cli.cli.cells import dumps, for_machines, for_people
from emotion_cli.cli.layout import Fit, is_numeric, lay_out, wrapped
from emotion_cli.errors import EmoError, UsageError
from emotion_cli.suggestions import did_you_mean, unknown
from emotion_cli.wording import counted

if TYPE_CHECKING:
    import pyarrow as pa


class Format(StrEnum):
    """How rows are written."""

    table = "table"
    csv = "csv"
    tsv = "tsv"
    json = "json"
    jsonl = "jsonl"
    markdown = "markdown"
    parquet = "parquet"


ENDINGS = {
    ".csv": Format.csv,
    ".tsv": Format.tsv,
    ".json": Format.json,
    ".jsonl": Format.jsonl,
    ".md": Format.markdown,
    ".parquet": Format.parquet,
    ".txt": Format.table,
}
"""The format of each file ending."""

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""Spreadsheets run a text cell that begins with one of these; numbers are not texts and are not changed."""


NARROWEST_TERMINAL = 20
"""A narrower terminal is written to as if it had so many columns."""


def format_of(format: Format | None, output: Path | None = None, *, force: bool = False) -> Format:
    """The format of a command's rows: as named, else by the ending of --output, else a table.

    UsageError where the ending is unknown or means another format, the folder is missing, or the file exists without `force`.
    """
    if output is None:
        return format or Format.table
    ending = output.suffix.lower()
    is_device = output.exists() and not output.is_file() and not output.is_dir()  # /dev/stdout, or a pipe of the shell
    if format is None or not (is_device or (ending and ENDINGS.get(ending) is format)):
        if ending not in ENDINGS:
            raise UsageError(
                f"--output {output}: unknown ending {ending!r}; endings are {', '.join(ENDINGS)}{did_you_mean(ending, ENDINGS)}",
                hint=f"--output {output.with_suffix('.csv')}",
            )
        if format not in (None, ENDINGS[ending]):
            raise UsageError(
                f"--output {output}: the ending means {ENDINGS[ending]}, but --format is {format}",
                hint=f"--output {output}, without --format",
            )
    refuse_there(output, force=force)
    return format or ENDINGS[ending]


def refuse_there(output: Path, *, force: bool) -> None:
    """UsageError when --output exists and --force was not given, or its folder does not exist."""
    if not output.parent.is_dir():
        raise UsageError(
            f"--output {output}: the folder {output.parent} does not exist", hint=f"mkdir -p {shlex.quote(str(output.parent))}"
        )
    if output.is_file() and not force:
        raise UsageError(f"--output {output}: the file already exists", hint="--force writes over it")


def write_rows(
    rows: "pa.Table",
    format: Format = Format.table,
    output: Path | None = None,
    *,
    fit: Fit | None = None,
    formulas: bool | None = False,
    note: Callable[[str], None] = lambda _: None,
) -> None:
    """Write rows to stdout or a file; parquet goes to a file or a pipe, not to a terminal.

    A table fits the terminal; a file and a pipe get it whole. In csv and tsv a text that a spreadsheet would run gets an
    apostrophe in front, unless `formulas` is set (None: the command has no such option). In JSON, NaN and infinity become null.
    `note` hears of both.
    """
    if format is Format.parquet:
        _write(_parquet(rows), output)
        return
    records = [list(row) for row in zip(*(rows[i].to_pylist() for i in range(rows.num_columns)), strict=True)]
    if format is Format.table:
        lines = lay_out(rows.column_names, records, fit or (Fit() if output else room()))
        _write("".join(f"{line}\n" for line in lines).encode(), output)
        return
    if format in (Format.csv, Format.tsv) and not formulas:
        _guard(records, note, "; --formulas leaves them as they are" if formulas is False else "")
    if format in (Format.json, Format.jsonl):
        _say_not_finite(records, note)
    _write(_TEXTS[format](rows.column_names, records).encode(), output)


def room(*, everything: bool = False, ways: Sequence[str] = Fit.ways) -> Fit:
    """The room on stdout: of the terminal, or as COLUMNS says; none of either, as in a pipe, is no limit."""
    is_terminal = sys.stdout.isatty()
    given = os.environ.get("COLUMNS", "")
    if not is_terminal and not (given.isdecimal() and int(given)):
        return Fit(everything=everything, ways=ways)
    width = max(shutil.get_terminal_size().columns, NARROWEST_TERMINAL)
    return Fit(width, cut=is_terminal, everything=everything, ways=ways)


def _guard(records: list[list[Any]], note: Callable[[str], None], advice: str) -> None:
    guarded = 0
    for row in records:
        for i, value in enumerate(row):
            if isinstance(value, str) and value.startswith(FORMULA_STARTS):
                row[i] = f"'{value}"
                guarded += 1
    if guarded:
        note(f"an apostrophe was put before {counted(guarded, 'text')} like a formula{advice}")


def _say_not_finite(records: list[list[Any]], note: Callable[[str], None]) -> None:
    count = sum(map(_n_not_finite, chain.from_iterable(records)))
    if count:
        note(f"{counted(count, 'number')} that JSON has no word for (NaN, infinity) became null; csv, tsv and parquet keep them")


def _n_not_finite(value: Any) -> int:
    if isinstance(value, list):
        return sum(map(_n_not_finite, value))
    return isinstance(value, float) and not isfinite(value)


@dataclass(frozen=True)
class Rows:
    """How and where a command's rows are written; `note` gets a sentence about changed values."""

    format: Format
    output: Path | None = None
    formulas: bool | None = False
    note: Callable[[str], None] = lambda _: None
    columns: Sequence[str] = ()
    everything: bool = False
    ways: Sequence[str] = Fit.ways

    @property
    def for_people(self) -> bool:
        """Whether people read them, who want several tables with headings; programs want a single one."""
        return self.format in (Format.table, Format.markdown)

    def write(self, rows: "pa.Table", keys: Collection[str] = ()) -> None:
        """Write a table, or those of its columns that were asked for. UsageError for one that it has not.

        `keys` are the columns that say which row is which: a table in which they do not fit is no table.
        """
        if self.columns:
            rows, keys = rows.select(_places(rows.column_names, self.columns)), ()
        fit = None if self.output else replace(room(everything=self.everything, ways=self.ways), keys=keys)
        write_rows(rows, self.format, self.output, fit=fit, formulas=self.formulas, note=self.note)

    def write_records(self, records: Sequence[dict[str, Any]], columns: Sequence[str] = (), keys: Collection[str] = ()) -> None:
        """Write dictionaries with the same names; `columns` gives them where there may be no row; `keys` as in `write`."""
        import pyarrow as pa

        empty = pa.table({name: pa.array([], pa.string()) for name in columns})
        self.write(pa.Table.from_pylist(list(records)) if records else empty, keys)

    def write_heading(self, text: str) -> None:
        """Print the title of the next table, in formats for people."""
        if self.format is Format.markdown:
            write_lines([f"## {text}", ""])
        elif self.format is Format.table:
            write_lines([text])


def _places(names: Sequence[str], asked: Sequence[str]) -> list[int]:
    for name in asked:
        if name not in names:
            raise unknown("--columns", name, names, hint=f"--columns {','.join(names[:2])}")
    return [names.index(name) for name in asked]


def write_sentences(lines: Iterable[str]) -> None:
    """Write sentences for people, wrapped to the room on stdout."""
    write_lines(in_room(lines))


def in_room(lines: Iterable[str]) -> list[str]:
    """Lines that are wrapped to the room on stdout."""
    width = room().width
    return [part for line in lines for part in (wrapped(line, width) if width else [line])]


def write_lines(lines: Iterable[str]) -> None:
    """Write paths or other words that were asked for, one a line."""
    _write("".join(f"{line}\n" for line in lines).encode(), None)


def _write(content: bytes, output: Path | None) -> None:
    if output is None:
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return
    write_file(output, content)


def write_file(output: Path, content: bytes) -> None:
    """Write the rows to --output; EmoError when the operating system refuses."""
    try:
        output.write_bytes(content)
    except OSError as error:
        raise EmoError(
            f"--output {output}: {error.strerror}", hint="name a file that can be written with --output FILE"
        ) from error


def _parquet(rows: "pa.Table") -> bytes:
    import pyarrow.parquet as pq

    if sys.stdout.isatty():
        raise UsageError("--format parquet cannot be printed on a terminal", hint="--output FILE.parquet")
    sink = io.BytesIO()
    pq.write_table(rows, sink, compression="zstd")
    return sink.getvalue()


def _markdown(names: Sequence[str], rows: list[list[Any]]) -> str:
    right = [is_numeric(row[i] for row in rows) for i in range(len(names))]
    lines = [list(names), ["---:" if r else "---" for r in right]]
    lines += [[for_people(value).replace("|", "\\|").replace("\n", "<br>") for value in row] for row in rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _separated(delimiter: str) -> Callable[[Sequence[str], list[list[Any]]], str]:
    def text(names: Sequence[str], rows: list[list[Any]]) -> str:
        sink = io.StringIO()
        writer = csv.writer(sink, delimiter=delimiter, lineterminator="\n")
        writer.writerow(names)
        writer.writerows([for_machines(value) for value in row] for row in rows)
        return sink.getvalue()

    return text


def _json(names: Sequence[str], rows: list[list[Any]]) -> str:
    if not rows:
        return "[]\n"
    return "[\n" + ",\n".join(_object(names, row) for row in rows) + "\n]\n"


def _jsonl(names: Sequence[str], rows: list[list[Any]]) -> str:
    return "".join(_object(names, row) + "\n" for row in rows)


_TEXTS: dict[Format, Callable[[Sequence[str], list[list[Any]]], str]] = {
    Format.csv: _separated(","),
    Format.tsv: _separated("\t"),
    Format.json: _json,
    Format.jsonl: _jsonl,
    Format.markdown: _markdown,
}


def _object(names: Sequence[str], row: Sequence[Any]) -> str:
    return dumps(dict(zip(names, row, strict=True)))
