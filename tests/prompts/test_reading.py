"""Every form of a prompt file: the same rows are the same set, and each fault is said with its place."""

import json
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prompt_files import FORMS

from emotion_cli.errors import UsageError
from emotion_cli.prompts.alike import is_blank
from emotion_cli.prompts.reading import READERS, read_prompt_set
from emotion_cli.prompts.reading.columns import Columns

WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12).filter(lambda text: not is_blank(text))
LABELS = WORDS.map(str.strip).filter(lambda label: label != "others")


@st.composite
def prompt_rows(draw):
    labels = draw(st.lists(LABELS, min_size=1, max_size=3, unique=True))
    texts = draw(st.lists(WORDS, min_size=2 * len(labels), max_size=8, unique=True))
    return [{"text": text, "emotion": labels[i % len(labels)], "topic": draw(st.none() | WORDS)} for i, text in enumerate(texts)]


@settings(deadline=None)
@given(prompt_rows())
def test_the_same_rows_in_every_form_are_the_same_set(rows):
    expected = {(row["text"], row["emotion"], row["topic"]) for row in rows}
    with tempfile.TemporaryDirectory() as folder:
        sets = {}
        for ending, write in FORMS.items():
            sets[ending] = read_prompt_set(write(Path(folder), rows), "s", accept_labels=True)
            found = {(prompt.text, prompt.emotion, prompt.topic) for prompt in sets[ending].prompts}
            assert found == expected, ending
    assert set(FORMS) == set(READERS)
    assert len({one.sha256 for one in sets.values()}) == 1


def faults_of(*paths, **options):
    with pytest.raises(UsageError) as caught:
        read_prompt_set(paths, "s", **options)
    assert str(caught.value).startswith("dataset s: ")
    return str(caught.value).replace(f"{Path(paths[0]).parent}/", "").splitlines()[1:]


def written(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


GOOD = "text,label,topic\na,x,one\nb,x,two\nc,y,one\nd,y,\n"


def test_a_table_may_say_label_and_leave_topics_empty(tmp_path):
    prompt_set = read_prompt_set([written(tmp_path / "a.csv", GOOD)], "s")
    assert [(prompt.emotion, prompt.topic) for prompt in prompt_set.prompts] == [
        ("x", "one"),
        ("x", "two"),
        ("y", "one"),
        ("y", None),
    ]
    windows = b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode()
    assert read_prompt_set([written(tmp_path / "b.csv", windows)], "s") == prompt_set


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("text,label\na,x\nb\n\nc,y,z\n", ["a.csv:3: 1 fields, the header has 2", "a.csv:5: 3 fields, the header has 2"]),
        ("text,text,label,\na,b,x,\n", ["a.csv:1: columns 'text' and 'text' are the same", "a.csv:1: column 4 has no name"]),
        ("txt,label\na,x\n", ["a.csv:1: there is no column 'text'", "a.csv:1: unknown column 'txt'"]),
        ('text,label\n"two\nlines",x\n,x\n', ["a.csv:4: text is missing"]),
        ('text,label\n"a" b,x\n', ["a.csv:2: the quoted field 1 has more text after its closing quote"]),
        ('text,label\n"a,x\n,x\n', ["a.csv:2: a quote opens a field that is never closed", "a.csv:3: text is missing"]),
        (b"text,label\na,x\n\xff\xfe,x\nb,x\n,x\n", ["a.csv:3: not UTF-8 at byte 1 of the line", "a.csv:5: text is missing"]),
        (
            "text,label,topic\na,x,one\na,y,one\na,x,two\n",
            ["a.csv:3: the text has label 'y' here and 'x' at a.csv:2", "a.csv:4: the text has topic 'two' here and 'one'"],
        ),
        ("text,label,mood\na,x,1\n", ["a.csv:1: unknown column 'mood'"]),
        ("text,label,emotion\na,x,x\n", ["a.csv:1: columns 'label' and 'emotion' are the same"]),
        ("text,label\na, x\nb,others\n", ["a.csv:2: the label ' x' has white space", "a.csv:3: 'others' cannot be a label"]),
        ("", ["there are no prompts"]),
    ],
)
def test_faults_of_tables_are_said_with_their_line(tmp_path, content, expected):
    faults = faults_of(written(tmp_path / "a.csv", content))
    for said in expected:
        assert any(said in fault for fault in faults), (said, faults)
    assert sum("has 1 prompt" not in fault for fault in faults) == len(expected)


