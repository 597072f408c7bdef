"""Tables with stray quotes, other separators and other bytes: read as the file plainly means, or refused with the line."""

import csv
import io
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotion_cli.errors import UsageError
from emotion_cli.prompts.reading import read_prompt_set
from emotion_cli.prompts.reading.delimited import read_csv, read_tsv

TSV = "text\tlabel\n"
CSV = "text,label\n"


def read(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    notes = []
    try:
        prompt_set = read_prompt_set([path], "s", note=notes.append)
    except UsageError as error:
        return None, [line.replace(f"  {tmp_path}/", "") for line in str(error).splitlines()[1:]], notes
    return (
        [(prompt.text, prompt.emotion) for prompt in prompt_set.prompts],
        [],
        [note.replace(f"{tmp_path}/", "") for note in notes],
    )


MORE = [("Oh!", "joy"), ("Yes!", "joy"), ("No!", "rage"), ("Stop.", "rage")]


def table(first, separator):
    return "".join([f"text{separator}label\n", first, *(f"{text}{separator}{label}\n" for text, label in MORE)])


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        ('"So glad\tjoy\nWhat a day\tjoy\n', [('"So glad', "joy"), ("What a day", "joy")]),
        ('"So glad\tjoy\n"What a day\tjoy\n', [('"So glad', "joy"), ('"What a day', "joy")]),
        ('"So" glad\tjoy\n', [('"So" glad', "joy")]),
        ('He said "so"\tjoy\n', [('He said "so"', "joy")]),
        ('"\tjoy\n', [('"', "joy")]),
        ('"""\tjoy\n', [('"""', "joy")]),
        ('"a""\tjoy\n', [('"a""', "joy")]),
        ('"He said ""so"""\tjoy\n', [('He said "so"', "joy")]),
        ('"a\tb"\tjoy\n', [("a\tb", "joy")]),
        ('"two\nlines"\tjoy\n', [("two\nlines", "joy")]),
        ('"two\r\nlines"\t"joy"\r\n', [("two\r\nlines", "joy")]),
        ('"one\tjoy\ntwo"\t"joy"\n', [("one\tjoy\ntwo", "joy")]),
    ],
)
def test_tab_separated_quotes_are_read_as_they_are_meant(tmp_path, first, expected):
    rows, faults, _ = read(tmp_path, "a.tsv", table(first, "\t"))
    assert not faults and rows == expected + MORE


def test_a_quote_that_opens_nothing_is_noted(tmp_path):
    _, _, notes = read(tmp_path, "a.tsv", table('"So glad\tjoy\n"So" glad\tjoy\n', "\t"))
    assert notes == ["a.tsv:2: a quote that does not enclose a whole field is read as a character, here and in 1 more lines"]


@pytest.mark.parametrize(
    ("name", "first", "said"),
    [
        # both quotes are strays, and rows stand between them
        (
            "a.tsv",
            '"So glad\tjoy\nWhat a day\trage\nfine "\tjoy\n',
            "a.tsv:2: a quote opens a field here that closes in line 4, yet 3",
        ),
        (
            "a.csv",
            '"So glad,joy\nWhat a day,rage\nfine ",joy\n',
            "a.csv:2: a quote opens a field here that closes in line 4, yet 3",
        ),
        ("a.csv", '"So glad,joy\nfine ",joy\n', "a.csv:2: a quote opens a field here that closes in line 3, yet 2"),
        ("a.csv", '"So glad,joy\n', "a.csv:2: a quote opens a field that is never closed"),
        ("a.csv", '"So glad,joy\nhe said "oh",joy\n', "a.csv:2: the quoted field 1 closes in line 3 and has more text after"),
        ("a.csv", "a\rb,joy\n", "a.csv:2: a carriage return is inside the line"),
        ("a.tsv", "a\rb\tjoy\n", "a.tsv:2: a carriage return is inside the line"),
        ("a.tsv", '"a\tb\tjoy\n', "a.tsv:2: a quote opens a field that is never closed"),
        (
            "a.tsv",
            '"So glad\tjoy\n"He said ""so"""\tjoy\n',
            "a.tsv:2: a quote does not enclose a whole field, yet fields are quoted, as in line 3",
        ),
        (
            "a.tsv",
            '"So glad"\t"joy"\n"So good\t"joy"\n',
            "a.tsv:3: a quote does not enclose a whole field, yet fields are quoted, as in line 2",
        ),
        ("a.tsv", "a\tb\tjoy\n", "a.tsv:2: 3 fields, the header has 2"),
        ("a.csv", '"one\ntwo",joy,three\n', "a.csv:2: 3 fields (up to line 3), the header has 2"),
    ],
)
def test_what_a_quote_would_swallow_is_refused_with_its_line(tmp_path, name, first, said):
    rows, faults, _ = read(tmp_path, name, table(first, "\t" if name == "a.tsv" else ","))
    assert rows is None and len(faults) == 1 and said in faults[0], faults


