"""Pages about tables and queries, made of their declarations: `python -m warehouse.docs` writes them into docs/."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from warehouse.catalog import Catalog
from warehouse.library import queries
from warehouse.schema import COLUMNS, JOINS, TABLES, Join, Table
from warehouse.store import Store
from warehouse.values import MEASURES, OPEN, VALUES

MADE = "<!-- Made by `make docs` from {source}; change it there. -->"

SEVERAL = 3
"""A column that so many tables have is described once, above them."""

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
        "## Columns of several tables\n\n"
        + _grid(
            ("column", "type", "unit", "about"),
            [(f"`{name}`", str(COLUMNS[name].type), COLUMNS[name].unit or "", COLUMNS[name].doc) for name in sorted(_shared())],
        ),
        *(_table(table) for table in TABLES.values()),
        "## Values",
        "One sentence for each value of an enumerated column. NULL means that the column does not apply.",
        *(_values(name) for name in VALUES),
    ]
    return "\n\n".join(parts) + "\n"


def queries_page() -> str:
    """Every bundled query: what it answers, its grain, what it reads and its columns."""
    catalog = Catalog(Store(Path("no store is needed")), comments=True)
    described = {query.name: catalog.rows(COLUMNS_OF, [query.name]).to_pylist() for query in queries().values()}
    as_in_tables = {row["column_name"]: row for rows in described.values() for row in rows if _is_of_tables(row)}
    parts = [
        MADE.format(source="queries/*.sql"),
        "# Bundled queries",
        "Each is a view of the same name. `emo sql NAME` runs one, with `-d`, `-m`, `-e` and `--layer` as filters; the text is "
        "in [queries/](../queries).",
        "## Columns of the tables\n\nThese mean the same in every query that names them.\n\n"
        + _grid(("column", "type", "about"), [_described(row) for _, row in sorted(as_in_tables.items())]),
    ]
    for query in queries().values():
        rows = described[query.name]
        parts += [
            f"## {query.name}",
            query.doc,
            f"One row for each {_names(query.grain)}. Reads {_names(query.reads)}.",
            *_elsewhere("columns-of-the-tables", [f"`{row['column_name']}`" for row in rows if _is_of_tables(row)]),
            *_grids(("column", "type", "about"), [_described(row) for row in rows if not _is_of_tables(row)]),
        ]
    return "\n\n".join(parts) + "\n"


def _is_of_tables(row: dict[str, Any]) -> bool:
    """Whether a query's column is one of the tables, and means the same."""
    return row["column_name"] in COLUMNS and row["comment"] == COLUMNS[row["column_name"]].doc


def _described(row: dict[str, Any]) -> tuple[str, ...]:
    return f"`{row['column_name']}`", row["data_type"], row["comment"] or ""


@cache
def _shared() -> set[str]:
    """The columns that several tables have, in their files or as names of folders."""
    counts = Counter(name for table in TABLES.values() for name in {*table.column_names, *table.partition_by})
    return {name for name, count in counts.items() if count >= SEVERAL}


def _table(table: Table) -> str:
    place = "/".join([table.name, *(f"{key}=..." for key in table.partition_by)])
    names = dict.fromkeys([*table.column_names, *table.partition_by])
    shared = [name for name in names if name in _shared()]
    columns = [
        (
            f"`{name}`",
            "key" if name in table.grain else "",
            str(COLUMNS[name].type),
            "yes" if name in table.nullable else "",
            COLUMNS[name].unit or "",
            COLUMNS[name].doc,
        )
        for name in names
        if name not in shared
    ]
    parts = [
        f"## {table.name}",
        table.doc,
        f"One row for each {_names(table.grain)}. In the store: `{place}/`, a folder for each {table.about}.",
        *_elsewhere(
            "columns-of-several-tables", [f"`{name}`{' (may be NULL)' if name in table.nullable else ''}" for name in shared]
        ),
        *_grids(("column", "key", "type", "may be NULL", "unit", "about"), columns),
    ]
    return "\n\n".join(parts) + _joins(table) + _measures(table)


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _elsewhere(heading: str, columns: Sequence[str]) -> Iterator[str]:
    """A sentence that names columns which are described once, under a heading."""
    if columns:
        yield f"Columns [described above](#{heading}): {', '.join(columns)}."


def _grids(headers: tuple[str, ...], rows: list[tuple[str, ...]]) -> Iterator[str]:
    """A grid; none where there is no row."""
    if rows:
        yield _grid(headers, rows)


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
