"""Pages about tables and queries, made of their declarations: `python -m warehouse.docs` writes them into docs/."""

from pathlib import Path

from warehouse.catalog import Catalog
from warehouse.library import queries
from warehouse.schema import COLUMNS, TABLES, Table
from warehouse.store import Store

MADE = "<!-- Made by `make docs` from {source}; change it there. -->"

COLUMNS_OF = "select column_name, data_type, comment from duckdb_columns() where table_name = ? order by column_index"


def pages() -> dict[str, str]:
    """The pages by file name."""
    return {"schema.md": schema_page(), "queries.md": queries_page()}


def schema_page() -> str:
    """Every table: what it holds, its grain, its place in the store and its columns."""
    parts = [
        MADE.format(source="warehouse/schema.py"),
        "# Tables",
        "A store is a folder of Parquet files, one folder a partition. NULL means that a value is not defined; NaN is never "
        "stored. `emo tables NAME` prints the columns of a table or query, `emo sql` queries them.",
        *(_table(table) for table in TABLES.values()),
    ]
    return "\n\n".join(parts) + "\n"


def queries_page() -> str:
    """Every bundled query: what it answers, its grain, what it reads and its columns."""
    catalog = Catalog(Store(Path("no store is needed")), comments=True)
    parts = [
        MADE.format(source="queries/*.sql"),
        "# Bundled queries",
        "Each is a view of the same name. `emo sql NAME` runs one, with `-d`, `-m`, `-e` and `--layer` as filters; the text is "
        "in [queries/](../queries).",
    ]
    for query in queries().values():
        described = catalog.rows(COLUMNS_OF, [query.name]).to_pylist()
        columns = [(f"`{row['column_name']}`", row["data_type"], row["comment"] or "") for row in described]
        reads = ", ".join(f"`{name}`" for name in query.reads)
        grain = ", ".join(f"`{name}`" for name in query.grain)
        parts.append(
            f"## {query.name}\n\n{query.doc}\n\nOne row for each {grain}. Reads {reads}.\n\n"
            + _grid(("column", "type", "about"), columns)
        )
    return "\n\n".join(parts) + "\n"


def _table(table: Table) -> str:
    place = "/".join([table.name, *(f"{key}=..." for key in table.partition_by)])
    columns = [
        (f"`{column.name}`", str(column.type), "yes" if column.name in table.nullable else "", column.unit or "", column.doc)
        for column in table.columns
    ]
    columns += [
        (f"`{key}`", str(COLUMNS[key].type), "", "", COLUMNS[key].doc)
        for key in table.partition_by
        if key not in table.column_names
    ]
    grain = ", ".join(f"`{name}`" for name in table.grain)
    return (
        f"## {table.name}\n\n{table.doc}\n\nOne row for each {grain}. "
        f"In the store: `{place}/`, a folder for each {table.about}.\n\n"
        + _grid(("column", "type", "may be NULL", "unit", "about"), columns)
    )


def _grid(headers: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [headers, ("---",) * len(headers), *(tuple(cell.replace("|", "\\|") for cell in row) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def write(folder: Path) -> None:
    """Write the pages into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(Path("docs"))
