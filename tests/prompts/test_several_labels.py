"""Texts under several labels are refused with their number, or dropped with a note."""

import json

import pytest

from emotion_cli.errors import UsageError
from emotion_cli.prompts.reading import read_prompt_set
from emotion_cli.prompts.reading.columns import Columns


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


FORMS = {
    "columns": ({"joy": 1, "fear": 1}, {"joy": 1, "fear": 0}, {"joy": 0, "fear": 1}, {"label_columns": ("joy", "fear")}),
    "numbers": ({"label": "0,1"}, {"label": "0"}, {"label": "1"}, {"label": "label", "label_names": ("joy", "fear")}),
}


@pytest.mark.parametrize("form", FORMS)
def test_labels_of_one_row_are_several_too(tmp_path, form):
    both, joy, fear, options = FORMS[form]
    # e is under one label in a row of its own, f under two rows, g twice under one
    rows = [
        ("a", joy),
        ("b", joy),
        ("c", fear),
        ("d", fear),
        ("e", both),
        ("e", joy),
        ("f", joy),
        ("f", fear),
        ("g", joy),
        ("g", joy),
    ]
    path = tmp_path / "prompts.jsonl"
    path.write_text("".join(json.dumps({"text": f"text {text}", **labels}) + "\n" for text, labels in rows))
    columns = Columns(**options)
    with pytest.raises(UsageError, match=r"the row has several labels, a row needs exactly one; --several-labels drop"):
        read_prompt_set([path], "set", columns=columns)
    notes = []
    made = read_prompt_set([path], "set", columns=columns, several_labels="drop", note=notes.append)
    assert [(prompt.text, prompt.emotion, prompt.n_copies) for prompt in made.prompts] == [
        ("text a", "joy", 1),
        ("text b", "joy", 1),
        ("text c", "fear", 1),
        ("text d", "fear", 1),
        ("text g", "joy", 2),
    ]
    assert notes == ["left out: 2 texts under several labels (4 rows)"]


def test_a_row_without_a_label_stays_a_fault(tmp_path):
    path = tmp_path / "prompts.jsonl"
    path.write_text("".join(json.dumps({"text": f"t{i}", "joy": i % 2, "fear": i // 2 % 2}) + "\n" for i in range(8)))
    with pytest.raises(UsageError, match="2 rows have no label"):
        read_prompt_set([path], "set", columns=Columns(label_columns=("joy", "fear")), several_labels="drop")
