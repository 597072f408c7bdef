"""What a prompt file holds, and its lines as text."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from emotion_cli.prompts.prompt_set import Row


class Header(NamedTuple):
    """The names of a table's columns, and where they stand."""

    place: str
    names: list[str]


class Contents(NamedTuple):
    """What a file holds: the rows that could be read, a sentence for each place that could not, and a table's header."""

    rows: list[Row]
    faults: list[str]
    header: Header | None = None


class Line(NamedTuple):
    """One line with its end: its number from 1, its text, and whether its bytes were UTF-8 (else what could be decoded)."""

    number: int
    text: str
    whole: bool


def lines(path: Path, faults: list[str]) -> Iterator[Line]:
    """The lines of a UTF-8 file, a leading byte order mark left out; a line of other bytes is a fault."""
    # split as bytes, so that one wrong byte costs one line and a U+2028 in a text is no line end
    for number, raw in enumerate(path.read_bytes().removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        try:
            yield Line(number, raw.decode("utf-8") + "\n", True)
        except UnicodeDecodeError as error:
            faults.append(f"{path}:{number}: not UTF-8 at byte {error.start + 1} of the line")
            yield Line(number, raw.decode("utf-8", errors="replace") + "\n", False)
