"""`--output`: the format is what the ending says, and nothing that is there is written over unless asked."""

import json

import polars as pl
import pytest
from command import emo, emo_ok

STATEMENT = "select 1 as a, 'x' as b"
BEGINNINGS = {".csv": "a,b\n1,x\n", ".tsv": "a\tb\n1\tx\n", ".jsonl": '{"a": 1, "b": "x"}\n', ".md": "| a |", ".txt": "a  b\n"}


@pytest.mark.parametrize("ending", [*BEGINNINGS, ".json", ".parquet", ".CSV"])
def test_the_ending_says_the_format(workplace, tmp_path, ending):
    target = tmp_path / f"rows{ending}"
    emo_ok("sql", STATEMENT, "--store", workplace.store, "-o", target)
    if ending == ".parquet":
        assert pl.read_parquet(target).to_dicts() == [{"a": 1, "b": "x"}]
    elif ending == ".json":
        assert json.loads(target.read_text()) == [{"a": 1, "b": "x"}]
    else:
        assert target.read_text().startswith(BEGINNINGS[ending.lower()])


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        (
            "rows.cvs",
            (),
            "unknown ending '.cvs'; endings are .csv, .tsv, .json, .jsonl, .md, .parquet, .txt; did you mean .csv?",
        ),
        ("rows", (), "unknown ending ''"),
        ("rows", ("--format", "csv"), "unknown ending ''"),
        ("rows.dat", ("--format", "csv"), "unknown ending '.dat'"),
        ("rows.csv", ("--format", "json"), "the ending means csv, but --format is json"),
        ("rows.json", ("--format", "jsonl"), "the ending means json, but --format is jsonl"),
    ],
)
def test_an_ending_that_says_nothing_or_otherwise_is_refused(workplace, tmp_path, name, options, said):
    ran = emo("sql", STATEMENT, "--store", workplace.store, "-o", tmp_path / name, *options)
    assert (ran.code, ran.out) == (2, "") and said in ran.err and not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "command",
    [
        "sql prompt_counts_by_emotion",
        "sql --list",
        "tables",
        "tables vectors",
        "datasets show mine",
        "verify",
        "models check MODEL",
    ],
)
def test_a_file_that_is_there_stays_unless_forced(workplace, tmp_path, command):
    target = tmp_path / "rows.csv"
    target.write_text("mine")
    words = [str(workplace.models[0]) if word == "MODEL" else word for word in command.split()]
    ran = emo(*words, "--store", workplace.store, "-o", target)
    assert ran.code == 2 and "the file already exists" in ran.err and "--force" in ran.err and target.read_text() == "mine"
    emo_ok(*words, "--store", workplace.store, "-o", target, "--force")
    assert "," in target.read_text()


@pytest.mark.parametrize("command", ["sql prompt_counts_by_emotion", "report"])
def test_a_folder_that_is_not_there_is_said_before_any_work(workplace, tmp_path, command):
    target = tmp_path / "gone" / ("page.html" if command == "report" else "rows.csv")
    ran = emo(*command.split(), "--store", workplace.store, "-o", target)
    assert (ran.code, ran.err) == (
        2,
        f"error: --output {target}: the folder {target.parent} does not exist\nnext: mkdir -p {target.parent}\n",
    )


def test_vectors_are_not_exported_into_a_file(workplace, tmp_path):
    (tmp_path / "file.x").write_text("mine")
    ran = emo("export", "--store", workplace.store, "-o", tmp_path / "file.x")
    assert ran.code == 2 and f"--output {tmp_path}/file.x is a file; a folder is expected" in ran.err


def test_a_device_takes_the_format_that_is_named(workplace):
    ran = emo_ok("sql", STATEMENT, "--store", workplace.store, "-o", "/dev/stdout", "--format", "csv", own_process=True)
    assert ran.out == "a,b\n1,x\n"
