"""Columns of other names, labels as numbers, and one column a label."""

import json
import shlex

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command import emo, emo_ok

from emotion_cli.errors import UsageError
from emotion_cli.prompts.reading import read_prompt_set
from emotion_cli.prompts.reading.columns import Columns, label_names

ROWS = [("a", "x", "p"), ("b", "x", "q"), ("c", "y", "p"), ("d", "y", "q")]


def written(tmp_path, ending, rows):
    """The rows (dictionaries) as a file of that form."""
    path = tmp_path / f"set{ending}"
    if ending == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif ending == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        separator = {".csv": ",", ".tsv": "\t"}[ending]
        lines = [separator.join(rows[0]), *(separator.join(map(str, row.values())) for row in rows)]
        path.write_text("\n".join(lines) + "\n")
    return path


def read(path, **columns):
    return [(p.text, p.emotion, p.topic) for p in read_prompt_set([path], "s", columns=Columns(**columns)).prompts]


def faults(path, **columns):
    with pytest.raises(UsageError) as caught:
        read(path, **columns)
    return [
        line.strip().replace(f"{path.parent}/", "") for line in str(caught.value).splitlines()[1:] if "has 1 prompt" not in line
    ]


FORMS = pytest.mark.parametrize("ending", [".csv", ".tsv", ".jsonl", ".parquet"])


@FORMS
def test_columns_of_other_names_are_read_and_others_only_left_out_when_asked(tmp_path, ending):
    path = written(
        tmp_path,
        ending,
        [
            {"id": i, "text": f"subject {i}", "body": text, "mood": label, "label": "no", "scene": topic}
            for i, (text, label, topic) in enumerate(ROWS)
        ],
    )
    named = {"text": "body", "label": "mood", "topic": "scene"}
    assert read(path, **named, ignore_others=True) == ROWS
    # `text` stands for the same as `body` while nobody says that it is another column
    told = faults(path, **named)
    assert any("'text'" in fault or "for text" in fault for fault in told) and any("'id'" in fault for fault in told)
    assert any(
        "no row has the label column 'moode'" in fault
        for fault in faults(path, **{**named, "label": "moode"}, ignore_others=True)
    )


def test_without_other_columns_nothing_changes(tmp_path):
    path = written(tmp_path, ".csv", [{"text": a, "label": b, "topic": c, "n": 1} for a, b, c in ROWS])
    assert faults(path) == ["set.csv:1: unknown column 'n'; known are text, emotion, topic, cluster, lang"]
    assert read(path, ignore_others=True) == ROWS
    with pytest.raises(UsageError, match="'a' is used twice in the options"):
        Columns(text="a", label="a")


@FORMS
def test_labels_may_be_numbers_with_names(tmp_path, ending):
    path = written(tmp_path, ending, [{"text": a, "label": {"x": 2, "y": 0}[b], "topic": c} for a, b, c in ROWS])
    assert read(path, label_names=("y", "z", "x")) == ROWS
    assert any(
        "set" in fault and "the label" in fault and "is not a number from 0 to 1" in fault
        for fault in faults(path, label_names=("y", "z"))
    )


@pytest.mark.parametrize("ending", [".jsonl", ".parquet"])
def test_lists_of_numbers_are_read_where_they_have_one(tmp_path, ending):
    path = written(tmp_path, ending, [{"text": a, "labels": [{"x": 2, "y": 0}[b]], "topic": c} for a, b, c in ROWS])
    assert read(path, label="labels", label_names=("y", "z", "x")) == ROWS
    more = [{"text": "e", "labels": [0, 2]}, {"text": "f", "labels": []}, {"text": "g", "labels": [0, 1]}]
    path = written(tmp_path, ending, [{"text": a, "labels": [2]} for a, *_ in ROWS] + more)
    told = faults(path, label="labels", label_names=("y", "z", "x"))
    assert len(told) == 2 and "2 rows have several labels, the first is here" in told[0] and "the row has no label" in told[1]
    assert ("row 5" if ending == ".parquet" else ":5:") in told[0]


def test_cells_with_several_numbers_are_counted(tmp_path):
    path = written(tmp_path, ".tsv", [{"text": a, "label": n} for (a, *_), n in zip(ROWS, ["0", "0", "1,2", "0"], strict=True)])
    assert faults(path, label_names=("y", "z", "x")) == [
        "set.tsv:4: the row has several labels, a row needs exactly one; --several-labels drop leaves their texts out"
    ]


WIDE = [{"text": a, "id": 7, "x": int(b == "x"), "y": int(b == "y"), "topic": c} for a, b, c in ROWS]


