"""`emo tables`: what can be queried."""

from typing import Annotated

import typer

from emotion_cli.cli import options as o
from emotion_cli.cli.output import format_of, write_rows
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


def tables(
    name: Annotated[str | None, typer.Argument(help="A table or view, to see its columns.", show_default=False)] = None,
    store: o.StoreDir = None,
    format: o.RowFormat = None,
    output: o.Output = None,
    force: o.Overwrite = False,
) -> None:
    """List tables and bundled queries with row counts, or the columns of one with what each means."""
    format = format_of(format, output, force=force)
    _, _, opened = o.start(store=store, reads=True)
    from warehouse.catalog import Catalog
    from warehouse.library import queries
    from warehouse.schema import TABLES

    catalog = Catalog(opened, comments=True)
    if name is None:
        counts = {table: opened.n_rows(table) for table in TABLES}
        write_rows(catalog.rows(LIST, {"names": list(counts), "counts": list(counts.values())}), format, output)
        return
    rows = catalog.rows(COLUMNS, {"name": name})
    if not rows.num_rows:
        raise unknown("table or view", name, [*TABLES, *queries()], hint="emo tables")
    write_rows(rows, format, output)
