"""The store as one DuckDB file for other programs: how it is written, and when it no longer shows the store."""

import shlex
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from glob import escape
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from warehouse.catalog import comment, comment_all, declare_macros, declare_queries, literal, sorted_out, table_select
from warehouse.errors import StoreError
from warehouse.library import queries
from warehouse.protocol import TRIES, content_hash
from warehouse.schema import TABLES, Table
from warehouse.store import Store

FILE = "emo.duckdb"
"""The file in a store's folder, if no other is named."""

MADE = "emo_catalog"
"""The table in which such a file says when it was made, and of what."""

_MADE_COLUMNS = {
    "table_name": ("VARCHAR", "A table of the store."),
    "content": ("VARCHAR", "Content hash of its files when this file was made; NULL where it had none."),
    "copied": ("BOOLEAN", "Whether this file holds a copy of its rows; else it reads the rows that the store has now."),
    "made_at": ("TIMESTAMPTZ", "When this file was made."),
}
MADE_DOC = "What this file was made of, and when; a row is a table of the store."


class Outdated(NamedTuple):
    """A DuckDB file that does not show what the store holds now, and a sentence about it."""

    file: Path
    text: str


def write_database(store: Store, path: Path, *, materialize: bool = False) -> None:
    """Write a DuckDB file with the same tables and queries for DuckDB 1.3 and later, replacing `path` in one rename.

    Its views read the folders of the store, with rows that come later; with `materialize` the file holds the rows, and can be
    moved. Its table `emo_catalog` says when it was made, and of what. StoreError where a part of the store cannot be read.
    """
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".tmp-") as folder:
        temporary = Path(folder) / path.name
        with duckdb.connect() as connection:
            connection.execute(f"attach {literal(temporary)} as emo (storage_version 'v1.2.0')")
            connection.execute("use emo")
            # else each of a thousand comments is synced to the disk
            connection.execute("begin")
            declare_macros(connection)
            made_at = datetime.now(UTC)
            # before rows are read: what is committed meanwhile counts as later
            made = [(table, _content(store, table), materialize, made_at) for table in TABLES]
            for table in TABLES.values():
                _write_table(connection, store, table, materialize=materialize)
            declare_queries(connection, queries().values())
            comment_all(connection)
            _write_made(connection, made)
            connection.execute("commit")
        temporary.replace(path)


def _write_table(connection: duckdb.DuckDBPyConnection, store: Store, table: Table, *, materialize: bool) -> None:
    for attempts_left in reversed(range(TRIES)):
        paths, broken = sorted_out(store.partitions(table.name))
        if broken:
            raise StoreError(next(iter(broken.values())), hint="emo verify --repair")
        folders = store.root.resolve() / table.name
        # folders hold the current parts and nothing else
        pattern = "/".join([escape(str(folders)), *(f"{key}=*" for key in table.partition_by), "*.parquet"])
        select = table_select(table, paths if materialize or not paths else [pattern])
        try:
            connection.execute(f'create {"table" if materialize else "view"} "{table.name}" as {select}')
        except duckdb.Error as error:
            # a writer has moved or removed a file meanwhile
            if not attempts_left or all(path.exists() for path in paths):
                raise StoreError(f"a file of the store cannot be read: {error}", hint="emo verify --repair") from error
        else:
            return


def _write_made(connection: duckdb.DuckDBPyConnection, rows: Sequence[Sequence[Any]]) -> None:
    connection.execute(f"create table {MADE} ({', '.join(f'{name} {type_}' for name, (type_, _) in _MADE_COLUMNS.items())})")
    connection.executemany(f"insert into {MADE} values (?, ?, ?, ?)", rows)
    comment(connection, MADE, MADE_DOC, {name: doc for name, (_, doc) in _MADE_COLUMNS.items()})


def outdated(store: Store) -> list[Outdated]:
    """The files of `emo catalog` in the store's folder that do not show what the store holds now.

    Copied rows stay when those of the store are replaced or removed. A view follows them, unless its table had no rows when the
    file was made, or has none now. None where a manifest cannot be read, which is a fault of its own.
    """
    made = {path: _made(path) for path in sorted(store.root.glob("*.duckdb"))}
    try:
        now = {table: _content(store, table) for table in TABLES} if any(made.values()) else {}
    except StoreError:
        return []
    sentences = {path: _sentence(path, of_file, now) for path, of_file in made.items() if of_file}
    return [Outdated(path, sentence) for path, sentence in sentences.items() if sentence]


class _Made(NamedTuple):
    """What a file was made of: the content of each table, None where it had no rows."""

    content: Mapping[str, str | None]
    copied: bool
    made_at: datetime


def _made(path: Path) -> _Made | None:
    """What a file says that it was made of; None where it is no file of `emo catalog`, or is open in another program."""
    with suppress(duckdb.Error), duckdb.connect(path, read_only=True, config={"enable_external_access": "false"}) as connection:
        rows = connection.execute(f"select table_name, content, copied, epoch(made_at) from {MADE}").fetchall()
        if rows:
            _, _, copied, seconds = rows[0]
            return _Made({table: content for table, content, _, _ in rows}, copied, datetime.fromtimestamp(seconds, UTC))
    return None


def _sentence(path: Path, made: _Made, now: Mapping[str, str | None]) -> str:
    """What the file does not show, empty where it shows everything."""
    changed = [table for table in now if made.content.get(table) != now[table]]
    file, when = shlex.quote(str(path)), f"{made.made_at:%Y-%m-%d %H:%M} UTC"
    if made.copied and changed:
        return (
            f"it holds copied rows of {when}; since then {', '.join(changed)} changed in the store; "
            f"next: emo catalog {file} --materialize --force"
        )
    appeared_or_gone = [table for table in changed if None in (made.content.get(table), now[table])]
    if appeared_or_gone and not made.copied:
        return (
            f"it was made {when}; since then {', '.join(appeared_or_gone)} got the first rows or lost all; "
            f"next: emo catalog {file} --force"
        )
    return ""


def _content(store: Store, table: str) -> str | None:
    """Content hash of a table's files, whose names hold the hash of their bytes; None where it has none."""
    manifests = {partition.place: partition.manifest() for partition in store.partitions(table)}
    names = sorted(f"{place}/{entry.name}" for place, manifest in manifests.items() if manifest for entry in manifest.files)
    return content_hash(names) if names else None