def test_one_json_file_a_label(tmp_path):
    written(tmp_path / "joy.json", '{"lang": "en", "prompts": ["a", {"text": "b", "topic": "t"}]}')
    written(tmp_path / "other.json", '{"emotion": "calm", "prompts": ["c", "d"]}')
    written(tmp_path / "notes.txt", "not a prompt")
    prompt_set = read_prompt_set([tmp_path], "s", reference="calm")
    assert [(prompt.text, prompt.emotion, prompt.topic, prompt.lang) for prompt in prompt_set.prompts] == [
        ("a", "joy", None, "en"),
        ("b", "joy", "t", "en"),
        ("c", "calm", None, None),
        ("d", "calm", None, None),
    ]
    # a file named beside its folder is read once
    assert read_prompt_set([tmp_path, tmp_path / "joy.json"], "s") == prompt_set


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (
            '{"prompts": [\n"a",\n5,\n{"text": ""},\n{"text": "b", "mood": 1},\n{"text": "c", "text": "d"}]}',
            [
                "a.json:3: a text or an object is expected, not int",
                "a.json:4: text is empty",
                "a.json:5: unknown key 'mood'",
                "a.json:6: the key 'text' is repeated",
            ],
        ),
        ('{"prompts": ["a",\n"b"\n"c"]}', ["a.json:3: not JSON: a comma or ] is expected"]),
        ('{"prompts": ["a"],\n"count": 1}', ["a.json:2: unknown key 'count'"]),
        ('{"label": "x",\n"emotion": "y", "prompts": ["a", "b"]}', ["a.json:2: 'emotion' is a second key"]),
        ('{"label": "x"}', ["a.json:1: there is no list called prompts"]),
        ('{"prompts": {}}', ["a.json:1: prompts: a list is expected"]),
        ('{"prompts": ["a", "b"]} x', ["a.json:1: not JSON: nothing more is expected"]),
        ('["a"]', ["a.json:1: not JSON: an object with a list called prompts is expected"]),
        ('{"prompts": [' + "[" * 100_000, ["a.json: not JSON"]),
        (b'{"prompts": ["a",\n"\xff"]}', ["a.json:2: not UTF-8 at byte 2"]),
        ('{"prompts": ["\\ud83d", "b", "c"]}', ["a.json:1: text holds half a surrogate pair"]),
    ],
)
def test_faults_of_json_are_said_with_their_line(tmp_path, content, expected):
    faults = [fault for fault in faults_of(written(tmp_path / "a.json", content)) if "has 1 prompt" not in fault]
    assert len(faults) == len(expected)
    for said in expected:
        assert any(said in fault for fault in faults), (said, faults)


def test_faults_of_parquet_are_said_with_their_row(tmp_path):
    offsets = pa.py_buffer(pa.array([0, 1, 2, 2, 3], pa.int32()).buffers()[1].to_pybytes())
    texts = pa.StringArray.from_buffers(4, offsets, pa.py_buffer(b"a\xffd"), pa.py_buffer(bytes([0b1011])))
    pq.write_table(pa.table({"text": texts, "emotion": ["x", "x", "x", "x"], "n": [1, 2, 3, 4]}), tmp_path / "a.parquet")
    faults = faults_of(tmp_path / "a.parquet")
    for said in (
        "a.parquet: row 2: text is not UTF-8 at byte 1",
        "a.parquet: row 3: text is missing",
        "schema: unknown column 'n'",
    ):
        assert any(said in fault for fault in faults), (said, faults)


def test_damaged_parquet_is_said(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": ["a", "b"] * 50, "emotion": ["x"] * 100}), path)
    content = path.read_bytes()
    for wrong in (content[:-10], b"PAR1", b"", content[:4] + bytes(len(content) // 3) + content[4 + len(content) // 3 :]):
        assert any("a.parquet: not readable as Parquet" in fault for fault in faults_of(written(path, wrong)))
    pq.write_table(pa.table([pa.array(["a"])] * 2, names=["text", "text"]), path)
    assert faults_of(path) == [
        "  a.parquet: schema: columns 'text' and 'text' are the same",
        "  a.parquet: schema: there is no column 'emotion'",
    ]


def test_faults_of_all_files_are_said_at_once(tmp_path):
    written(tmp_path / "a.csv", "text,label\n,x\n")
    written(tmp_path / "b.jsonl", json.dumps({"emotion": "x"}) + "\n" + json.dumps({"text": "a", "emotion": "x"}))
    written(tmp_path / "c.json", '{"prompts": ["a"]}')
    faults = faults_of(tmp_path / "a.csv", tmp_path / "b.jsonl", tmp_path / "c.json", role="both", reference="z")
    for said in (
        "a.csv:2: text is missing",
        "b.jsonl:1: text is missing",
        "role 'both'",
        "reference 'z' is not a label",
        "c.json:1: the text has label 'c' here and 'x' at b.jsonl:2",
        "label 'x' has 1 prompt",
    ):
        assert any(said in fault for fault in faults), (said, faults)


def test_topics_may_stand_in_another_column(tmp_path):
    table = GOOD.replace("topic", "scene").replace("d,y,", "d,y,three")
    path = written(tmp_path / "a.csv", table)
    assert {prompt.topic for prompt in read_prompt_set([path], "s", columns=Columns(topic="scene")).prompts} == {
        "one",
        "two",
        "three",
    }
    assert any("unknown column 'scene'" in fault for fault in faults_of(path))
    assert "  no row has the topic column 'place'" in faults_of(path, columns=Columns(topic="place"))
    both = written(tmp_path / "b.csv", "text,label,topic,scene\na,x,one,two\n")
    assert any("columns 'topic' and 'scene' are the same" in fault for fault in faults_of(both, columns=Columns(topic="scene")))


def test_a_folder_without_prompt_files_is_an_error(tmp_path):
    with pytest.raises(UsageError, match="no prompt files are in this folder"):
        read_prompt_set([tmp_path], "s")
