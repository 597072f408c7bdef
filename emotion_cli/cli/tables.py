"""`emo tables`: what can be queried."""

from typing import Annotated

import typer

from emotion_cli.cli.completion import SUGGESTIONS
from emotion_cli.cli.options import ROWS, Start, takes
from emotion_cli.suggestions import unknown

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
    start.rows.write(columns)