def test_texts_over_several_lines_with_commas_are_no_swallowed_rows(tmp_path):
    letter = "Dear Bob, thanks\nfor all, really.\nYours, Ann"
    rows, faults, _ = read(tmp_path, "a.csv", table(f'"{letter}",joy\n', ","))
    assert not faults and rows == [(letter, "joy"), *MORE]


CELLS = st.text("ab\t,;\"'\n ", min_size=1, max_size=6).filter(str.strip)


@settings(deadline=None, max_examples=300)
@given(rows=st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=5), tabs=st.booleans())
def test_what_the_csv_module_writes_is_read_or_questioned(rows, tabs):
    """Quoted where needed, as spreadsheets do: each row is the written one; a row that is questioned is kept in `doubts`."""
    sink = io.StringIO()
    csv.writer(sink, delimiter="\t" if tabs else ",").writerows([("text", "label"), *rows])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a"
        path.write_bytes(sink.getvalue().encode())
        contents = (read_tsv if tabs else read_csv)(path)
    assert not contents.faults
    assert [tuple(row.values.values()) for row in contents.rows] == rows


@settings(deadline=None, max_examples=300)
@given(
    rows=st.lists(
        st.tuples(st.text("ab\"' ", min_size=1, max_size=6).filter(str.strip), st.sampled_from(["x", "y"])),
        min_size=1,
        max_size=6,
    )
)
def test_no_line_of_a_table_without_quoting_is_lost(rows):
    content = "text\tlabel\n" + "".join("\t".join(row) + "\n" for row in rows)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a"
        path.write_text(content)
        contents = read_tsv(path)
    # a line is a row; or it is in a field that spans lines, and then the row is in doubt; or quotes are in use, and it is refused
    read_lines = {row.place for row in contents.rows} | {row.place for doubt in contents.doubts for row in doubt.rows}
    assert len(read_lines) == len(rows)
    assert not contents.faults or any('""' in text for text, _ in rows) or contents.doubts


GOOD = [("Oh, so glad!", "joy"), ("Día; café", "joy"), *MORE, ("嬉しい", "joy")]


def written(separator, end="\r\n"):
    sink = io.StringIO()
    csv.writer(sink, delimiter=separator, lineterminator=end).writerows([("text", "label"), *GOOD])
    return sink.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", written(";"), "a.csv:1: fields are separated by semicolons, as the header shows"),
        ("a.csv", b"\xef\xbb\xbf" + written(";").encode(), "a.csv:1: fields are separated by semicolons"),
        ("a.csv", '"text";"label"\n' + written(";").partition("\n")[2], "a.csv:1: fields are separated by semicolons"),
        ("a.csv", written("\t"), "a.csv:1: fields are separated by tabs, as the header shows"),
        ("a.tsv", written(","), "a.tsv:1: fields are separated by commas, as the header shows"),
        ("a.csv", "sep=;\r\n" + written(";"), "a.csv:1: fields are separated by semicolons, as the line says"),
        ("a.csv", '"sep=,"\r\n' + written(","), "a.csv:1: fields are separated by commas, as the line says"),
        ("a.csv", written(",").encode("utf-16"), "a.csv: read as UTF-16, which its byte order mark names"),
        ("a.tsv", b"\xfe\xff" + written("\t").encode("utf-16-be"), "a.tsv: read as UTF-16, which its byte order mark names"),
        ("a.csv", written(",", "\r"), "a.csv: its lines end in carriage returns only, and are read that way"),
        ("a.csv", written(",", "\r").encode("utf-16"), "a.csv: its lines end in carriage returns only, and are read that way"),
    ],
)
def test_other_separators_and_bytes_are_read_with_a_note(tmp_path, name, content, said):
    rows, faults, notes = read(tmp_path, name, content)
    assert not faults and rows == GOOD
    assert any(note.startswith(said) for note in notes), notes


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (written(",").encode("utf-16-le"), "a.csv: UTF-16 without a byte order mark; save the file as UTF-8"),
        (written(",").encode("utf-16-be"), "a.csv: UTF-16 without a byte order mark; save the file as UTF-8"),
        (written(",").encode("utf-16")[:-1], "a.csv: not UTF-16 at byte"),
        ("sep=x\ntextxlabel\n", "a.csv:1: the line names 'x'; what is read is separated by commas, semicolons, tabs"),
    ],
)
def test_bytes_and_separators_that_are_not_read_are_named(tmp_path, content, said):
    rows, faults, _ = read(tmp_path, "a.csv", content)
    assert rows is None and faults[0].startswith(said), faults


def test_lines_that_end_in_returns_are_lines_of_json_too(tmp_path):
    rows, faults, notes = read(tmp_path, "a.jsonl", '{"text": "a", "label": "x"}\r{"text": "b", "label": "x"}\r')
    assert not faults and rows == [("a", "x"), ("b", "x")] and "carriage returns" in notes[0]
    _, faults, _ = read(tmp_path, "a.json", '{"label": "x",\r"prompts": ["a",\r5]}')
    assert faults[0].startswith("a.json:3: a text or an object is expected")
