"""Tables as text, with a header; fields may be quoted, with quotes in them doubled.

A quoted field may span lines. In a tab-separated file where no field needs its quotes, a quote that opens no
whole field is a character like any other.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from emotion_cli.prompts.prompt_set import Row
from emotion_cli.prompts.reading.contents import Contents, Doubt, Header, Line, lines

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs"}
"""Separators of fields, as sentences name them."""

QUOTING = "a field with quotes is quoted, and the quotes in it are doubled"


def read_csv(path: Path) -> Contents:
    """Rows of a comma-separated file; of one with other separators where its header, or a first line `sep=`, says so."""
    return _read(path, ",")


def read_tsv(path: Path) -> Contents:
    """Rows of a tab-separated file, quoted as a spreadsheet does or not at all."""
    return _read(path, "\t")


_WHOLE = r'"(?:[^"]|"")*"'
"""A quoted field with nothing beside it."""


class _Record(NamedTuple):
    """A row of fields, how many lines it takes, and whether every field is quoted."""

    fields: list[str]
    n_lines: int
    all_quoted: bool


class _QuoteError(Exception):
    """A quoted field that does not end as it must."""


def _read(path: Path, usual: str) -> Contents:
    rows: list[Row] = []
    faults: list[str] = []
    notes: list[str] = []
    doubts: list[Doubt] = []
    literal: list[str] = []
    header: Header | None = None
    quoted_at: int | None = None
    text = lines(path, faults, notes)
    at, separator = _separator(path, text, usual, faults, notes)
    while at < len(text):
        place = f"{path}:{text[at].number}"
        body = text[at].body
        if separator not in body and not body.strip():
            at += 1
            continue
        record, wrong = quoted, _ = _record_or_fault(text, at, separator)
        plain = _cells(body, separator) if separator == "\t" and "\r" not in body else None
        if (
            plain
            and (record is None or (header and len(record.fields) != len(header.names)))
            and (header is None or len(plain) == len(header.names))
        ):
            record = _Record(plain, 1, False)
            literal.append(place)
        span = text[at : at + (record.n_lines if record else 1)]
        at += len(span)
        if header is None and record is None:
            return Contents([], [*faults, f"{place}: {wrong}"], None, notes)
        if not all(line.whole for line in span) and header is not None:
            continue
        if record is None:
            faults.append(f"{place}: {wrong}")
        elif header is None:
            header = Header(place, record.fields)
        elif len(record.fields) != len(header.names):
            to = f" (up to line {span[-1].number})" if len(span) > 1 else ""
            faults.append(f"{place}: {len(record.fields)} fields{to}, the header has {len(header.names)}")
        else:
            rows.append(_row(place, header, record.fields))
            if quoted_at is None and record is quoted and _needs_quotes(record, span, separator):
                quoted_at = span[0].number
            alone = [] if record.all_quoted else _rows_alone(path, span, header, separator)
            if len(alone) > 1:
                doubts.append(Doubt(place, span[-1].number, alone))
    if quoted_at:
        faults += [
            f"{place}: a quote does not enclose a whole field, yet fields are quoted, as in line {quoted_at}; {QUOTING}"
            for place in literal
        ]
    elif literal:
        more = f", here and in {len(literal) - 1} more lines" if len(literal) > 1 else ""
        notes.append(f"{literal[0]}: a quote that does not enclose a whole field is read as a character{more}")
    return Contents(rows, faults, header, notes, doubts)


def _row(place: str, header: Header, fields: Sequence[str]) -> Row:
    # an empty cell is a missing value
    return Row(place, {name: value or None for name, value in zip(header.names, fields, strict=True)})


def _rows_alone(path: Path, span: Sequence[Line], header: Header, separator: str) -> list[Row]:
    """Those of the lines of a record that would be rows if no field spanned lines."""
    cells = {line.number: _cells(line.body, separator) for line in span[: len(span) if len(span) > 1 else 0]}
    return [_row(f"{path}:{number}", header, fields) for number, fields in cells.items() if len(fields) == len(header.names)]


def _needs_quotes(record: _Record, span: Sequence[Line], separator: str) -> bool:
    """Whether a record is quoted throughout, or holds what only quoted fields can: line ends, separators, doubled quotes."""
    cells = span[0].body.split(separator)
    return (
        record.all_quoted
        or len(span) > 1
        or len(record.fields) != len(cells)
        or any('""' in cell[1:-1] and re.fullmatch(_WHOLE, cell) for cell in cells)
    )


def _separator(path: Path, text: Sequence[Line], usual: str, faults: list[str], notes: list[str]) -> tuple[int, str]:
    """Where the table begins, and what stands between its fields: as a line `sep=` or the header says, else as usual."""
    first = next((i for i, line in enumerate(text) if line.body.strip()), len(text))
    if first == len(text):
        return first, usual
    place = f"{path}:{text[first].number}"
    if named := re.fullmatch(r'"?sep=(.)"?', text[first].body, re.IGNORECASE):
        if named[1] not in SEPARATORS:
            faults.append(f"{place}: the line names {named[1]!r}; what is read is separated by {', '.join(SEPARATORS.values())}")
            return len(text), usual
        notes.append(f"{place}: fields are separated by {SEPARATORS[named[1]]}, as the line says")
        return first + 1, named[1]

    def n_columns(separator: str) -> int:
        record, _ = _record_or_fault(text, first, separator)
        return len(record.fields) if record else 0

    candidates = [separator for separator in SEPARATORS if separator != usual and n_columns(separator) > 1]
    if n_columns(usual) > 1 or len(candidates) != 1:
        return first, usual
    notes.append(f"{place}: fields are separated by {SEPARATORS[candidates[0]]}, as the header shows")
    return first, candidates[0]


def _record_or_fault(text: Sequence[Line], at: int, separator: str) -> tuple[_Record | None, str]:
    try:
        return _record(text, at, separator), ""
    except _QuoteError as error:
        return None, str(error)


def _record(text: Sequence[Line], at: int, separator: str) -> _Record:
    """The record that begins with line `at`, as RFC 4180 has it; _QuoteError where it breaks the rules of quoting."""
    fields: list[str] = []
    all_quoted, last, position = True, at, 0
    while True:
        body = text[last].body
        if body.startswith('"', position):
            opened = last
            field, last, position = _quoted(text, last, position + 1)
            body = text[last].body
            if position < len(body) and body[position] != separator:
                closed = "" if last == opened else f" closes in line {text[last].number} and"
                raise _QuoteError(f"the quoted field {len(fields) + 1}{closed} has more text after its closing quote; {QUOTING}")
        else:
            all_quoted = False
            stop = body.find(separator, position)
            field, position = body[position : stop if stop >= 0 else None], stop if stop >= 0 else len(body)
            if "\r" in field:
                raise _QuoteError("a carriage return is inside the line: its line end differs from those of the other lines")
        fields.append(field)
        if position >= len(body):
            return _Record(fields, last - at + 1, all_quoted)
        position += 1


def _quoted(text: Sequence[Line], line: int, position: int) -> tuple[str, int, int]:
    """A quoted field after its opening quote: its text, and the line and position after its closing quote."""
    pieces: list[str] = []
    while True:
        close = text[line].text.find('"', position)
        if close < 0:
            pieces.append(text[line].text[position:])
            line, position = line + 1, 0
            if line == len(text):
                raise _QuoteError(f"a quote opens a field that is never closed; {QUOTING}")
            continue
        pieces.append(text[line].text[position:close])
        if not text[line].text.startswith('"', close + 1):
            return "".join(pieces), line, close + 1
        pieces.append('"')
        position = close + 2


def _cells(body: str, separator: str) -> list[str]:
    """The fields of a line that no field leaves: quotes around a whole field are taken off, others stay."""
    return [cell[1:-1].replace('""', '"') if re.fullmatch(_WHOLE, cell) else cell for cell in body.split(separator)]
