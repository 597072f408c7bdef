"""The store's promises: whole or not at all, no mixing of keys, one writer a partition, no NaN."""

import json
import os
import subprocess
import sys
from importlib.resources import files

import duckdb
import given
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from warehouse.catalog import Catalog
from warehouse.errors import HeldError, NotInStoreError, QueryError, StoreError
from warehouse.schema import COLUMNS, TABLES
from warehouse.store import Store, quote, table_of

KEYS = {"dataset": "001", "model": "EleutherAI/pythia-160m", "extraction_id": "2024-01-01"}


def vectors(values, emotion="joy"):
    columns = {
        "method": "m",
        "reference": "r",
        "pooling": "last",
        "emotion": emotion,
        "d_model": 2,
        "n_emotion": 1,
        "n_reference": 1,
        "l1_norm": 1.0,
        "l2_norm": 1.0,
        "relative_norm": 1.0,
        "averaged": True,
    }
    rows = {name: [value] * len(values) for name, value in columns.items()}
    return table_of("vectors", {**rows, "layer": list(range(len(values))), "vector": values}, d_model=2)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


def test_rows_come_back_with_their_keys_as_text(store):
    partition = store.partition("vectors", **KEYS)
    partition.commit([partition.write([vectors([[1.0, 2.0]])])])
    rows = store.read("vectors")
    assert rows.column_names == list(TABLES["vectors"].column_names)
    assert {name: rows[name][0].as_py() for name in KEYS} == KEYS
    (row,) = Catalog(store).dicts("vectors")
    assert {name: row[name] for name in KEYS} == KEYS
    assert row["vector"] == [1.0, 2.0]
    # other engines see the same keys in the folders
    by_polars = pl.scan_parquet(
        store.root / "vectors/**/*.parquet", hive_partitioning=True, hive_schema=dict.fromkeys(KEYS, pl.String)
    )
    assert by_polars.select(list(KEYS)).collect().to_dicts() == [KEYS]


def test_nothing_is_seen_before_the_commit_and_one_file_after_another_commit(store):
    partition = store.partition("vectors", **KEYS)
    first = partition.write([vectors([[1.0, 2.0]])])
    assert store.read("vectors").num_rows == 0
    with pytest.raises(NotInStoreError):
        partition.read(["layer"])
    partition.commit([first])
    partition.write([vectors([[5.0, 6.0], [7.0, 8.0]])])
    assert Catalog(store).rows("select vector from vectors").to_pylist() == [{"vector": [1.0, 2.0]}]


def test_same_rows_same_bytes(store):
    partition = store.partition("vectors", **KEYS)
    entries = [partition.write([vectors([[1.0, 2.0]])]) for _ in range(2)]
    assert entries[0] == entries[1]


def test_files_are_as_readable_as_the_umask_says(store):
    partition = store.partition("vectors", **KEYS)
    partition.commit([partition.write([vectors([[1.0, 2.0]])])])
    umask = os.umask(0)
    os.umask(umask)
    for path in [*partition.paths(), partition.control / "_manifest.json"]:
        assert path.stat().st_mode & 0o777 == 0o666 & ~umask


def test_vectors_are_split_by_byte_and_described(store):
    partition = store.partition("vectors", **KEYS)
    partition.commit([partition.write([vectors([[1.0, 2.0]])])])
    file = pq.ParquetFile(partition.paths()[0])
    column = next(
        file.metadata.row_group(0).column(i)
        for i in range(file.metadata.num_columns)
        if file.metadata.row_group(0).column(i).path_in_schema.startswith("vector")
    )
    assert "BYTE_STREAM_SPLIT" in column.encodings
    assert column.compression == "ZSTD"
    assert file.schema_arrow.field("vector").type == pa.list_(pa.float32(), 2)
    assert file.schema_arrow.field("layer").metadata[b"doc"].decode() == COLUMNS["layer"].doc


