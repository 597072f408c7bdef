"""The file of `emo catalog` in programs with an older DuckDB: `make test-wheel` makes their environment, `.venv-clients`."""

import json
import subprocess
from pathlib import Path

import given
import pytest
from command import emo_ok

from warehouse.database import MADE
from warehouse.library import queries
from warehouse.schema import TABLES
from warehouse.store import Store

PYTHON = Path(__file__).parents[2] / ".venv-clients" / "bin" / "python"

pytestmark = pytest.mark.skipif(not PYTHON.exists(), reason="no .venv-clients: make test-wheel")

BY_CLIENT = """
import duckdb, json, sys
connection = duckdb.connect(sys.argv[1], read_only=True)
names = [name for (name,) in connection.execute("select table_name from information_schema.tables").fetchall()]
rows = {name: connection.execute(f"select * from {name}").fetchall() for name in names}
print(json.dumps([duckdb.__version__, {name: len(value) for name, value in rows.items()}]))
"""

BY_HARLEQUIN = """
import json, sys
from harlequin_duckdb import DuckDbAdapter
connection = DuckDbAdapter((sys.argv[1],), read_only=True).connect()
(database,) = [item for item in connection.get_catalog().items if item.label != "temp"]
names = [relation.label for schema in database.fetch_children() for relation in schema.fetch_children()]
rows = {name: connection.execute(f"select * from {name}").fetchall() for name in names}
print(json.dumps(["harlequin", {name: len(value) for name, value in rows.items()}]))
"""


@pytest.mark.parametrize("options", [(), ("--materialize",)], ids=["views", "rows"])
@pytest.mark.parametrize(("script", "version"), [(BY_CLIENT, "1.5"), (BY_HARLEQUIN, "harlequin")], ids=["duckdb", "harlequin"])
def test_every_table_and_query_is_read(tmp_path, script, version, options):
    store = Store(tmp_path / "store")
    for table in TABLES:
        given.write_rows(store, table, [{}])
    emo_ok("catalog", tmp_path / "emo.duckdb", *options, "--store", store.root)
    ran = subprocess.run([PYTHON, "-c", script, tmp_path / "emo.duckdb"], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    client, n_rows = json.loads(ran.stdout)
    assert client.startswith(version)
    assert set(n_rows) == {*TABLES, *queries(), MADE} and {n_rows[table] for table in TABLES} == {1}
