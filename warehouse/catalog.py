"""The store as DuckDB sees it: one view a table over committed files only, the macros, and one view a bundled query."""

import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from warehouse.errors import QueryError
from warehouse.library import filtered, queries
from warehouse.schema import TABLES, Table
from warehouse.store import Store

_SQL_TYPES = {
    pa.string(): "VARCHAR", pa.int64(): "BIGINT", pa.float64(): "DOUBLE", pa.bool_(): "BOOLEAN",
    pa.timestamp("us", tz="UTC"): "TIMESTAMPTZ", pa.list_(pa.string()): "VARCHAR[]", pa.list_(pa.int64()): "BIGINT[]",
    pa.list_(pa.float32()): "FLOAT[]",
}  # fmt: skip


class Catalog:
    """A locked in-memory DuckDB over one store; may read the store's committed files and nothing else."""

    def __init__(self, store: Store, *, comments: bool = False) -> None:
        self.connection = duckdb.connect()
        paths = _declare(self.connection, store, comments=comments)
        self.connection.execute("set threads to 2")
        self.connection.execute(f"set allowed_paths = [{', '.join(map(_literal, paths))}]")
        self.connection.execute("set enable_external_access = false")
        self.connection.execute("set lock_configuration = true")

    def rows(self, sql: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> pa.Table:
        """The result of one SELECT; QueryError for any other statement or a faulty one."""
        try:
            statements = self.connection.extract_statements(sql)
            kinds = {statement.type for statement in statements}
            if len(statements) != 1 or kinds != {duckdb.StatementType.SELECT}:
                raise QueryError(
                    f"one SELECT statement is expected, not {len(statements)} statements "
                    f"({', '.join(kind.name for kind in kinds) or 'none'})",
                    hint='emo sql "select ..."',
                )
            return self.connection.sql(sql, params=values).to_arrow_table()
        except duckdb.Error as error:
            raise QueryError(str(error).strip(), hint="emo tables") from error

    def select(self, relation: str, columns: Sequence[str] = (), /, **filters: Iterable[Any] | None) -> pa.Table:
        """Rows of a table or bundled query where each filtered column has one of the given values; sorted as printed."""
        return self.rows(*filtered(relation, {name: list(values or ()) for name, values in filters.items()}, columns))

    def dicts(self, relation: str, **filters: Iterable[Any] | None) -> list[dict[str, Any]]:
        """`select` as one dictionary a row."""
        return self.select(relation, (), **filters).to_pylist()


def write_database(store: Store, path: Path) -> None:
    """Write a DuckDB file with the same views, readable by DuckDB 1.2 and later, replacing `path` atomically."""
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".tmp-") as folder:
        temporary = Path(folder) / path.name
        connection = duckdb.connect()
        connection.execute(f"attach {_literal(temporary)} as emo (storage_version 'v1.2.0')")
        connection.execute("use emo")
        _declare(connection, store, comments=True)
        connection.close()
        temporary.replace(path)


def _declare(connection: duckdb.DuckDBPyConnection, store: Store, *, comments: bool) -> list[Path]:
    """Create macros, views and (half of the time) comments; return the files that the views read."""
    connection.execute(files("warehouse").joinpath("macros.sql").read_text(encoding="utf-8"))
    read: list[Path] = []
    for table in TABLES.values():
        paths = [path.resolve() for part in store.partitions(table.name) for path in part.paths()]
        missing = [path for path in paths if not path.is_file()]
        if missing:
            raise QueryError(f"{missing[0]} is listed in a manifest but is not there", hint="emo verify")
        connection.execute(f'create view "{table.name}" as {_select(table, paths)}')
        read += paths
        if comments:
            _comment(connection, table.name, table.doc, {column.name: column.doc for column in table.columns})
    for query in queries().values():
        connection.execute(f'create view "{query.name}" as {query.sql}')
        if comments:
            sources = [TABLES[source] for source in query.reads if source in TABLES]
            known = {column.name: column.doc for source in sources for column in source.columns} | dict(query.columns)
            names = [row[0] for row in connection.execute(f'describe "{query.name}"').fetchall()]
            _comment(connection, query.name, query.doc, {name: known[name] for name in names if name in known})
    return read


def _select(table: Table, paths: Sequence[Path]) -> str:
    if not paths:
        empty = ", ".join(f'cast(null as {_SQL_TYPES[column.type]}) as "{column.name}"' for column in table.columns)
        return f"select {empty} where false"
    # partition keys are text: DuckDB would guess a date of `2024-01-01`
    types = ", ".join(f"'{key}': VARCHAR" for key in table.partition_by)
    listed = ", ".join(map(_literal, paths))
    plain = ", ".join(f'"{column.name}"' for column in table.columns)
    return f"select {plain} from read_parquet([{listed}], hive_partitioning = true, hive_types = {{{types}}})"


def _comment(connection: duckdb.DuckDBPyConnection, view: str, doc: str, columns: Mapping[str, str]) -> None:
    connection.execute(f'comment on view "{view}" is {_literal(doc)}')
    for name, text in columns.items():
        connection.execute(f'comment on column "{view}"."{name}" is {_literal(text)}')


def _literal(value: str | os.PathLike[str]) -> str:
    return "'" + str(value).replace("'", "''") + "'"
