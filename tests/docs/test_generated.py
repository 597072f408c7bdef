"""The pages that are made of declarations are those that the declarations make now."""

from pathlib import Path

import pytest

from warehouse.docs import pages
from warehouse.library import queries
from warehouse.schema import TABLES

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("name", ["schema.md", "queries.md"])
def test_generated_pages_are_current(name):
    assert (DOCS / name).read_text(encoding="utf-8") == pages()[name], "run: make docs"


def test_every_table_query_and_column_is_on_them():
    made = pages()
    text = "".join(made.values())
    for name in (*TABLES, *queries()):
        assert f"## {name}\n" in text
    tables = made["schema.md"].split("\n## Values\n")[0]
    for table in TABLES.values():
        section = tables.split(f"## {table.name}\n")[1].split("\n## ")[0]
        for column in table.columns:
            # where it is described once for several tables, that stands above them
            assert f"`{column.name}`" in section and column.doc in tables and f"\n| `{column.name}` |" in tables
    assert not [line for line in text.splitlines() if line.startswith("| `") and line.endswith("|  |")], "a column says nothing"