@FORMS
def test_one_column_a_label(tmp_path, ending):
    path = written(tmp_path, ending, WIDE)
    wide = {"label_columns": ("x", "y"), "ignore_others": True}
    assert read(path, **wide) == ROWS
    assert any("'id'" in fault for fault in faults(path, label_columns=("x", "y")))
    path = written(
        tmp_path,
        ending,
        [*WIDE, *({**WIDE[0], "text": f"{i}{j}{k}", "x": i, "y": j} for i, j, k in ((0, 0, 0), (1, 1, 0), (1, 1, 1)))],
    )
    told = faults(path, **wide)
    assert len(told) == 2 and "the row has no label" in told[0] and "2 rows have several labels" in told[1]
    path = written(tmp_path, ending, [*WIDE[1:], {**WIDE[0], "x": 3}])
    (told,) = faults(path, **wide)
    assert "column 'x' holds" in told and "not 0 or 1" in told


def test_a_column_of_a_label_must_be_there(tmp_path):
    path = written(tmp_path, ".csv", WIDE)
    assert "set.csv:1: there is no column 'z'" in faults(path, label_columns=("x", "z"), ignore_others=True)
    both = written(tmp_path, ".csv", [{"text": a, "label": b, "x": 1, "y": 0} for a, b, _ in ROWS])
    assert faults(both, label_columns=("x", "y")) == ["set.csv:1: column 'label' cannot be used with the columns of labels"]
    assert {emotion for _, emotion, _ in read(both, label_columns=("x", "y"), ignore_others=True)} == {"x"}
    with pytest.raises(UsageError, match="--label-columns cannot be used with"):
        Columns(label="mood", label_columns=("x", "y"))


def test_names_of_labels_come_from_a_file_or_the_line(tmp_path):
    (tmp_path / "names.txt").write_bytes(b"\xef\xbb\xbfadmiration\nanger \n\n")
    assert label_names(str(tmp_path / "names.txt")) == label_names("admiration, anger") == ("admiration", "anger")
    for wrong, said in (("gone.txt", "no such file"), ("a,,b", "a name is empty"), ("a,b,a", "'a' is repeated")):
        with pytest.raises(UsageError, match=said):
            label_names(wrong)


@pytest.mark.parametrize(
    ("ending", "rows", "options"),
    [
        (".jsonl", [{"text": a, "label": {"x": 0, "y": 1}[b]} for a, b, _ in ROWS], "--label-names A,B,C"),
        (
            ".parquet",
            [{"text": a, "labels": [{"x": 0, "y": 1}[b]]} for a, b, _ in ROWS],
            "--label-column labels --label-names A,B,C",
        ),
        (
            ".csv",
            [{"Text": a, "Emotion": b, "id": i} for i, (a, b, _) in enumerate(ROWS)],
            "--text-column Text --label-column Emotion --ignore-other-columns",
        ),
        (".jsonl", [{"Text": a, "Emotion": b} for a, b, _ in ROWS], "--text-column Text --label-column Emotion"),
        (
            ".csv",
            [{"text": a, "id": f"r{a}", "x y": int(b == "x"), "z": int(b != "x")} for a, b, _ in ROWS],
            "--label-columns 'x y,z' --ignore-other-columns",
        ),
    ],
)
def test_the_options_that_would_read_a_file_are_the_next_command(tmp_path, ending, rows, options):
    path = written(tmp_path, ending, rows)
    ran = emo("datasets", "validate", path)
    assert ran.code == 2 and ran.err.endswith(f"next: emo datasets validate {path} {options}\n")
    words = [word.replace("A,B,C", "x,y") for word in shlex.split(options)]
    emo_ok("datasets", "validate", path, *words)


def test_the_commands_take_the_options(tmp_path):
    path = written(tmp_path, ".csv", [{"id": 1, "comment": a, "labels": {"x": 2, "y": 0}[b], "subreddit": c} for a, b, c in ROWS])
    options = [
        "--text-column",
        "comment",
        "--label-column",
        "labels",
        "--topic-column",
        "subreddit",
        "--label-names",
        "y,z,x",
        "--ignore-other-columns",
    ]
    store = ["--store", tmp_path / "store"]
    assert emo("datasets", "validate", path).code == 2
    emo_ok("datasets", "validate", path, *options)
    emo_ok("datasets", "import", path, "--dataset", "s", *options, *store)
    shown = [
        emo_ok("datasets", "show", *words, "--format", "csv").out.splitlines() for words in ([path, *options], ["s", *store])
    ]
    assert shown[0] == shown[1] == ["emotion,topic,text,n_copies", "x,p,a,1", "x,q,b,1", "y,p,c,1", "y,q,d,1"]
    wide = written(tmp_path, ".csv", WIDE)
    assert "labels x, y" in emo_ok("datasets", "validate", wide, "--label-columns", "x,y", "--ignore-other-columns").err
