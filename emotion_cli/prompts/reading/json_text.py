"""JSON lines, and the form with one file a label: `{"label": "joy", "prompts": ["...", {"text": "...", "topic": "..."}]}`."""

import json
import re
from bisect import bisect_right
from collections.abc import Callable
from itertools import accumulate
from pathlib import Path
from typing import Any

from emotion_cli.prompts.prompt_set import Row
from emotion_cli.prompts.reading.contents import Contents, lines

SET_KEYS = ("prompts", "label", "emotion", "lang")
"""Keys of the object of the one-label form; `lang` and the label apply to every prompt in it."""


class _Object(dict[str, Any]):
    """A JSON object that remembers keys which stand twice (plain parsing would keep the last in silence)."""

    twice: tuple[str, ...] = ()


def _object(pairs: list[tuple[str, Any]]) -> _Object:
    made = _Object(pairs)
    names = [name for name, _ in pairs]
    made.twice = tuple(name for name in made if names.count(name) > 1)
    return made


_DECODER = json.JSONDecoder(object_pairs_hook=_object)
_SPACE = re.compile(r"[ \t\n\r]*")


def read_jsonl(path: Path) -> Contents:
    """One JSON object a line; blank lines are skipped."""
    rows: list[Row] = []
    faults: list[str] = []
    notes: list[str] = []
    for line in lines(path, faults, notes):
        if not line.whole or not line.text.strip():
            continue
        place = f"{path}:{line.number}"
        try:
            value = _DECODER.decode(line.text)
        except (ValueError, RecursionError) as error:
            faults.append(f"{place}: not JSON: {error}")
            continue
        if isinstance(value, _Object):
            rows.append(_row(place, value, faults))
        else:
            faults.append(f"{place}: an object is expected, not {type(value).__name__}")
    return Contents(rows, faults, notes=notes)


def read_json(path: Path) -> Contents:
    """One object whose `prompts` are texts or objects; its label is its `label` or `emotion`, else the file's stem."""
    faults: list[str] = []
    notes: list[str] = []
    read = lines(path, faults, notes)
    text = "".join(line.text for line in read)
    ends = [end - 1 for end in accumulate(len(line.text) for line in read)]

    def place(at: int) -> str:
        return f"{path}:{bisect_right(ends, at - 1) + 1}"

    if faults:
        return Contents([], faults)
    try:
        members = _members(text)
    except json.JSONDecodeError as error:
        return Contents([], [f"{place(error.pos)}: not JSON: {error}"])
    except (ValueError, RecursionError) as error:
        return Contents([], [f"{path}: not JSON: {error}"])
    head: dict[str, Any] = {}
    items: list[tuple[int, Any]] | None = None
    for at, key, value in members:
        if key not in SET_KEYS:
            faults.append(f"{place(at)}: unknown key {key!r}; known are {', '.join(SET_KEYS)}")
        elif key in head or (key == "prompts" and items is not None) or {"label", "emotion"} <= {key, *head}:
            faults.append(f"{place(at)}: {key!r} is a second key for the same field")
        elif key != "prompts":
            head[key] = value
        elif isinstance(value, list):
            items = value
        else:
            faults.append(f"{place(at)}: prompts: a list is expected")
    if items is None:
        return Contents([], faults or [f"{path}:1: there is no list called prompts"])
    common = head if {"label", "emotion"} & set(head) else {"label": path.stem, **head}
    rows = []
    for at, item in items:
        if isinstance(item, str):
            rows.append(Row(place(at), {**common, "text": item}))
        elif isinstance(item, _Object):
            rows.append(_row(place(at), item, faults, common))
        else:
            faults.append(f"{place(at)}: a text or an object is expected, not {type(item).__name__}")
    return Contents(rows, faults, notes=notes)


def _row(place: str, value: _Object, faults: list[str], common: dict[str, Any] | None = None) -> Row:
    faults += [f"{place}: the key {key!r} is repeated" for key in value.twice]
    return Row(place, {**(common or {}), **value})


def _members(text: str) -> list[tuple[int, str, Any]]:
    """Where each member of the object in `text` begins, its key and value; of `prompts`, where each item begins as well."""
    at = _after_space(text, 0)
    if text[at : at + 1] != "{":
        raise json.JSONDecodeError("an object with a list called prompts is expected", text, at)
    members: list[tuple[int, str, Any]] = []

    def member(at: int) -> int:
        key, end = _DECODER.raw_decode(text, at)
        if not isinstance(key, str):
            raise json.JSONDecodeError("a key is expected", text, at)
        colon = _after_space(text, end)
        if text[colon : colon + 1] != ":":
            raise json.JSONDecodeError("a colon is expected", text, colon)
        start = _after_space(text, colon + 1)
        if key == "prompts" and text[start : start + 1] == "[":
            items: list[tuple[int, Any]] = []

            def item(at: int) -> int:
                value, end = _DECODER.raw_decode(text, at)
                items.append((at, value))
                return end

            end = _separated(text, start, "]", item)
            members.append((at, key, items))
        else:
            value, end = _DECODER.raw_decode(text, start)
            # a list under another key than `prompts` is not a list of items
            members.append((at, key, value))
        return end

    end = _after_space(text, _separated(text, at, "}", member))
    if end != len(text):
        raise json.JSONDecodeError("nothing more is expected", text, end)
    return members


def _separated(text: str, opening: int, closing: str, read: Callable[[int], int]) -> int:
    """Call `read` (start to end) for each of the comma-separated items after `opening`; where the closing bracket ends."""
    at = _after_space(text, opening + 1)
    if text[at : at + 1] == closing:
        return at + 1
    while True:
        at = _after_space(text, read(at))
        if text[at : at + 1] == closing:
            return at + 1
        if text[at : at + 1] != ",":
            raise json.JSONDecodeError(f"a comma or {closing} is expected", text, at)
        at = _after_space(text, at + 1)


def _after_space(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at
