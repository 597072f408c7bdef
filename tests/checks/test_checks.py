"""Each check against its given rows: `<check>.json` holds the tables' rows and what is said of the bad ones."""

import json
from pathlib import Path

import given
import pytest

from warehouse.library import checks
from warehouse.schema import TABLES
from warehouse.store import Store
from warehouse.verify import connection_with_files

CASES = {path.stem: path for path in Path(__file__).parent.glob("*.json")}


def test_every_check_has_a_case():
    assert set(CASES) == set(checks())


@pytest.mark.parametrize("check", checks().values(), ids=lambda check: check.name)
def test_bad_rows_are_found_with_their_file(check, tmp_path):
    case = json.loads(CASES[check.name].read_text(encoding="utf-8"))
    store = Store(tmp_path)
    for table, rows in case["given"].items():
        given.write_rows(store, table, rows)
    paths = {table: [path for one in store.partitions(table) for path in one.paths()] for table in TABLES}
    found = connection_with_files(paths).execute(f"select file, detail from ({check.sql})").fetchall()
    assert sorted(detail for _, detail in found) == sorted(case["expected"])
    assert {Path(file) for file, _ in found} <= {path for table in check.reads for path in paths[table]}


@pytest.mark.parametrize("check", checks().values(), ids=lambda check: check.name)
def test_an_empty_store_passes(check):
    assert connection_with_files({table: [] for table in TABLES}).execute(check.sql).fetchall() == []
