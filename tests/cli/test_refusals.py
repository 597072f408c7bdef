"""What fresh users tripped over: options that contradict, questions that are broken off, names with blanks."""

import json
import os
import pty
import subprocess

import pytest
from command import arguments, emo, emo_ok, environment, hear_ctrl_c

CALM = ("--reference", "calm", "--neutral", "calm")


def test_controls_and_no_controls_contradict(workplace):
    words = ("run", "-d", "mine", "-m", workplace.models[0], *CALM, "--store", workplace.store)
    ran = emo(*words, "--controls", "words", "--no-controls")
    assert ran.code == 2 and "--no-controls and --controls words say the opposite" in ran.err


def test_no_layer_of_a_method_without_a_null_is_the_best(workplace):
    ran = emo_ok("vectors", "--best", "--method", "logistic", *CALM, "--store", workplace.store)
    assert ran.out == "" and "logistic has no null, so no layer is called the best" in ran.err
    # the command that it names shows what was measured
    shown = emo_ok("sql", "direction_quality_by_method", "--store", workplace.store, "--format", "json")
    assert any(row["logistic"] is not None for row in json.loads(shown.out))


def test_a_file_of_no_rows_is_refused(workplace, tmp_path):
    ran = emo("vectors", *CALM, "--store", workplace.store, "-o", tmp_path / "x.csv")
    assert ran.code == 2 and "without --best no rows are printed" in ran.err and not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", ["compare", "plot", "report", "export"])
def test_a_method_that_is_not_compared_is_refused_where_it_would_be(workplace, command, tmp_path):
    ran = emo(command, "--method", "logistic", *CALM, "--store", workplace.store, cwd=tmp_path)
    assert ran.code == 2 and "--method logistic: only `emo vectors` takes it" in ran.err


@pytest.mark.parametrize("answer", [b"\x03", b"\x04"], ids=["Ctrl-C", "end of input"])
def test_a_question_that_is_broken_off_removes_nothing(workplace, answer):
    before = sorted(workplace.store.rglob("*"))
    ours, theirs = pty.openpty()
    words = arguments("rm", "-m", "tiny-wide", "--store", workplace.store)
    # a session of its own, whose terminal this is, so that Ctrl-C reaches it
    process = subprocess.Popen(
        ["setsid", "--ctty", "--wait", *words],
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
        preexec_fn=hear_ctrl_c,
    )
    os.close(theirs)
    asked = b""
    while b"?" not in asked:
        asked += process.stderr.read1(1)
    os.write(ours, answer)
    out, err = process.communicate(timeout=60)
    os.close(ours)
    said = (asked + err).decode()
    assert process.returncode == 130 and "nothing was removed" in said and "finished parts are kept" not in said
    assert b"place" in out and sorted(workplace.store.rglob("*")) == before


def test_suggested_commands_quote_names(workplace, tmp_path):
    ran = emo_ok("datasets", "import", workplace.prompts, "-d", "my set", "--store", tmp_path, "--reference", "calm")
    assert "emo run -d 'my set' --reference calm" in ran.plain
    assert "emo extract -d 'my set'" in emo("vectors", "-d", "my set", "--store", tmp_path).plain
    ran = emo("datasets", "show", "my ste", "--store", tmp_path)
    assert ran.code == 2 and "next: emo datasets show 'my set'" in ran.plain


@pytest.mark.parametrize(
    ("words", "said", "then"),
    [
        (("sqll",), "'sqll' is no command of emo; did you mean sql?", "emo sql"),
        (("datasets", "lst"), "'lst' is no command of emo datasets; did you mean list?", "emo datasets list"),
        (("run", "--darws", "5"), "--darws: no such option of emo run; did you mean --draws?", "emo run --draws 5"),
        (("--versio",), "--versio: no such option of emo; did you mean --version?", "emo --version"),
        (("sql", "--format", "jsn"), "--format: 'jsn' is not one of table, csv", "emo sql --format json"),
        (("export", "--as", "ggfu"), "--as: 'ggfu' is not one of safetensors, gguf; did you mean gguf?", "emo export --as gguf"),
        (("run", "--draws", "many"), "invalid value 'many' for draws (--draws)", "--draws 1000"),
        (("run", "--seed", "1.5"), "invalid value '1.5' for seed (--seed)", "--seed 0"),
        (("run", "--draws"), "--draws: a value is missing", "emo run --help"),
        (("verify", "--repair=1"), "--repair: it takes no value", "emo verify --help"),
        (("import",), "emo import: FILES is missing", "emo import --help"),
        (("import", "a.parquet", "--n-layers", "x"), "--n-layers: a whole number is expected", "emo import --help"),
        (("show", "-m", "x", "-e", "joy"), "-m: emo show takes MODEL as an argument", "emo show x -e joy"),
        (("show", "--model=x"), "--model: emo show takes MODEL as an argument", "emo show x"),
        (("datasets", "show", "-d", "x"), "-d: emo datasets show takes DATASET as an argument", "emo datasets show x"),
        (("--store", "x", "show", "y"), "--store: it belongs behind the command", "emo show y --store x"),
        (("--store=x", "models", "list"), "--store: it belongs behind the command", "emo models list --store x"),
        (("tables", "a", "b"), "emo tables: 'b' is too much", "emo tables --help"),
    ],
    ids=str,
)
def test_wrong_words_are_said_in_one_style(words, said, then):
    ran = emo(*words)
    assert (ran.code, ran.out) == (2, "")
    first, last = ran.err.splitlines()
    assert first.startswith("error: ") and said in first and last == f"next: {then}"
