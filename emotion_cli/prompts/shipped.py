"""The prompt sets that ship with emo, as declared in data/sets.toml."""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import as_file, files

from emotion_cli.prompts.prompt_set import PromptSet, validated
from emotion_cli.prompts.reading.json_text import read_jsonl


@dataclass(frozen=True)
class ShippedSet:
    """One declaration: the file, how many of its topics (None is all), the role, and one phrase for people."""

    name: str
    file: str
    role: str
    about: str
    topics: int | None = None


@cache
def shipped_sets() -> dict[str, ShippedSet]:
    """All shipped sets by name."""
    text = files("emotion_cli.prompts").joinpath("data/sets.toml").read_text(encoding="utf-8")
    return {name: ShippedSet(name, **declared) for name, declared in tomllib.loads(text).items()}


def shipped_prompt_set(name: str) -> PromptSet:
    """The prompts of a shipped set; KeyError when no set has that name."""
    declared = shipped_sets()[name]
    with as_file(files("emotion_cli.prompts").joinpath("data", declared.file)) as path:
        contents = read_jsonl(path)
    topics = list(dict.fromkeys(row.values["topic"] for row in contents.rows))[: declared.topics]
    rows = [row for row in contents.rows if row.values["topic"] in topics]
    return validated(name, rows, role=declared.role, faults=contents.faults)