def test_row_groups_are_found_by_their_values(store):
    partition = store.partition("vectors", **KEYS)
    groups = [vectors([[1.0, 1.0], [2.0, 2.0]], "joy"), vectors([[3.0, 3.0], [4.0, 4.0]], "rage")]
    partition.commit([partition.write(groups)])
    assert partition.read(["vector"], emotion="rage", layer=1)["vector"].to_pylist() == [[4.0, 4.0]]
    assert partition.read(["layer"], emotion="shame").num_rows == 0


def test_nan_and_missing_values_are_refused(store):
    with pytest.raises(StoreError, match=r"vectors.vector: NaN"):
        vectors([[float("nan"), 1.0]])
    with pytest.raises(StoreError, match=r"prompts.prompt_id: 1 rows have no value"):
        table_of("prompts", {name: [None] for name in TABLES["prompts"].file_column_names})


def test_a_damaged_or_newer_manifest_is_an_error(store):
    partition = store.partition("vectors", **KEYS)
    partition.commit([partition.write([vectors([[1.0, 2.0]])])])
    path = partition.control / "_manifest.json"
    saved = json.loads(path.read_text())
    path.write_text(json.dumps(saved | {"schema_version": 999}))
    with pytest.raises(StoreError, match="newer emo"):
        partition.manifest()
    path.write_text("{")
    with pytest.raises(StoreError, match="cannot be read"):
        store.read("vectors")


def test_a_part_that_is_gone_fails_the_queries_that_ask_for_it_and_no_others(store):
    for model in ("whole", "broken"):
        partition = store.partition("vectors", **(KEYS | {"model": model}))
        partition.commit([partition.write([vectors([[1.0, 2.0]])])])
    partition.paths()[0].unlink()
    catalog = Catalog(store)
    for statement in (
        "select * from vectors",
        "select count(*) from vectors",
        "select max(layer) from vectors where layer = 1",
        "select distinct model from vectors",
        "select * from vector_norms_by_layer",
    ):
        with pytest.raises(StoreError, match=r"part-.* is listed in a manifest but is missing"):
            catalog.rows(statement)
    assert len(catalog.dicts("vectors", model=["whole"])) == len(catalog.dicts("vector_norms_by_layer", model=["whole"])) == 1
    assert catalog.rows("select count(*) n from prompts").to_pylist() == [{"n": 0}]
    with pytest.raises(NotInStoreError, match=r"part-"):
        partition.read(["layer"])


def test_finished_parts_are_found_again_if_whole(store):
    partition = store.partition("vectors", **KEYS)
    entries = [partition.write([vectors([[float(i), 0.0]])], part=str(i)) for i in range(3)]
    partition.save_progress(entries)
    assert partition.progress() == tuple(entries)
    damaged = partition.path_of(entries[1])
    damaged.write_bytes(damaged.read_bytes()[:-1])
    assert [entry.part for entry in partition.progress()] == ["0", "2"]
    partition.commit(entries[:1], unfinished=entries[2:])
    assert [entry.part for entry in partition.progress()] == ["2"]
    partition.commit(entries[:1])
    assert not partition.has_progress


HOLDER = """
import sys
from pathlib import Path
from warehouse.store import Store
dataset, model, extraction_id = sys.argv[2:]
with Store(Path(sys.argv[1])).partition("vectors", dataset=dataset, model=model, extraction_id=extraction_id).hold():
    print("held", flush=True)
    sys.stdin.read()
"""


def test_one_process_writes_a_partition_and_a_killed_one_lets_go(store):
    command = [sys.executable, "-c", HOLDER, str(store.root), *KEYS.values()]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(HeldError, match=f"process {other.pid}"), store.partition("vectors", **KEYS).hold():
            pass
        with store.partition("vectors", **(KEYS | {"model": "other"})).hold():
            pass
        other.kill()
        other.wait()
        with store.partition("vectors", **KEYS).hold():
            pass


@pytest.mark.parametrize("name", ["", "a" * 201, "a\0b"])
def test_names_that_cannot_be_folders_are_refused(name):
    with pytest.raises(StoreError):
        quote(name)


