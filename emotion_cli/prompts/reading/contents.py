"""The contents of a prompt file, and its lines as text."""

import codecs
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from emotion_cli.prompts.prompt_set import Row


class Header(NamedTuple):
    """The names of a table's columns, and where they stand."""

    place: str
    names: list[str]


class Doubt(NamedTuple):
    """A row whose quoted field spans lines of which several would be rows by themselves: up to line `last`."""

    place: str
    last: int
    rows: Sequence[Row]


class Contents(NamedTuple):
    """The contents of a file: readable rows, a sentence for each unreadable place, and a table's header.

    `notes` say what was read in another way than usual, `doubts` what may have been swallowed.
    """

    rows: list[Row]
    faults: list[str]
    header: Header | None = None
    notes: Sequence[str] = ()
    doubts: Sequence[Doubt] = ()


class Line(NamedTuple):
    """One line with its end: its number from 1, its text, and whether its bytes were text (else what could be decoded)."""

    number: int
    text: str
    whole: bool

    @property
    def body(self) -> str:
        """The text without its end."""
        return self.text.removesuffix("\n").removesuffix("\r")


MARKS = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)
"""Byte order marks of wide encodings; that of UTF-32 begins like that of UTF-16."""


def lines(path: Path, faults: list[str], notes: list[str]) -> list[Line]:
    """The lines of a text file, a leading byte order mark left out; a line of bytes that are not text is a fault.

    UTF-8, or UTF-16 where a byte order mark says so. Where no line feed is in the file, carriage returns end its lines.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        faults.append(f"{path}: {error.strerror}")
        return []
    for mark, name in MARKS:
        if raw.startswith(mark):
            return _wide(path, raw, name, faults, notes)
    if _lacks_mark(raw):
        faults.append(f"{path}: UTF-16 without a byte order mark; save the file as UTF-8")
        return []
    raw = raw.removeprefix(codecs.BOM_UTF8)
    end = b"\r" if _ends_in_returns(b"\r" in raw, b"\n" in raw, path, notes) else b"\n"
    # split as bytes, so that one wrong byte costs one line and a U+2028 in a text is not a line end
    return list(_decoded(path, raw.split(end), end.decode(), faults))


def _wide(path: Path, raw: bytes, name: str, faults: list[str], notes: list[str]) -> list[Line]:
    try:
        text = raw.decode(name)
    except UnicodeDecodeError as error:
        faults.append(f"{path}: not {name} at byte {error.start + 1}, though its byte order mark says so")
        return []
    notes.append(f"{path}: read as {name}, which its byte order mark names")
    end = "\r" if _ends_in_returns("\r" in text, "\n" in text, path, notes) else "\n"
    pieces = text.split(end)
    return [Line(i, piece + end * (i < len(pieces)), True) for i, piece in enumerate(pieces, start=1)]


def _lacks_mark(raw: bytes) -> bool:
    """Whether bytes look like UTF-16 without its mark: text hardly has NULs, and ASCII in UTF-16 has one in two bytes."""
    odd, even = raw[1::2].count(0), raw[::2].count(0)
    return len(raw) > 1 and (raw[:2].count(0) == 1 or max(odd, even) > len(raw) / 10 > 10 * min(odd, even))


def _ends_in_returns(has_return: bool, has_feed: bool, path: Path, notes: list[str]) -> bool:
    if not has_return or has_feed:
        return False
    notes.append(f"{path}: its lines end in carriage returns only, and are read that way")
    return True


def _decoded(path: Path, pieces: Sequence[bytes], end: str, faults: list[str]) -> Iterator[Line]:
    for number, piece in enumerate(pieces, start=1):
        own_end = end if number < len(pieces) else ""
        try:
            yield Line(number, piece.decode("utf-8") + own_end, True)
        except UnicodeDecodeError as error:
            faults.append(f"{path}:{number}: not UTF-8 at byte {error.start + 1} of the line")
            yield Line(number, piece.decode("utf-8", errors="replace") + own_end, False)
