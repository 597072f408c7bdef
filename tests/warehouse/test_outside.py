"""The lines of docs/outside.md: other programs see exactly the rows of each table that commands made, vectors of two widths among them."""

import re
import shutil
from pathlib import Path

import duckdb
import pytest
from workplaces import fill_every_table

from warehouse.catalog import Catalog
from warehouse.schema import COLUMNS, TABLES, VECTOR
from warehouse.store import Store

PAGE = (Path(__file__).parents[2] / "docs" / "outside.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
WITH_VECTORS = {name for name, table in TABLES.items() if any(COLUMNS[column].type == VECTOR for column in table.column_names)}


@pytest.fixture(scope="module")
def store(workplace, tmp_path_factory):
    """Commands have filled every table, and have superseded some parts."""
    store = Store(shutil.copytree(workplace.store, tmp_path_factory.mktemp("outside") / "store"))
    fill_every_table(workplace._replace(store=store.root))
    assert not {table for table in TABLES if not store.n_rows(table)}
    assert {entry["d_model"] for entry in Catalog(store).dicts("extractions")} == {32, 64}
    return store


def n_read(block, monkeypatch, store):
    """Rows and names of columns that a block of the page ends with in `rows`."""
    pytest.importorskip(re.search(r"import (\w+)", block)[1])
    monkeypatch.chdir(store.root.parent)
    names = {}
    exec(block, names)
    rows = names["rows"]
    if isinstance(rows, duckdb.DuckDBPyRelation):
        rows = rows.to_arrow_table()
    return len(rows), set(getattr(rows, "column_names", None) or rows.columns)


def library(block):
    return re.search(r"import (\w+)", block)[1]


GENERAL = [block for block in BLOCKS if "vector_quality" in block]
OF_ONE_MODEL = [block for block in BLOCKS if "model=smollm2-135m" in block]
WITHOUT_VECTORS = [block for block in BLOCKS if "drop(" in block or "columns=" in block]


def test_each_library_has_its_lines():
    assert {library(block) for block in GENERAL} == {"polars", "pyarrow", "pandas", "duckdb"}
    assert {library(block) for block in OF_ONE_MODEL} == {library(block) for block in WITHOUT_VECTORS}
    assert {library(block) for block in OF_ONE_MODEL} == {"polars", "pyarrow", "pandas"}
    assert all(block.count("\n") == 3 for block in BLOCKS)
    assert {"vectors", "activations"} == WITH_VECTORS
    (everything,) = set(BLOCKS) - {*GENERAL, *OF_ONE_MODEL, *WITHOUT_VECTORS}
    assert library(everything) == "duckdb"


@pytest.mark.parametrize("table", sorted(TABLES))
@pytest.mark.parametrize("block", GENERAL, ids=library)
def test_a_table_is_read_whole(store, block, table, monkeypatch):
    if table in WITH_VECTORS and library(block) != "duckdb":
        pytest.skip("its vectors have two widths")
    n_rows, columns = n_read(block.replace("vector_quality", table), monkeypatch, store)
    assert n_rows == store.n_rows(table) == Catalog(store).rows(f"select count(*) n from {table}")["n"][0].as_py()
    assert columns >= {*TABLES[table].column_names}


@pytest.mark.parametrize("model", ["tiny-wide", "tiny-gpt2"])
@pytest.mark.parametrize("table", sorted(WITH_VECTORS))
@pytest.mark.parametrize("block", OF_ONE_MODEL, ids=library)
def test_vectors_of_one_model_are_read(store, block, table, model, monkeypatch):
    named = block.replace("vectors", table).replace("smollm2-135m", model).replace("dataset=extended", "dataset=mine")
    n_rows, columns = n_read(named, monkeypatch, store)
    of_dataset = {"dataset": ["mine"]} if "dataset=" in block else {}
    assert n_rows == len(Catalog(store).dicts(table, model=[model], **of_dataset)) > 0
    assert {"vector", "activation"} & columns


@pytest.mark.parametrize("table", sorted(WITH_VECTORS))
@pytest.mark.parametrize("block", WITHOUT_VECTORS, ids=library)
def test_all_models_are_read_without_their_vectors(store, block, table, monkeypatch):
    named = block.replace("vectors", table)
    if table == "activations":
        named = named.replace('drop("vector")', 'drop("activation")').replace('"l2_norm"', '"n_tokens"')
    n_rows, columns = n_read(named, monkeypatch, store)
    assert n_rows == store.n_rows(table) and not {"vector", "activation"} & columns
    assert {"model", "layer", "emotion"} <= columns
