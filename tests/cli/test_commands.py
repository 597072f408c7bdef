"""Streams, formats, exit codes and imports of the commands."""

import json
import subprocess
import sys

import polars as pl
import pyarrow as pa
import pytest
import typer
from command import arguments, emo, emo_ok, environment

from emotion_cli.cli.app import app
from emotion_cli.cli.next_step import TAKE_A_STORE
from emotion_cli.cli.output import Format, write_rows

HEAVY = ("torch", "transformers", "matplotlib", "duckdb", "polars", "mlflow")
CALM = ("--store", "STORE", "--reference", "calm", "--neutral", "calm")


@pytest.mark.parametrize(
    ("words", "unwanted"),
    [
        (["--help"], HEAVY),
        (["run", "--help"], HEAVY),
        (["--version"], HEAVY),
        (["compare", *CALM], ("torch", "transformers", "matplotlib", "scipy", "mlflow")),
        (["report", *CALM], ("torch", "transformers", "matplotlib", "scipy", "mlflow")),
        (["sql", "select 1", "--store", "STORE"], ("torch", "transformers", "matplotlib", "scipy", "polars")),
        (["datasets", "list", "--store", "STORE"], ("torch", "transformers", "matplotlib")),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_commands_import_what_they_need(workplace, words, unwanted):
    code = (
        "import sys; from emotion_cli.cli.app import _exit_code; code = _exit_code(sys.argv[1:]); "
        f"print('LOADED', code, [name for name in {unwanted!r} if name in sys.modules])"
    )
    words = [str(workplace.store) if word == "STORE" else word for word in words]
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, env=environment(), check=True)
    assert done.stdout.splitlines()[-1] == "LOADED 0 []"


def test_import_rules_hold():
    done = subprocess.run([f"{sys.prefix}/bin/lint-imports"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["sql", "selec 1"], 2, "syntax error"),
        (["sql", "no_such_query"], 2, "emo sql --list"),
        (["sql", "copy (select 1) to 'x'"], 2, "one SELECT is expected, not a statement of kind COPY"),
        (["sql", "select * from vectors", "-d", "mine"], 2, "filters bundled queries only"),
        (["sql", "prompt_counts_by_emotion", "--layer", "3"], 2, "no column layer"),
        (["sql", "vector_norms_by_layer", "--layer", "x"], 2, "--layer"),
        (["sql"], 2, "nothing to run"),
        (["tables", "nothing"], 2, "emo tables"),
        (["vectors", "-d", "baseline"], 3, "emo extract -d baseline"),
        (["compare", "-m", "gpt2"], 2, "did you mean tiny-gpt2?"),
        (["vectors", "--pooling", "word"], 2, "no emotion word to read"),
        (["vectors", "--method", "pca"], 2, "--method"),
        (["vectors", "--reference", "nobody", "--neutral", "calm"], 2, "no prompt is labelled 'nobody'"),
        (["vectors", "--extraction", "zz"], 3, "no extraction's id begins with zz"),
        (["extract", "-d", "nothing", "-m", "MODEL"], 2, "emo datasets import"),
        (["extract", "-d", "mine", "-m", "nobody/nothing"], 3, "nobody/nothing"),
        (["extract", "-d", "mine", "-m", "MODEL", "--pooling", "max"], 2, "--pooling"),
        (["extract", "-d", "mine", "-m", "MODEL", "--dtype", "int8"], 2, "--dtype"),
        (["extract", "-d", "mine", "-m", "MODEL", "--attention", "flash"], 2, "--attention"),
        (["extract", "-d", "mine", "-m", "MODEL", "--attention", "flex", "--force"], 1, "--attention auto"),
        (["extract", "-d", "mine", "-m", "MODEL", "--max-length", "2"], 2, "longer than 2 tokens"),
        (["extract", "-d", "mine", "-m", "MODEL", "--layer", "9", "--bos", "never"], 2, "layers 0 to 3"),
        (["datasets", "show", "nothing"], 2, "DATASET: 'nothing' is not one of baseline"),
        (["datasets", "validate", "gone.jsonl"], 2, "no such file"),
        (["no-such-command"], 2, "emo --help"),
        (["run", "--no-such-option"], 2, "emo run --help"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_errors_go_to_stderr_with_their_code_and_the_next_command(workplace, words, code, said):
    words = [str(workplace.models[0]) if word == "MODEL" else word for word in words]
    where = [] if words[0].startswith("no-such") or words[1:2] == ["validate"] else ["--store", workplace.store]
    ran = emo(*words, *where, EMO_CACHE=str(workplace.cache))
    assert (ran.code, ran.out) == (code, "")
    assert said in ran.plain
    assert any(line.startswith("error: ") for line in ran.err.splitlines())
    assert "Traceback" not in ran.err


def test_wrong_settings_name_their_place(workplace, tmp_path):
    ran = emo("info", EMO_BATCH_TOKENS="many")
    assert ran.code == 2 and "EMO_BATCH_TOKENS" in ran.err
    ran = emo("info", EMO_STOER="x")
    assert ran.code == 2 and "EMO_STOER: no such setting" in ran.err
    assert "invalid value 'many' for batch_tokens (EMO_BATCH_TOKENS)" in emo("info", EMO_BATCH_TOKENS="many").err
    (tmp_path / "emo.toml").write_text("draws = 'many'\n")
    ran = emo("info", cwd=tmp_path)
    assert (
        ran.code == 2 and "invalid value 'many' for draws (emo.toml)" in ran.err and "next: in emo.toml: draws = 1000" in ran.err
    )
    (tmp_path / "emo.toml").write_text("stor = 'x'\n")
    ran = emo("info", cwd=tmp_path)
    assert ran.code == 2 and "emo.toml: no setting is called 'stor'" in ran.err


def test_next_commands_keep_the_store_that_was_given(workplace, tmp_path):
    assert f"next: emo sql --store {workplace.store} --list\n" in emo("sql", f"--store={workplace.store}").err
    assert "next: emo sql --list\n" in emo("sql", EMO_STORE=str(workplace.store)).err
    spaced = tmp_path / "my store"
    ran = emo_ok("datasets", "import", workplace.prompts, "-d", "mine", "--store", spaced, "--reference", "calm")
    assert f"next: emo run --store '{spaced}' -d mine --reference calm" in ran.err


def test_the_commands_that_work_on_a_store_are_known():
    def with_the_option(group, *path):
        for name, command in group.commands.items():
            if hasattr(command, "commands"):
                yield from with_the_option(command, *path, name)
            elif any("--store" in parameter.opts for parameter in command.params):
                yield " ".join((*path, name))

    # info says what the settings are, and needs no store
    assert sorted(with_the_option(typer.main.get_command(app))) == sorted((*TAKE_A_STORE, "info"))


def test_a_store_that_is_a_file_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    ran = emo("tables", "--store", tmp_path / "file")
    assert ran.code == 1 and "is a file" in ran.err


def test_debug_shows_the_traceback(workplace):
    assert "Traceback" in emo("sql", "selec 1", "--store", workplace.store, "--debug").err


def test_a_closed_pipe_is_no_error(workplace):
    command = " ".join(
        f"'{word}'" for word in arguments("sql", "select * from activations", "--store", workplace.store, "--format", "csv")
    )
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command} | head -1"], capture_output=True, text=True, env=environment()
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("extraction_id,pooling,layer")


def test_piped_tables_are_never_cut(workplace):
    out = emo_ok("sql", "select 'x' || repeat('y', 200) as a, 1 as b", "--store", workplace.store, COLUMNS="").out
    assert out.splitlines() == ["a" + " " * 200 + "  b", "-" * 201 + "  -", "x" + "y" * 200 + "  1"]


def test_every_format_of_a_bundled_query(workplace, tmp_path):
    def written(format):
        return emo_ok("sql", "within_model_similarity_by_model", "--store", workplace.store, "--format", format).out

    names = written("csv").splitlines()[0].split(",")
    assert [len(line.split("\t")) for line in written("tsv").splitlines()] == [len(names)] * 7
    objects = json.loads(written("json"))
    assert objects == [json.loads(line) for line in written("jsonl").splitlines()]
    assert list(objects[0]) == names and isinstance(objects[0]["mean_cosine_similarity"], float)
    assert written("markdown").startswith("| extraction_id | dataset |")
    target = tmp_path / "rows.parquet"
    emo_ok("sql", "within_model_similarity_by_model", "--store", workplace.store, "--format", "parquet", "-o", target)
    assert pl.read_parquet(target).to_dicts() == objects


ROWS = pa.table(
    {
        "name": ["a|b", 'say "hi",\nthen go', None],
        "n": [1, None, -3],
        "x": [0.1 + 0.2, float("inf"), None],
        "flag": [True, False, None],
        "list": pa.array([[1.5, 2.0], [], None], pa.list_(pa.float32())),
    }
)

GOLDEN = {
    Format.csv: 'name,n,x,flag,list\na|b,1,0.30000000000000004,true,"[1.5, 2.0]"\n"say ""hi"",\nthen go",,inf,false,[]\n,-3,,,\n',
    Format.tsv: 'name\tn\tx\tflag\tlist\na|b\t1\t0.30000000000000004\ttrue\t[1.5, 2.0]\n"say ""hi"",\nthen go"\t\tinf\tfalse\t[]\n\t-3\t\t\t\n',
    Format.jsonl: (
        '{"name": "a|b", "n": 1, "x": 0.30000000000000004, "flag": true, "list": [1.5, 2.0]}\n'
        '{"name": "say \\"hi\\",\\nthen go", "n": null, "x": null, "flag": false, "list": []}\n'
        '{"name": null, "n": -3, "x": null, "flag": null, "list": null}\n'
    ),
    Format.markdown: (
        "| name | n | x | flag | list |\n| --- | ---: | ---: | --- | --- |\n| a\\|b | 1 | 0.3 | true | [1.5, 2] |\n"
        '| say "hi",<br>then go | NULL | inf | false | [] |\n| NULL | -3 | NULL | NULL | NULL |\n'
    ),
}


@pytest.mark.parametrize("format", GOLDEN)
def test_golden_bytes(format, tmp_path):
    write_rows(ROWS, format, tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == GOLDEN[format].encode()


def test_json_is_one_array(tmp_path):
    write_rows(ROWS, Format.json, tmp_path / "out")
    lines = [json.loads(line) for line in GOLDEN[Format.jsonl].splitlines()]
    assert json.loads((tmp_path / "out").read_text()) == lines
    write_rows(ROWS.slice(0, 0), Format.json, tmp_path / "out")
    assert (tmp_path / "out").read_text() == "[]\n"


def test_an_output_that_cannot_be_written_is_said(workplace, tmp_path):
    ran = emo("sql", "select 1", "--store", workplace.store, "-o", tmp_path / "no/such/folder.csv")
    assert ran.code == 2 and "--output" in ran.err


def test_compare_prints_both_summaries_and_says_what_is_not_defined(workplace, tmp_path):
    calm = ["--reference", "calm", "--neutral", "calm", "--store", workplace.store]
    out = emo_ok("compare", *calm).out
    assert "within_model_similarity_by_model\n" in out and "cross_model_similarity_by_emotion\n" in out
    ran = emo_ok("compare", *calm, "-m", "tiny-gpt2", "-m", "tiny-wide")
    assert "cross_model_similarity_by_emotion" not in ran.out and "not defined" in ran.err


def test_datasets_are_listed_shown_validated_and_imported(workplace, tmp_path):
    listed = json.loads(emo_ok("datasets", "list", "--store", workplace.store, "--format", "json").out)
    assert [(row["dataset"], row["role"], row["prompts"], row["in_store"]) for row in listed] == [
        ("baseline", "train", 280, False),
        ("extended", "train", 400, False),
        ("heldout", "test", 160, False),
        ("implicit", "train", 400, False),
        ("implicit-heldout", "test", 160, False),
        ("mine", "train", 18, True),
    ]
    shown = emo_ok("datasets", "show", "mine", "--store", workplace.store, "--format", "jsonl").out
    assert json.loads(shown.splitlines()[0]) == {
        "emotion": "thanks",
        "topic": "the bus",
        "text": "thank you the bus .",
        "n_copies": 1,
    }
    assert "18 prompts" in emo_ok("datasets", "validate", workplace.prompts).err
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"text": "a"}\n{"emotion": "b"}\n')
    ran = emo("datasets", "import", bad, "--dataset", "bad", "--store", tmp_path / "store")
    assert ran.code == 2 and "bad.jsonl:1: emotion is missing" in ran.err and "bad.jsonl:2: text is missing" in ran.err
    assert not list((tmp_path / "store").rglob("*.parquet"))


def test_import_says_how_to_run_with_the_reference(tmp_path):
    path = tmp_path / "set.csv"
    path.write_text("text,label,scene\na,x,one\nb,x,two\nc,y,one\nd,y,two\n")
    words = ["datasets", "import", path, "--dataset", "s", "--topic-column", "scene", "--store", tmp_path]
    assert emo_ok(*words).plain.strip().endswith("next: emo run -d s --reference others")
    assert emo_ok(*words, "--reference", "y").plain.strip().endswith("next: emo run -d s --reference y --neutral y")
    assert emo_ok(*words, "--role", "test").plain.strip().endswith("next: emo extract -d s")
    assert emo("datasets", "validate", path).code == 2
    shown = [emo_ok("datasets", "show", what, "--store", tmp_path, "--format", "csv").out for what in ("s", write_json(path))]
    assert shown[0].splitlines()[:2] == ["emotion,topic,text,n_copies", "x,one,a,1"]
    assert len(shown[1].splitlines()) == 3


def write_json(path):
    path = path.with_suffix(".json")
    path.write_text('{"prompts": ["a", "b"]}')
    return path


def test_info_says_where_settings_come_from(tmp_path):
    (tmp_path / "pyproject.toml").write_text("[tool.emo]\nseed = 5\nbatch_tokens = 10\n")
    (tmp_path / "emo.toml").write_text("batch_tokens = 20\ndtype = 'bfloat16'\n")
    rows = json.loads(emo_ok("info", "--store", "flagged", "--format", "json", cwd=tmp_path, EMO_DTYPE="float16").out)
    found = {row["what"]: (row["value"], row["source"]) for row in rows}
    assert found["seed"] == ("5", "pyproject.toml")
    assert found["batch_tokens"] == ("20", "emo.toml")
    assert found["dtype"] == ("float16", "EMO_DTYPE")
    assert found["store"] == ("flagged", "--store")
    assert found["bos"] == ("auto", "default")


def test_every_table_and_query_is_documented(workplace):
    listed = json.loads(emo_ok("tables", "--store", workplace.store, "--format", "json").out)
    assert all(row["about"] for row in listed)
    for name in ("vectors", "within_model_similarity_by_model"):
        columns = json.loads(emo_ok("tables", name, "--store", workplace.store, "--format", "json").out)
        assert all(row["about"] for row in columns), name


def test_csv_holds_no_formulas_unless_asked(workplace):
    statement = "select '=1+1' a, '-x' b, '@y' c, -0.5 d, 'z' e, null f, '\t=1' g"
    ran = emo_ok("sql", statement, "--store", workplace.store, "--format", "csv")
    assert ran.out == "a,b,c,d,e,f,g\n'=1+1,'-x,'@y,-0.5,z,,'\t=1\n"
    assert "before 4 texts like a formula" in ran.err and "--formulas" in ran.err
    ran = emo_ok("sql", statement, "--store", workplace.store, "--format", "csv", "--formulas")
    assert ran.out == "a,b,c,d,e,f,g\n=1+1,-x,@y,-0.5,z,,\t=1\n" and not ran.err
    ran = emo_ok("sql", statement, "--store", workplace.store, "--format", "jsonl")
    assert json.loads(ran.out)["a"] == "=1+1"


@pytest.mark.parametrize(("name", "code"), [("../x", 0), ("/etc/passwd", 0), ("a" * 300, 2), ("con", 2), ("MINE", 2)])
def test_names_of_datasets_stay_in_the_store(workplace, tmp_path, name, code):
    store = tmp_path / "inside" / "store"
    emo_ok("datasets", "import", workplace.prompts, "--dataset", "mine", "--store", store)
    ran = emo("datasets", "import", workplace.prompts, "--dataset", name, "--store", store)
    assert ran.code == code, ran.err
    assert [path.name for path in tmp_path.iterdir()] == ["inside"] and [path.name for path in store.parent.iterdir()] == [
        "store"
    ]
    assert sorted(path.name for path in store.iterdir()) == ["_emo", "prompts"]
