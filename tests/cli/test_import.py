"""`emo import` as a person runs it: the same numbers as extracted ones, exit codes, and all commands behind it."""

import json
import re
import subprocess
import sys
from pathlib import Path

import made_elsewhere as made
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command import emo, emo_ok

from warehouse.catalog import Catalog
from warehouse.store import Store

CALM = ("--reference", "calm", "--neutral", "calm")
ROWS = "select pooling, layer, prompt_id, emotion, activation from activations where model = $model order by all"


def test_what_emo_extracted_comes_back_equal(workplace, tmp_path):
    store = Store(workplace.store)
    extracted = Catalog(store).rows(
        "select text, topic, p.emotion, pooling, layer, activation from activations join prompts p using (dataset, prompt_id) "
        "where model = 'tiny-gpt2'"
    )
    half = extracted.num_rows // 2
    pq.write_table(extracted[:half], tmp_path / "one.parquet")
    pq.write_table(extracted[half:], tmp_path / "two.parquet")
    words = [
        "import",
        tmp_path / "one.parquet",
        tmp_path / "two.parquet",
        "-d",
        "mine",
        "-m",
        "tiny-gpt2",
        "--n-layers",
        3,
        "--create-dataset",
        "--store",
        tmp_path / "store é",
    ]
    assert "last at 4 layers, mean at 4 layers" in emo_ok(*words).err
    again = Store(tmp_path / "store é")
    assert Catalog(again).rows(ROWS, {"model": "tiny-gpt2"}).equals(Catalog(store).rows(ROWS, {"model": "tiny-gpt2"}))
    ran = emo_ok(*words)
    assert "already in the store" in ran.err and ran.out == ""
    # files of the store can be imported as they are, into a dataset that is known
    parts = next(partition for partition in store.partitions("activations") if partition.keys["model"] == "tiny-neox").paths()
    ran = emo_ok("import", *parts, "-d", "mine", "-m", "tiny-neox", "--n-layers", 3, "--store", tmp_path / "store é")
    assert "columns that are not read: n_tokens" in ran.err
    assert Catalog(again).rows(ROWS, {"model": "tiny-neox"}).equals(Catalog(store).rows(ROWS, {"model": "tiny-neox"}))
    # vectors do not depend on how activations came
    emo_ok("vectors", *CALM, "--store", tmp_path / "store é")
    query = "select emotion, layer, pooling, vector from vectors where model = 'tiny-neox' order by all"
    as_sets = [
        {(row["emotion"], row["layer"], row["pooling"]): row["vector"] for row in Catalog(s).rows(query).to_pylist()}
        for s in (store, again)
    ]
    assert as_sets[0].keys() == as_sets[1].keys()
    for key, vector in as_sets[0].items():
        assert as_sets[1][key] == pytest.approx(vector, abs=1e-5)


def test_every_command_works_on_a_model_of_unknown_depth_with_gaps_and_no_layer_0(tmp_path):
    store = ("--store", tmp_path / "store")
    for seed, model in enumerate(("a/one", "b/two")):
        path = made.file_of(tmp_path / f"{seed}.parquet", made.rows_of(topics=6, layers=(2, 3, 7), seed=seed))
        emo_ok("import", path, "-d", "mine", "-m", model, "--create-dataset", *store)
    emo_ok("vectors", *CALM, *store)
    emo_ok("compare", *CALM, *store)
    pictures = emo_ok("plot", *CALM, *store).out.split()
    assert pictures and all((tmp_path / path).is_file() for path in pictures)
    norms = json.loads(emo_ok("sql", "vector_norms_by_layer", "-m", "a/one", "--format", "json", *store).out)
    assert {(row["layer"], row["n_layers"], row["relative_depth"]) for row in norms} == {
        (2, None, None),
        (3, None, None),
        (7, None, None),
    }
    (pair,) = json.loads(emo_ok("sql", "within_model_similarity_by_model", "-m", "a/one", "--format", "json", *store).out)
    assert pair["n_layers_averaged"] == 3 and pair["null_low"] < pair["null_high"]
    by_layer = json.loads(emo_ok("sql", "within_model_similarity_by_layer", "-m", "a/one", "--format", "json", *store).out)
    mean = sum(row["cosine_similarity"] for row in by_layer) / 3
    assert pair["mean_cosine_similarity"] == pytest.approx(mean)
    across = json.loads(emo_ok("sql", "cross_model_similarity_by_emotion", "--format", "json", *store).out)
    assert {row["n_layers_averaged"] for row in across} == {3}
    refused = emo("vectors", *CALM, "--over-layers", "resid_pre", *store)
    assert refused.code == 2 and "depth is unknown" in refused.err


