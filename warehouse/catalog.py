"""The store as DuckDB sees it: one view a table over committed files only, the macros, and one view a bundled query."""

import contextlib
import errno
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa

from warehouse.errors import QueryError, StoreError
from warehouse.library import Query, filtered, mentioned, queries
from warehouse.machine import cores
from warehouse.parquet import footer_of
from warehouse.protocol import TRIES, refuse_link, steadily
from warehouse.schema import COLUMNS, TABLES, Table
from warehouse.store import MISSING, Partition, Store, refuse_older

_SQL_TYPES = {
    pa.string(): "VARCHAR",
    pa.int64(): "BIGINT",
    pa.float64(): "DOUBLE",
    pa.bool_(): "BOOLEAN",
    pa.timestamp("us", tz="UTC"): "TIMESTAMPTZ",
    pa.list_(pa.string()): "VARCHAR[]",
    pa.list_(pa.int64()): "BIGINT[]",
    pa.list_(pa.float32()): "FLOAT[]",
}


_BROKEN = "this part of the store cannot be read: "


class Catalog:
    """A locked in-memory DuckDB over one store; may read the store's committed files and nothing else.

    `unsafe` leaves it unlocked: any statements, any files, with the rights of the process. It sees the store as it was when it
    was opened, until a writer removes a file that a statement reads: then it sees the store as it is then. `text` is the only
    SQL that it will be asked to run: queries that it does not name are left out, which saves half of the start.
    """

    def __init__(self, store: Store, *, comments: bool = False, unsafe: bool = False, text: str | None = None) -> None:
        self.store, self.comments, self.unsafe, self.text = store, comments, unsafe, text
        self._connect()

    def _connect(self) -> None:
        self.connection = duckdb.connect()
        self._paths = declare(self.connection, self.store, comments=self.comments, text=self.text)
        self.connection.execute(f"set threads to {cores()}")
        self.connection.execute("set enable_progress_bar = false")  # it would stand on stdout, among the rows
        if self.unsafe:
            return
        self.connection.execute(f"set allowed_paths = [{', '.join(map(literal, self._paths))}]")
        self.connection.execute("set autoinstall_known_extensions = false")
        self.connection.execute("set autoload_known_extensions = false")
        self.connection.execute("set enable_external_access = false")
        self.connection.execute("set lock_configuration = true")

    def rows(self, sql: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> pa.Table:
        """The result of one SELECT (or PIVOT, DESCRIBE, SUMMARIZE, EXPLAIN of one); QueryError for any other or a faulty one."""
        # any statement may have had effects, and is not run twice
        for _ in range(0 if self.unsafe else TRIES - 1):
            try:
                return self._rows(sql, values)
            except StoreError:
                if all(path.exists() for path in self._paths):
                    raise
                self._connect()  # DuckDB opens files late: a writer has moved or removed some since they were declared
        return self._rows(sql, values)

    def _rows(self, sql: str, values: Sequence[Any] | Mapping[str, Any]) -> pa.Table:
        try:
            statements = self.connection.extract_statements(sql)
            if self.unsafe and statements:
                return self._last(statements, values)
            if len(statements) != 1:
                raise QueryError(
                    f"one SELECT is expected, and {len(statements) or 'none'} {'are' if statements else 'is'} given",
                    hint='emo sql "select ..."',
                )
            self._refuse_other(sql, statements[0].type)
            return self.connection.sql(sql, params=values).to_arrow_table()
        except (duckdb.Error, UnicodeDecodeError) as error:
            text = str(error).strip()
            if isinstance(error, duckdb.OutOfMemoryException):
                raise MemoryError(text) from error
            if _BROKEN in text:
                raise StoreError(text.split(_BROKEN, 1)[1], hint="emo verify --repair") from error
            if _is_of_a_file(error, text):
                raise StoreError(
                    f"a file of the store cannot be read: {text}", hint="emo verify, which names every damaged file"
                ) from error
            raise QueryError(text, hint="emo tables") from error

    def _refuse_other(self, sql: str, kind: duckdb.StatementType) -> None:
        """QueryError for a statement that is no SELECT, and for an EXPLAIN that is not only that of a SELECT."""
        kinds = duckdb.StatementType
        # DuckDB runs a PIVOT as several statements
        if kind == kinds.SELECT or (kind == kinds.MULTI and re.search(r"\bpivot(_wider)?\b", sql, re.IGNORECASE)):
            return
        explained = re.match(r"(?:\s|--[^\n]*\n|/\*.*?\*/)*explain\b(.*)", sql, re.IGNORECASE | re.DOTALL)
        if kind == kinds.EXPLAIN and explained:
            # what follows EXPLAIN must be a statement by itself: with ANALYZE it is none
            with contextlib.suppress(duckdb.Error):
                if [statement.type for statement in self.connection.extract_statements(explained[1])] == [kinds.SELECT]:
                    return
            raise QueryError("EXPLAIN is for a SELECT, without ANALYZE and other options", hint='emo sql "explain select ..."')
        raise QueryError(f"one SELECT is expected, not a statement of kind {kind.name}", hint='emo sql "select ..."')

    def _last(self, statements: Sequence[Any], values: Sequence[Any] | Mapping[str, Any]) -> pa.Table:
        for statement in statements[:-1]:
            self.connection.execute(statement)
        result = self.connection.sql(statements[-1], params=values)
        return result.to_arrow_table() if result is not None else pa.table({})

    def select(self, relation: str, columns: Sequence[str] = (), /, **filters: Iterable[Any] | None) -> pa.Table:
        """Rows of a table or bundled query where each filtered column has one of the given values; sorted as printed."""
        return self.rows(*filtered(relation, {name: list(values or ()) for name, values in filters.items()}, columns))

    def dicts(self, relation: str, **filters: Iterable[Any] | None) -> list[dict[str, Any]]:
        """`select` as one dictionary a row."""
        return self.select(relation, (), **filters).to_pylist()


def _is_of_a_file(error: Exception, text: str) -> bool:
    """Whether a file is at fault, not the statement: DuckDB names it, or passes on what its Parquet reader met in a page."""
    if "extension" in text and not text.startswith("Invalid Input"):
        return False  # one that is not installed is no damage
    if type(error) is duckdb.Error or isinstance(error, duckdb.IOException | UnicodeDecodeError):
        return True
    return isinstance(error, duckdb.InvalidInputException) and ".parquet" in text


def declare(
    connection: duckdb.DuckDBPyConnection, store: Store, *, comments: bool = False, text: str | None = None
) -> list[Path]:
    """Create macros, views and (half of the time) comments; return the files that the views read.

    A partition that cannot be read makes the queries fail that ask for its rows, and no others.
    """
    declare_macros(connection)
    # queries are bound to empty tables of the same types: that opens no file, so no writer can be in the way
    for table in TABLES.values():
        _declare_table(connection, table, (), {})
    declare_queries(connection, queries().values() if text is None else mentioned(text))
    paths = [path for table in TABLES.values() for path in _declare_files(connection, store, table)]
    if comments:
        comment_all(connection)
    return paths


def declare_queries(connection: duckdb.DuckDBPyConnection, chosen: Iterable[Query]) -> None:
    """Create a view for each of these queries, which come after those that they read."""
    for query in chosen:
        connection.execute(f'create or replace view "{query.name}" as {query.sql}')


def _declare_files(connection: duckdb.DuckDBPyConnection, store: Store, table: Table) -> list[Path]:
    """Create a table's view over its files, again while a writer moves or removes one of them; the files."""
    for _ in range(TRIES - 1):
        paths, broken = sorted_out(store.partitions(table.name))
        try:
            _declare_table(connection, table, paths, broken)
        except duckdb.Error:
            if all(path.exists() for path in paths):
                break
        else:
            return paths
    # a file is not a Parquet file: look at each
    paths, broken = sorted_out(store.partitions(table.name), footers=True)
    _declare_table(connection, table, paths, broken)
    return paths


def comment_all(connection: duckdb.DuckDBPyConnection) -> None:
    """Comment every table, bundled query and column with its sentence."""
    for table in TABLES.values():
        comment(connection, table.name, table.doc, {column.name: column.doc for column in table.columns})
    for query in queries().values():
        # a name means the same everywhere, unless a query, or one that it reads, says what it means there
        inherited = [queries()[source].columns for source in query.reads if source in queries()]
        known: dict[str, str] = {name: column.doc for name, column in COLUMNS.items()}
        for columns in (*inherited, query.columns):
            known.update(columns)
        names = [row[0] for row in connection.execute(f'describe "{query.name}"').fetchall()]
        comment(connection, query.name, query.doc, {name: known[name] for name in names if name in known})


def declare_macros(connection: duckdb.DuckDBPyConnection) -> None:
    """Create `cosine` and `l2_norm`."""
    connection.execute(files("warehouse").joinpath("macros.sql").read_text(encoding="utf-8"))


def _declare_table(
    connection: duckdb.DuckDBPyConnection, table: Table, paths: Sequence[Path], broken: Mapping[Partition, str]
) -> None:
    selects = [table_select(table, paths)] if paths or not broken else []
    selects += [_failing(partition, message) for partition, message in broken.items()]
    connection.execute(f'create or replace view "{table.name}" as {" union all ".join(selects)}')


class _Sorted(NamedTuple):
    paths: list[Path]
    broken: dict[Partition, str]


def sorted_out(partitions: Iterable[Partition], *, footers: bool = False) -> _Sorted:
    """The files of the partitions that can be read, and the faults of the others."""
    partitions_sorted = _Sorted([], {})
    for partition in partitions:
        try:
            partitions_sorted.paths.extend(_readable(partition, footers=footers))
        except StoreError as error:
            partitions_sorted.broken[partition] = str(error)
    return partitions_sorted


def _readable(partition: Partition, *, footers: bool) -> list[Path]:
    try:
        return steadily(lambda: _present(partition, footers=footers))
    except FileNotFoundError as error:
        raise StoreError(f"{error.filename} {MISSING}") from error


def _present(partition: Partition, *, footers: bool) -> list[Path]:
    manifest = partition.manifest()
    if manifest is None:
        return []
    refuse_older(manifest, partition.folder)
    # below the store names stay as they are: DuckDB takes the keys from the path, and a folder may be a link to another disk
    root = partition.root.resolve()
    paths = [root / partition.path_of(entry).relative_to(partition.root) for entry in manifest.files]
    for path, entry in zip(paths, manifest.files, strict=True):
        refuse_link(path)
        if not path.is_file():
            raise FileNotFoundError(errno.ENOENT, MISSING, str(path))
        if path.stat().st_size != entry.size:
            raise StoreError(f"{path} has {path.stat().st_size} bytes, not the {entry.size} that were committed")
        if footers:
            footer_of(path)
    return paths


def table_select(table: Table, paths: Sequence[Path | str], *, with_files: bool = False) -> str:
    """The select that a table's view is; `with_files` adds the column `file`, the path of the file that a row is in."""
    extra = ["filename as file"] if with_files else []
    if not paths:
        empty = [f'cast(null as {_SQL_TYPES[column.type]}) as "{column.name}"' for column in table.columns]
        empty += ["cast(null as varchar) as file"] if with_files else []
        return f"select {', '.join(empty)} where false"
    # partition keys are text: DuckDB would guess a date of `2024-01-01`
    types = ", ".join(f"'{key}': VARCHAR" for key in table.partition_by)
    listed = ", ".join(map(literal, paths))
    plain = ", ".join([*(f'"{column.name}"' for column in table.columns), *extra])
    named = ", filename = true" if with_files else ""
    return f"select {plain} from read_parquet([{listed}], hive_partitioning = true, hive_types = {{{types}}}{named})"


def _failing(partition: Partition, message: str) -> str:
    """One row that has the partition's keys and fails when it is read: a filter for other keys never reads it."""
    failing = f"error({literal(_BROKEN + message)})"
    columns = [
        f'{literal(partition.keys[name])} as "{name}"'
        if name in partition.keys
        else f'cast({failing} as {_SQL_TYPES[COLUMNS[name].type]}) as "{name}"'
        for name in partition.table.column_names
    ]
    return f"select {', '.join(columns)} from range(1) as t(i) where case when i >= 0 then {failing} is null else true end"


def comment(connection: duckdb.DuckDBPyConnection, name: str, doc: str, columns: Mapping[str, str]) -> None:
    """Comment a table or view and its columns."""
    (kind,) = connection.execute("select table_type from information_schema.tables where table_name = ?", [name]).fetchall()
    connection.execute(f'comment on {"view" if kind == ("VIEW",) else "table"} "{name}" is {literal(doc)}')
    for column, text in columns.items():
        connection.execute(f'comment on column "{name}"."{column}" is {literal(text)}')


def literal(value: str | os.PathLike[str]) -> str:
    """A value as a SQL text, for the statements that take no bound values."""
    return "'" + str(value).replace("'", "''") + "'"
