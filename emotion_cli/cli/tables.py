"""`emo tables`: what can be queried."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from emotion_cli.cli.completion import SUGGESTIONS
from emotion_cli.cli.options import ROWS, Start, takes
from emotion_cli.cli.output import write_lines
from emotion_cli.suggestions import unknown

if TYPE_CHECKING:
    from warehouse.schema import Table

LIST = """
select views.view_name as name, stored.rows, views.comment as about
from duckdb_views() as views
left join (select unnest($names) as view_name, unnest($counts) as rows) as stored using (view_name)
where not views.internal
order by stored.rows is null, name
"""

COLUMNS = """
select column_name as "column", data_type as type, comment as about
from duckdb_columns()
where table_name = $name and not internal
order by column_index
"""


MEANT = ("column", "value", "about")
"""What a reader asks for, which no narrow terminal leaves out."""

Name = Annotated[
    str | None,
    typer.Argument(help="A table or view, to see its columns.", show_default=False, autocompletion=SUGGESTIONS["table"]),
]


@takes("store", *ROWS, needs_store="yes")
def tables(start: Start, name: Name = None) -> None:
    """List tables and bundled queries with row counts, or the columns of a table or query with their meanings."""
    from warehouse.catalog import Catalog
    from warehouse.library import queries
    from warehouse.schema import TABLES

    catalog = Catalog(start.store, comments=True)
    if name is None:
        counts = {table: start.store.n_rows(table) for table in TABLES}
        start.rows.write(catalog.rows(LIST, {"names": list(counts), "counts": list(counts.values())}))
        return
    columns = catalog.rows(COLUMNS, {"name": name})
    if not columns.num_rows:
        raise unknown("table or view", name, [*TABLES, *queries()], hint="emo tables")
    if name not in TABLES:
        start.rows.write(columns, MEANT)
        return
    table = TABLES[name]
    start.rows.write_records([_described(table, row) for row in columns.to_pylist()], keys=MEANT)
    if start.rows.for_people and not (start.rows.columns or start.rows.output):
        _write_joins_and_values(start, table)


def _described(table: "Table", row: dict[str, Any]) -> dict[str, Any]:
    """A column of a table with what its declaration says: whether it is part of the key, may be NULL, and its unit."""
    from warehouse.schema import COLUMNS as DECLARED
    from warehouse.values import values_of

    name = row["column"]
    return {
        "column": name,
        "type": row["type"],
        "key": name in table.grain,
        "nullable": name in table.nullable,
        "unit": DECLARED[name].unit,
        "about": row["about"],
        "values": ", ".join(values_of(table.name, name)) or None,
    }


def _write_joins_and_values(start: Start, table: "Table") -> None:
    from warehouse.schema import JOINS
    from warehouse.values import values_of

    joins = [{"other": join.other, "sql": f"from {table.name} {join.sql}"} for join in JOINS if join.table == table.name]
    values = [
        {"column": name, "value": value, "about": doc}
        for name in table.column_names
        for value, doc in values_of(table.name, name).items()
    ]
    for title, records in (("joins, each to at most one row", joins), ("values", values)):
        if records:
            write_lines([""])
            start.rows.write_heading(title)
            start.rows.write_records(records, keys=MEANT)
