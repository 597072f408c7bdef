"""Pages about tables and queries, made of their declarations: `python -m warehouse.docs` writes them into docs/."""

from pathlib import Path

from warehouse.catalog import Catalog
from warehouse.library import queries
from warehouse.schema import COLUMNS, JOINS, TABLES, Join, Table
from warehouse.store import Store
from warehouse.values import MEASURES, OPEN, VALUES

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
        "stored. `emo tables NAME` prints the columns of a table or query, with keys and joins. `emo sql` queries them.",
        "[What the values mean](#values) stands at the end; the measures stand with their tables.",
        "## Picture\n\nEach line is a join: many rows on the side of the fork find one row on the other.\n\n" + _picture(),
        *(_table(table) for table in TABLES.values()),
        "## Values",
        "One sentence for each value of an enumerated column. NULL means that the column does not apply.",
        *(_values(name) for name in VALUES),
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
        (
            f"`{column.name}`",
            "key" if column.name in table.grain else "",
            str(column.type),
            "yes" if column.name in table.nullable else "",
            column.unit or "",
            column.doc,
        )
        for column in table.columns
    ]
    columns += [
        (f"`{key}`", "", str(COLUMNS[key].type), "", "", COLUMNS[key].doc)
        for key in table.partition_by
        if key not in table.column_names
    ]
    grain = ", ".join(f"`{name}`" for name in table.grain)
    return (
        f"## {table.name}\n\n{table.doc}\n\nOne row for each {grain}. "
        f"In the store: `{place}/`, a folder for each {table.about}.\n\n"
        + _grid(("column", "key", "type", "may be NULL", "unit", "about"), columns)
        + _joins(table)
        + _measures(table)
    )


def _joins(table: Table) -> str:
    joins = [join for join in JOINS if join.table == table.name]
    if not joins:
        return ""
    lines = "\n".join(f"from {table.name} {join.sql}" for join in joins)
    return f"\n\nJoins, each to at most one row:\n\n```sql\n{lines}\n```"


def _measures(table: Table) -> str:
    measures = [(f"`{name}`", doc) for name, doc in MEASURES.get(table.name, {}).items()]
    return f"\n\nMeasures:\n\n{_grid(('measure', 'about'), measures)}" if measures else ""


def _values(column: str) -> str:
    others = " It holds other names or numbers, too." if column in OPEN else ""
    holders = ", ".join(f"`{table.name}`" for table in TABLES.values() if column in table.column_names)
    rows = [(f"`{value}`", doc) for value, doc in VALUES[column].items()]
    return f"### {column}\n\n{COLUMNS[column].doc}{others} In {holders}.\n\n" + _grid(("value", "about"), rows)


def _picture() -> str:
    """The tables with their keys and joins, as a Mermaid diagram."""
    lines = ["erDiagram"]
    for table in TABLES.values():
        lines += [f"  {table.name} {{", *(f"    {_kind(name)} {name} PK" for name in table.grain), "  }"]
    lines.append('  prompts }o--o{ extractions : "dataset, prompts_sha256"')
    lines += [f'  {join.other} |o--o{{ {join.table} : "{_pairs(join)}"' for join in JOINS]
    return "```mermaid\n" + "\n".join(lines) + "\n```"


def _kind(column: str) -> str:
    return str(COLUMNS[column].type)


def _pairs(join: Join) -> str:
    names = ", ".join(a for a, _ in join.on)
    return f"{names}, through {join.through}" if join.through else names


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
