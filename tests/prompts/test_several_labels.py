"""Texts under several labels are refused with their number, or dropped with a note."""

import json

import pytest

from emotion_cli.errors import UsageError
from emotion_cli.prompts.reading import read_prompt_set


def _file(folder):
    rows = [("a", "joy"), ("b", "joy"), ("c", "fear"), ("d", "fear"), ("e", "joy"), ("e", "fear"), ("f", "fear"), ("f", "joy")]
    path = folder / "prompts.jsonl"
    path.write_text("".join(json.dumps({"text": f"text {text}", "emotion": label}) + "\n" for text, label in rows))
    return path


def test_they_are_refused_with_their_number(tmp_path):
    with pytest.raises(UsageError, match="2 texts under several labels; --several-labels drop"):
        read_prompt_set([_file(tmp_path)], "set")


def test_they_are_dropped_with_a_note(tmp_path):
    notes = []
    made = read_prompt_set([_file(tmp_path)], "set", several_labels="drop", note=notes.append)
    assert [prompt.text for prompt in made.prompts] == ["text a", "text b", "text c", "text d"]
    assert notes == ["left out: 2 texts under several labels (4 rows)"]
