"""Comma- and tab-separated files with a header; fields may be quoted, with quotes in them doubled."""

import csv
from collections.abc import Iterator
from pathlib import Path

from emotion_cli.prompts.prompt_set import Row
from emotion_cli.prompts.reading.contents import Contents, Header, lines


def read_csv(path: Path) -> Contents:
    """Rows of a comma-separated file."""
    return _read(path, ",")


def read_tsv(path: Path) -> Contents:
    """Rows of a tab-separated file, quoted as a spreadsheet does."""
    return _read(path, "\t")


def _read(path: Path, delimiter: str) -> Contents:
    rows: list[Row] = []
    faults: list[str] = []
    damaged: set[int] = set()

    def texts() -> Iterator[str]:
        for line in lines(path, faults):
            if not line.whole:
                damaged.add(line.number)
            yield line.text

    reader = csv.reader(texts(), delimiter=delimiter, strict=True)
    header: Header | None = None
    first = 1
    try:
        for fields in reader:
            # a quoted field may span lines: a record is named by its first
            place, span, first = f"{path}:{first}", range(first, reader.line_num + 1), reader.line_num + 1
            if not fields or (len(fields) == 1 and not fields[0].strip()):
                continue
            if header is None:
                header = Header(place, fields)
            elif damaged.intersection(span):
                continue
            elif len(fields) != len(header.names):
                faults.append(f"{place}: {len(fields)} fields, the header has {len(header.names)}")
            else:
                # an empty cell is no value
                rows.append(Row(place, {name: value or None for name, value in zip(header.names, fields, strict=True)}))
    except csv.Error as error:
        faults.append(f"{path}:{reader.line_num}: {error}; a field with quotes is quoted, and the quotes in it are doubled")
    return Contents(rows, faults, header)
