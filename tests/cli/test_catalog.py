"""`emo catalog`: one DuckDB file with every table and query, for other programs."""

import shutil

import duckdb
import given
import pytest
from command import emo, emo_ok

from warehouse.catalog import Catalog
from warehouse.database import MADE, MADE_DOC, outdated
from warehouse.library import queries
from warehouse.schema import TABLES
from warehouse.store import Store

ROW = {"dataset": "d", "model": "org/m", "extraction_id": "1", "l2_norm": 5.0, "relative_norm": 1.0, "vector": [3.0, 4.0]}
COUNT = "select count(*) from vectors"


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "a store's [é] *")
    given.write_rows(store, "vectors", [{**ROW, "emotion": "joy"}])
    return store


def rows(path, sql):
    with duckdb.connect(path, read_only=True) as connection:
        return connection.execute(sql).fetchall()


def test_every_table_and_query_is_in_the_file(workplace, tmp_path):
    for name, options in {"views": (), "rows": ("--materialize",)}.items():
        path = emo_ok("catalog", tmp_path / f"{name}.duckdb", *options, "--store", workplace.store).out.strip()
        listed = rows(path, "select table_name, table_comment from information_schema.tables")
        assert dict(listed) == {name: about.doc for name, about in {**TABLES, **queries()}.items()} | {MADE: MADE_DOC}
        for relation in (*TABLES, *queries()):
            of_file, of_store = (rows(path, f"select count(*) from {relation}"), Catalog(Store(workplace.store)).select(relation))
            assert of_file == [(of_store.num_rows,)], relation
        columns = rows(path, "select column_name, comment from duckdb_columns() where table_name = 'vectors'")
        assert dict(columns) == {column.name: column.doc for column in TABLES["vectors"].columns}


def test_views_have_later_rows_and_a_file_with_rows_needs_no_store(store, tmp_path):
    views = emo_ok("catalog", "--store", store.root).out.strip()
    emo_ok("catalog", tmp_path / "rows.duckdb", "--materialize", "--store", store.root)
    given.write_rows(store, "vectors", [{**ROW, "extraction_id": "2", "emotion": "joy"}])
    assert rows(views, COUNT) == [(2,)] and views == str(store.root / "emo.duckdb")
    shutil.rmtree(store.root)
    assert rows(
        tmp_path / "rows.duckdb", "select model, vector, l2_norm(direction) from vectors join directions using (model)"
    ) == [("org/m", [3.0, 4.0], 1.0)]


def test_a_file_that_is_there_stays_unless_forced(store, tmp_path):
    (tmp_path / "x.duckdb").write_text("mine")
    ran = emo("catalog", tmp_path / "x.duckdb", "--store", store.root)
    assert ran.code == 2 and "already exists" in ran.err and "--force" in ran.err
    assert (tmp_path / "x.duckdb").read_text() == "mine"
    emo_ok("catalog", tmp_path / "x.duckdb", "--force", "--store", store.root)
    assert rows(tmp_path / "x.duckdb", COUNT) == [(1,)]
    ran = emo("catalog", tmp_path / "no" / "x.duckdb", "--store", store.root)
    assert ran.code == 2 and "there is no folder" in ran.err


@pytest.mark.parametrize(
    ("name", "said"),
    [("x.txt", "ends in .duckdb"), ("x", " x.duckdb"), (".", "is a folder"), ("emo.csv", "emo.duckdb")],
)
def test_a_name_that_is_of_no_duckdb_file_is_refused(store, tmp_path, name, said):
    ran = emo("catalog", name, "--store", store.root, cwd=tmp_path)
    assert ran.code == 2 and said in ran.err and {path.name for path in tmp_path.iterdir()} == {store.root.name}


def test_a_store_that_cannot_be_read_makes_no_file(store, tmp_path):
    store.partitions("vectors")[0].paths()[0].write_bytes(b"x")
    ran = emo("catalog", tmp_path / "x.duckdb", "--store", store.root)
    assert ran.code == 1 and "--repair" in ran.err and not list(tmp_path.glob("*.duckdb"))


def remove(store, emotion, extraction):
    (partition,) = store.partitions("vectors", extraction_id=extraction)
    assert partition.read(["emotion"])["emotion"].to_pylist() == [emotion]
    return emo_ok("rm", "--extraction", extraction, "--yes", "--store", store.root)


def test_views_follow_a_removal_and_the_last_one_is_told(store):
    given.write_rows(store, "vectors", [{**ROW, "extraction_id": "2", "emotion": "rage"}])
    views = emo_ok("catalog", "--store", store.root).out.strip()
    ran = remove(store, "rage", "2")
    assert rows(views, "select emotion from vectors") == [("joy",)]
    assert outdated(store) == [] and "emo catalog" not in ran.err
    ran = remove(store, "joy", "1")
    said = " ".join(ran.err.split())
    assert f"{views}: it was made" in said and "since then vectors got the first rows or lost all" in said
    emo_ok("catalog", "--force", "--store", store.root)
    assert rows(views, COUNT) == [(0,)] and outdated(store) == []
    given.write_rows(store, "vectors", [{**ROW, "emotion": "joy"}])
    assert rows(views, COUNT) == [(0,)] and [file for file, _ in outdated(store)] == [store.root / "emo.duckdb"]


def test_copied_rows_stay_after_a_removal_and_every_command_that_looks_says_so(store):
    path = emo_ok("catalog", "--materialize", "--store", store.root).out.strip()
    assert outdated(store) == []
    ((content, copied, is_now),) = rows(
        path, f"select content, copied, now() - made_at < interval 1 hour from {MADE} where table_name = 'vectors'"
    )
    assert content and copied and is_now
    ran = remove(store, "joy", "1")
    assert rows(path, "select emotion from vectors") == [("joy",)]
    told = (ran.err, emo_ok("verify", "--store", store.root).err)
    for said in (" ".join(text.split()) for text in told):
        assert "it holds copied rows of" in said and "since then vectors changed in the store" in said
        assert "--materialize --force" in said
    emo_ok("catalog", "--materialize", "--force", "--store", store.root)
    assert rows(path, COUNT) == [(0,)] and outdated(store) == []


def test_files_that_emo_did_not_write_are_left_alone(store):
    (store.root / "notes.duckdb").write_text("mine")
    with duckdb.connect(store.root / "mine.duckdb") as connection:
        connection.execute("create table vectors (a int)")
    remove(store, "joy", "1")
    assert outdated(store) == [] and "duckdb" not in emo_ok("verify", "--store", store.root).err
