"""What the machine gives: cores by affinity, a umask that is left alone, and memory that may not suffice."""

import os

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command import emo
from given import write_rows

from emotion_cli.errors import EmoError
from emotion_cli.exchange import sources, vector_files
from emotion_cli.prompts.reading import read_prompt_set
from warehouse import parquet, verify
from warehouse.catalog import Catalog
from warehouse.machine import cores, memory_of_duckdb
from warehouse.store import Store


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system has no affinity")
def test_cores_are_those_that_the_process_may_use(monkeypatch, tmp_path):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {1, 4, 5})
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    assert cores() == 3
    assert Catalog(Store(tmp_path)).rows("select current_setting('threads') n").to_pylist() == [{"n": 3}]
    connection = verify.connection_with_files({name: [] for name in verify.TABLES})
    assert connection.sql("select current_setting('threads')").fetchall() == [(3,)]


def test_the_umask_of_the_process_is_never_set(monkeypatch, tmp_path):
    def refuse(mask):
        raise AssertionError("another thread would make files for everyone")

    before = os.umask(0o027)
    try:
        with monkeypatch.context() as patched:
            patched.setattr(os, "umask", refuse)
            write_rows(Store(tmp_path), "vectors", [{"vector": [1.0, 2.0]}])
    finally:
        os.umask(before)
    (path,) = tmp_path.rglob("*.parquet")
    assert path.stat().st_mode & 0o777 == 0o640


def short(*arguments, **options):
    raise pa.ArrowMemoryError("malloc of size 1099511627776 failed")


def test_a_store_for_which_memory_does_not_suffice_is_not_called_damaged(monkeypatch, tmp_path):
    store = Store(tmp_path / "store")
    write_rows(store, "vectors", [{"vector": [1.0, 2.0]}])
    (path,) = store.root.rglob("*.parquet")
    for place, read in ((pq, "read_metadata"), (pq, "ParquetFile")):
        with monkeypatch.context() as patched:
            patched.setattr(place, read, short)
            with pytest.raises(MemoryError):
                parquet.footer_of(path) if read == "read_metadata" else store.read("vectors", ["vector"])
            ran = emo("verify", "--store", store.root, "--repair")
            assert ran.code == 1 and "not enough memory" in ran.err and path.name in ran.err and "bug report" not in ran.err
    assert path.is_file()


def test_a_query_for_which_memory_does_not_suffice_is_no_wrong_statement(tmp_path):
    catalog = Catalog(Store(tmp_path), unsafe=True)
    catalog.rows("set memory_limit = '10MB'")
    catalog.rows("set temp_directory = ''")
    with pytest.raises(MemoryError) as caught:
        catalog.rows("select list(range::varchar) from range(10000000)")
    assert isinstance(caught.value.__cause__, duckdb.OutOfMemoryException)


def test_rows_for_which_memory_does_not_suffice_are_not_called_damaged(monkeypatch, tmp_path):
    store = Store(tmp_path / "store")
    write_rows(store, "vectors", [{"vector": [1.0, 2.0]}])
    (partition,) = store.partitions("vectors")
    (path,) = partition.paths()
    with monkeypatch.context() as patched:
        patched.setattr(pq, "ParquetFile", short)
        with pytest.raises(MemoryError, match=path.name):
            list(partition.row_groups(partition.manifest().files[0], ["vector"]))
    with pytest.raises(MemoryError), memory_of_duckdb():
        raise duckdb.OutOfMemoryException("could not allocate")


def test_files_for_which_memory_does_not_suffice_are_not_called_damaged(monkeypatch, tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": ["a", "b"], "emotion": ["x", "x"]}), path)
    with monkeypatch.context() as patched:
        for read in ("ParquetFile", "read_schema", "read_metadata"):
            patched.setattr(pq, read, short)
        with pytest.raises(EmoError, match=r"a\.parquet: not enough memory to read it"):
            read_prompt_set([path], "s")
        with pytest.raises(EmoError, match=r"a\.parquet: not enough memory to read it"):
            sources.sources_of([path], [])
    with pytest.raises(EmoError, match="x: not enough memory"), sources.reading(sources.Source("x", path), []):
        short()
    (tmp_path / "a.safetensors").write_bytes(b"x")
    monkeypatch.setattr(vector_files, "_read_safetensors", short)
    with pytest.raises(EmoError, match="not enough memory"):
        vector_files.read_vector_file(tmp_path / "a.safetensors")
