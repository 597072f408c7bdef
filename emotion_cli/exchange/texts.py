"""Texts to score, from a file or stdin: a text a line, or JSON lines with `text` and, if they have one, `id`."""

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from emotion_cli.errors import UsageError

STDIN = "-"
JSON_LINES = ".jsonl"


class NamedText(NamedTuple):
    """A text, its name (the `id`, else the number of the line), and the line where it stands."""

    text_id: str
    text: str
    line: int


class Texts(NamedTuple):
    """The texts of a file in their order, and the numbers of the lines that hold none."""

    texts: list[NamedText]
    empty: list[int]


def read_texts(path: str) -> Texts:
    """The texts of a file, or of stdin for `-`; UsageError, with file and line, for one that cannot be read.

    JSON lines are those of a file that ends in .jsonl, or whose first line that is not empty is a JSON object with `text`.
    """
    name = "stdin" if path == STDIN else path
    try:
        content = sys.stdin.buffer.read() if path == STDIN else Path(path).read_bytes()
    except OSError as error:
        raise UsageError(f"--file {path}: {error.strerror}", hint="--file FILE, or --file - for stdin") from error
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise UsageError(
            f"{name}, line {line}: it is not UTF-8", hint="iconv -f latin1 -t utf-8 FILE, if it is Latin-1"
        ) from error
    # as an editor counts lines: other separators of Unicode stand within a text
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    filled = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    empty = [number for number, line in enumerate(lines, 1) if not line.strip()]
    if lines and not lines[-1]:
        empty.pop()  # what ends the last line
    as_json = path.endswith(JSON_LINES) or (bool(filled) and _object(filled[0][1]) is not None)
    texts = list(_of_json(name, filled)) if as_json else [NamedText(str(number), line, number) for number, line in filled]
    empty += [member.line for member in texts if not member.text.strip()]
    texts = [member for member in texts if member.text.strip()]
    if not texts:
        raise UsageError(f"{name}: there is no text in it", hint="a text a line, or JSON lines with `text`")
    return Texts(texts, sorted(empty))


def _object(line: str) -> dict[str, Any] | None:
    """The JSON object of a line, if it is one with a text."""
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) and isinstance(value.get("text"), str) else None


def _of_json(name: str, lines: Iterable[tuple[int, str]]) -> Iterable[NamedText]:
    for number, line in lines:
        row = _object(line)
        if row is None:
            raise UsageError(
                f"{name}, line {number}: not a JSON object with a string `text`",
                hint='each line like {"id": "a1", "text": "Thank you!"}',
            )
        text_id = row.get("id", number)
        if isinstance(text_id, bool) or not isinstance(text_id, (str, int)):
            raise UsageError(f"{name}, line {number}: `id` is neither a string nor a number", hint='{"id": "a1", "text": ".."}')
        try:
            row["text"].encode()
        except UnicodeEncodeError as error:
            raise UsageError(
                f"{name}, line {number}: half of a surrogate pair is no character", hint="repair the file"
            ) from error
        yield NamedText(str(text_id), row["text"], number)