def test_a_test_set_makes_no_vector(tmp_path):
    path = made.file_of(tmp_path / "rows.parquet", made.rows_of())
    emo_ok("import", path, "-d", "mine", "-m", "m", "--create-dataset", "--role", "test", "--store", tmp_path / "store")
    ran = emo("vectors", "-d", "mine", "--store", tmp_path / "store")
    assert ran.code == 2 and "is a test set" in ran.err


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["rows.parquet", "-m", "m"], 2, "emo import rows.parquet --dataset NAME --model m"),
        (["rows.parquet", "-d", "d"], 2, "--model is needed"),
        (["rows.parquet", "-d", "d", "-m", "m"], 2, "--create-dataset"),
        (["gone.parquet", "-d", "d", "-m", "m", "--create-dataset"], 2, "gone.parquet: no such file"),
        (["text.parquet", "-d", "d", "-m", "m", "--create-dataset"], 2, "text.parquet: not readable as Parquet"),
        ([".", "-d", "d", "-m", "m", "--create-dataset"], 2, ".: no such file"),
        (["bad.parquet", "-d", "d", "-m", "m", "--create-dataset"], 2, "bad.parquet:1: layer -1 is negative"),
        (
            ["rows.parquet", "-d", "d", "-m", "m", "--create-dataset", "--n-layers", "4"],
            2,
            "rows.parquet:3: layer 5 is beyond --n-layers 4",
        ),
        (["rows.parquet", "-d", "d", "-m", "m", "--create-dataset", "--n-layers", "0"], 2, "--n-layers"),
        (["rows.parquet", "-d", "d", "-m", "m", "--create-dataset", "--dtype", "int8"], 2, "--dtype"),
        (["rows.parquet", "-d", "d", "-m", "m", "--create-dataset", "--role", "dev"], 2, "--role"),
        ([], 2, "FILES is missing"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_exit_codes(tmp_path, words, code, said):
    made.file_of(tmp_path / "rows.parquet", made.rows_of())
    made.file_of(tmp_path / "bad.parquet", [{**row, "layer": -1} for row in made.rows_of()])
    (tmp_path / "text.parquet").write_text("text")
    ran = emo("import", *words, cwd=tmp_path)
    assert (ran.code, ran.out) == (code, "")
    assert said in ran.err
    assert not (tmp_path / "store").exists()


def test_help_is_light():
    assert "--create-dataset" in emo_ok("import", "--help", COLUMNS="200").out


def test_half_precision_is_read(tmp_path):
    rows = made.rows_of()
    table = made.table_of(rows).drop(["activation"])
    halves = pa.array([[float(x) for x in row["activation"]] for row in rows], pa.list_(pa.float32())).cast(
        pa.list_(pa.float16())
    )
    pq.write_table(table.append_column("activation", halves), tmp_path / "half.parquet")
    emo_ok("import", tmp_path / "half.parquet", "-d", "d", "-m", "m", "--create-dataset", "--store", tmp_path / "store")
    stored = Catalog(Store(tmp_path / "store")).rows("select activation from activations")["activation"].to_pylist()
    assert sorted(stored) == sorted(halves.cast(pa.list_(pa.float32())).to_pylist())


def test_the_examples_of_the_docs_work(tmp_path):
    text = (Path(__file__).parents[2] / "docs/import.md").read_text(encoding="utf-8")
    writing, importing = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    commands = [line.split()[1:] for line in re.search(r"```\n(emo import.*?)```", text, re.DOTALL)[1].splitlines()]
    subprocess.run([sys.executable, "-c", writing], cwd=tmp_path, check=True)
    said = [emo_ok(*words, cwd=tmp_path).err for words in commands]
    assert "imported mine, lab/model: 9 prompts x 16, last at 4 layers" in said[0]
    done = subprocess.run([sys.executable, "-c", importing], cwd=tmp_path, check=True, capture_output=True, text=True)
    assert done.stdout.endswith("{'last': [1, 2, 3, 4]} False\n")