@pytest.mark.parametrize("name", ["a/b", "a=b", "100%", "ärger", "a b", "[x]*?", "."])
def test_any_other_name_comes_back(store, name):
    given.write_rows(store, "vectors", [{"dataset": name, "model": name, "extraction_id": "1", "vector": [1.0, 2.0]}])
    assert store.read("vectors", dataset=name)["model"].to_pylist() == [name]
    assert Catalog(store).dicts("vectors", dataset=[name])[0]["model"] == name


@pytest.mark.parametrize(
    "statement",
    [
        "create table t (a int)",
        "copy (select 1) to 'x.csv'",
        "explain analyze copy (select 1) to 'x.csv'",
        "select 1; select 2",
        "set threads = 1",
        "attach 'x.db'",
        "install httpfs",
        "select * from read_csv('/etc/passwd')",
        "selec 1",
        "",
        "drop view vectors",
    ],
)
def test_only_one_select_over_committed_files_is_run(store, statement, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(QueryError):
        Catalog(store).rows(statement)
    assert not list(tmp_path.glob("x.*"))


def test_an_empty_store_has_typed_views_without_rows(store):
    catalog = Catalog(store)
    for table in TABLES.values():
        assert catalog.rows(f'select * from "{table.name}"').num_rows == 0
        types = dict(catalog.connection.execute(f'select column_name, column_type from (describe "{table.name}")').fetchall())
        assert (types.get("layer", "BIGINT"), types.get("vector", "FLOAT[]")) == ("BIGINT", "FLOAT[]")


def test_the_macros():
    connection = duckdb.connect()
    connection.execute(files("warehouse").joinpath("macros.sql").read_text())
    sql = "select cosine([3, 4], [4, 3]), cosine([0, 0], [1, 1]), l2_norm([3, 4]), cosine([1e-30]::float[], [2e-30]::float[])"
    assert connection.execute(sql).fetchone() == pytest.approx((0.96, None, 5.0, 1.0))


REFUSED = [
    "pragma database_list",
    "reset threads",
    "load httpfs",
    "detach memory",
    "checkpoint",
    "call pragma_version()",
    "use memory",
    "export database 'x'",
    "prepare p as select 1",
    "vacuum",
    "begin",
    "create secret s (type s3)",
    "explain analyze select 1",
    "insert into vectors select * from vectors",
    "select 1; drop view vectors",
    "copy (select 1) to '{part}'",
    "explain analyze copy (select 1) to '{part}'",
    "select * from read_text('{other}')",
    "select * from read_csv('{other}')",
    "select * from read_blob('{other}')",
    "select * from glob('{other}')",
    "from '{other}'",
    "from sniff_csv('{other}')",
    "select * from read_json('{other}')",
    "select * from parquet_metadata('{other}')",
    "select * from read_parquet('{other}')",
    "select * from sqlite_scan('{other}', 't')",
    "select * from query('select * from read_text(''{other}'')')",
    "select * from json_execute_serialized_sql(json_serialize_sql('select * from read_text(''{other}'')'))",
    "select * from read_parquet('http://localhost:1/x.parquet')",
]


@pytest.mark.parametrize("statement", REFUSED)
def test_sql_can_neither_write_nor_read_anything_else(store, statement, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    partition = store.partition("vectors", **KEYS)
    entry = partition.write([vectors([[1.0, 2.0]])])
    partition.commit([entry])
    other = tmp_path / "other.csv"
    other.write_text("a\n1\n")
    before = sorted(tmp_path.rglob("*"))
    catalog = Catalog(store)
    with pytest.raises(QueryError):
        catalog.rows(statement.format(part=partition.paths()[0], other=other))
    assert entry.is_whole(partition.folder) and sorted(tmp_path.rglob("*")) == before
    assert catalog.rows("select count(*) n from vectors").to_pylist() == [{"n": 1}]


def test_unsafe_sql_runs_any_statements(store, tmp_path):
    path = tmp_path / "x.csv"
    catalog = Catalog(store, unsafe=True)
    assert catalog.rows("create table t as select 1 as a; select a + 1 as b from t").to_pylist() == [{"b": 2}]
    catalog.rows(f"copy (select 1 as a) to '{path}'")
    assert path.read_text() == "a\n1\n"
