"""Each SQL file against its given and expected rows: `<query>.json` holds the tables' rows, and the columns that count."""

import json
import re
from pathlib import Path

import given
import pytest

from warehouse.catalog import Catalog
from warehouse.library import queries
from warehouse.schema import COLUMNS, TABLES
from warehouse.store import Store

CASES = {path.stem: path for path in Path(__file__).parent.glob("*.json")}


def test_every_query_has_a_case():
    assert set(CASES) == set(queries())


@pytest.mark.parametrize("name", sorted(queries()))
def test_expected_rows(name, tmp_path):
    case = json.loads(CASES[name].read_text(encoding="utf-8"))
    store = Store(tmp_path)
    for table, rows in case["given"].items():
        given.write_rows(store, table, rows)
    found = Catalog(store).dicts(name)
    columns = list(case["expected"][0])
    picked = [{column: row[column] for column in columns} for row in found]
    assert len(picked) == len(case["expected"])
    for row, expected in zip(sorted(picked, key=str), sorted(case["expected"], key=str), strict=True):
        assert flat(row) == pytest.approx(flat(expected), abs=1e-9)


def flat(row):
    """A row with a value for each element of its lists, which `approx` does not look into."""
    return {(name, i): x for name, value in row.items() for i, x in enumerate(value if isinstance(value, list) else [value])}


@pytest.mark.parametrize("query", queries().values(), ids=lambda query: query.name)
def test_headers_tell_the_truth(query, tmp_path):
    rows = Catalog(Store(tmp_path)).select(query.name)
    assert rows.num_rows == 0
    assert set(query.grain) <= set(rows.column_names)
    assert set(query.columns) <= set(rows.column_names)
    assert {"extraction_id", "extraction_a", "prompts_sha256"} & set(query.grain)
    read = {name for name in (*TABLES, *queries()) if re.search(rf"\b(from|join) {name}\b", query.sql)}
    assert read == set(query.reads)
    undocumented = set(rows.column_names) - set(query.columns) - set(COLUMNS)
    assert not undocumented, f"columns of no table need a `Column` line: {undocumented}"


@pytest.mark.parametrize("query", queries().values(), ids=lambda query: query.name)
def test_the_grain_is_unique(query, tmp_path):
    case = json.loads(CASES[query.name].read_text(encoding="utf-8"))
    store = Store(tmp_path)
    for table, rows in case["given"].items():
        given.write_rows(store, table, rows)
    rows = Catalog(store).dicts(query.name)
    assert len({tuple(row[name] for name in query.grain) for row in rows}) == len(rows)
