"""Where a partition lives, and how it is committed so that no reader ever sees half of it.

The protocol, for one partition (a folder such as `vectors/dataset=D/model=M/extraction_id=X/`):

1. A file is written under a temporary name, flushed and synced.         crash: an orphan `.tmp-*`
2. It is renamed to `part-<hash of its bytes>.parquet`; folder synced.    crash: an orphan part
3. The manifest (files with rows, sizes, SHA-256) replaces the old one.   this rename is the commit
4. Superseded files stay until they are cleaned up.

Readers see only the files that a committed manifest lists. A partition that grows over a long run keeps its finished
parts in a progress file, which no reader looks at, so that a killed run goes on behind its last finished part.
"""

import fcntl
import hashlib
import json
import os
import socket
import tempfile
import urllib.parse
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from warehouse.errors import HeldError, NotInStoreError, StoreError
from warehouse.schema import COLUMNS, SCHEMA_VERSION, TABLES, Table

MANIFEST = "_manifest.json"
PROGRESS = "_progress.json"
LOCK = "_lock"
TEMPORARY = ".tmp-"


def content_hash(value: Any) -> str:
    """SHA-256 in hex of a JSON value in canonical form."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


@dataclass(frozen=True)
class FileEntry:
    """One committed file: name, rows, bytes, SHA-256 in hex, what part of the work it is, and what making it cost."""

    name: str
    rows: int
    size: int
    sha256: str
    part: str = ""
    cost: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Manifest:
    """What a committed partition holds, and the inputs and settings that it was made from."""

    table: str
    keys: dict[str, str]
    files: tuple[FileEntry, ...]
    inputs: dict[str, Any] = field(default_factory=dict)
    committed_at: str = ""
    schema_version: int = SCHEMA_VERSION

    @property
    def rows(self) -> int:
        """Rows in all files."""
        return sum(entry.rows for entry in self.files)

    @property
    def fingerprint(self) -> str:
        """Content hash of the files; two partitions with equal bytes have equal fingerprints."""
        return content_hash([entry.sha256 for entry in self.files])

    def to_json(self) -> str:
        """The manifest as it is written to disk."""
        return json.dumps(
            {
                "schema_version": self.schema_version,
                "table": self.table,
                "keys": self.keys,
                "committed_at": self.committed_at,
                "inputs": self.inputs,
                "files": [vars(entry) for entry in self.files],
            },
            indent=1,
            ensure_ascii=False,
        )


@dataclass(frozen=True)
class Partition:
    """One folder of one table."""

    table: Table
    keys: dict[str, str]
    folder: Path

    def manifest(self) -> Manifest | None:
        """The committed manifest, or None; StoreError when it is damaged or of a newer version."""
        return read_manifest(self.folder / MANIFEST)

    def paths(self) -> list[Path]:
        """The committed files."""
        manifest = self.manifest()
        return [self.folder / entry.name for entry in manifest.files] if manifest else []

    def progress(self, plan: Mapping[str, Any]) -> tuple[FileEntry, ...]:
        """Finished parts of an unfinished run with the same plan, those whose files are still whole."""
        try:
            saved = json.loads((self.folder / PROGRESS).read_text(encoding="utf-8"))
            entries = [FileEntry(**entry) for entry in saved["files"]] if saved["plan"] == dict(plan) else []
        except (OSError, ValueError, KeyError, TypeError):
            return ()
        return tuple(entry for entry in entries if _is_whole(self.folder / entry.name, entry))

    def save_progress(self, plan: Mapping[str, Any], files: Sequence[FileEntry]) -> None:
        """Remember finished parts for a later run."""
        text = json.dumps({"plan": dict(plan), "files": [vars(entry) for entry in files]}, ensure_ascii=False)
        replace_file(self.folder / PROGRESS, text.encode())

    def read(self, columns: Sequence[str], **equal: str | int) -> pa.Table:
        """Committed rows of these columns (vectors of fixed size), where each named column has the given value."""
        paths = self.paths()
        if not paths:
            raise NotInStoreError(f"{self.folder} is not in the store", hint="emo run")
        try:
            pieces = [_read_parquet(path, columns, equal) for path in paths]
        except (OSError, pa.ArrowException) as error:
            raise StoreError(f"{self.folder}: {error}", hint="emo verify") from error
        return pa.concat_tables(pieces)

    def write(self, row_groups: Iterable[pa.Table], *, part: str = "", cost: Mapping[str, float] | None = None) -> FileEntry:
        """Write one file, each table a row group (columns as declared); not visible to readers before `commit`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=TEMPORARY, dir=self.folder)
        try:
            with os.fdopen(handle, "wb") as sink:
                rows = _write_parquet(sink, row_groups)
                sink.flush()
                os.fsync(sink.fileno())
            digest = file_sha256(Path(temporary))
            name = f"part-{digest[:16]}.parquet"
            size = Path(temporary).stat().st_size
            _open_to_others(temporary)
            Path(temporary).replace(self.folder / name)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        sync_folder(self.folder)
        return FileEntry(name, rows, size, digest, part, dict(cost or {}))

    def commit(self, files: Sequence[FileEntry], inputs: Mapping[str, Any] | None = None) -> Manifest:
        """Make exactly these files the partition's content, in one rename."""
        now = datetime.now(UTC).isoformat()
        manifest = Manifest(self.table.name, self.keys, tuple(files), dict(inputs or {}), now)
        self.folder.mkdir(parents=True, exist_ok=True)
        replace_file(self.folder / MANIFEST, manifest.to_json().encode())
        (self.folder / PROGRESS).unlink(missing_ok=True)
        return manifest

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Keep other processes from writing this partition; a lock dies with the process that holds it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / LOCK).open("a+", encoding="utf-8") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                lock.seek(0)
                holder = lock.read().strip() or "another process"
                raise HeldError(f"{self.folder} is being written by {holder}", hint="wait for it, then run again") from None
            lock.truncate(0)
            lock.write(f"process {os.getpid()} on {socket.gethostname()} since {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC")
            lock.flush()
            yield


class Store:
    """A folder of tables; `root` need not exist yet."""

    def __init__(self, root: Path) -> None:
        self.root = Path(root)
        if self.root.exists() and not self.root.is_dir():
            raise StoreError(f"the store {self.root} is a file, not a folder", hint="name a folder with --store DIR")

    def partition(self, table: str, **keys: str) -> Partition:
        """The partition of `table` with these keys (one for each of its partition columns)."""
        declared = TABLES[table]
        if tuple(keys) != declared.partition_by:
            raise ValueError(f"{table} is partitioned by {declared.partition_by}, not {tuple(keys)}")
        folder = self.root / table
        for key, value in keys.items():
            folder = folder / f"{key}={quote(value)}"
        return Partition(declared, dict(keys), folder)

    def partitions(self, table: str, **keys: str) -> list[Partition]:
        """Committed partitions of `table`, sorted by path; those with the given keys only."""
        declared = TABLES[table]
        pattern = "/".join(f"{key}={quote_glob(keys[key]) if key in keys else '*'}" for key in declared.partition_by)
        folders = sorted(path.parent for path in (self.root / table).glob(f"{pattern}/{MANIFEST}"))
        return [Partition(declared, _keys_of(folder, len(declared.partition_by)), folder) for folder in folders]

    def n_rows(self, table: str) -> int:
        """Committed rows of a table, as its manifests say."""
        return sum(manifest.rows for partition in self.partitions(table) if (manifest := partition.manifest()))

    def read(self, table: str, columns: Sequence[str] | None = None, **keys: str) -> pa.Table:
        """Committed rows of `table` as Arrow, partition keys included as strings; empty with the right types if none."""
        declared = TABLES[table]
        wanted = list(columns or declared.column_names)
        pieces = [_with_keys(partition, wanted) for partition in self.partitions(table, **keys) if partition.paths()]
        if not pieces:
            return pa.schema([(name, column_type(name)) for name in wanted]).empty_table()
        return pa.concat_tables(pieces)


def column_type(name: str) -> pa.DataType:
    """The declared Arrow type of a column."""
    return COLUMNS[name].type


def table_of(table: str, columns: Mapping[str, Any], *, d_model: int | None = None) -> pa.Table:
    """Arrow rows of one file of `table`, in the declared order and types; StoreError when a NULL or NaN is not allowed."""
    schema = TABLES[table].arrow_schema(d_model=d_model)
    rows = pa.table([pa.array(columns[name], type=schema.field(name).type)
                     if not isinstance(columns[name], pa.Array) else columns[name].cast(schema.field(name).type)
                     for name in schema.names], schema=schema)  # fmt: skip
    for column in schema:
        values = rows.column(column.name)
        if not column.nullable and values.null_count:
            raise StoreError(f"{table}.{column.name}: {values.null_count} rows have no value")
        if _has_nan(values.combine_chunks()):
            raise StoreError(f"{table}.{column.name}: NaN is never stored; NULL means not defined")
    return rows


def quote(value: str) -> str:
    """A value as it stands in a partition's folder name (URL-encoded, as DuckDB, polars and pyarrow decode it)."""
    quoted = urllib.parse.quote(value, safe="")
    if not value or len(quoted) > 200 or "\0" in value:
        raise StoreError(f"{value[:60]!r} cannot name a part of the store: 1 to 200 characters, URL-encoded")
    return quoted


def quote_glob(value: str) -> str:
    """A quoted value as a glob pattern that matches only itself."""
    return quote(value).replace("[", "[[]")


def file_sha256(path: Path) -> str:
    """SHA-256 in hex of a file's bytes."""
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


def _has_nan(values: pa.Array) -> bool:
    leaves = values.flatten() if pa.types.is_fixed_size_list(values.type) else values
    if not pa.types.is_floating(leaves.type):
        return False
    return bool(np.isnan(leaves.drop_null().to_numpy(zero_copy_only=False)).any())


def _keys_of(folder: Path, count: int) -> dict[str, str]:
    pairs = (name.split("=", 1) for name in folder.parts[-count:])
    return {key: urllib.parse.unquote(value) for key, value in pairs}


def _with_keys(partition: Partition, wanted: Sequence[str]) -> pa.Table:
    rows = partition.read([name for name in wanted if name not in partition.keys])
    arrays = [
        pa.array([partition.keys[name]] * rows.num_rows, pa.string()) if name in partition.keys else rows.column(name)
        for name in wanted
    ]
    return pa.table(arrays, names=list(wanted))


def _read_parquet(path: Path, columns: Sequence[str], equal: Mapping[str, str | int]) -> pa.Table:
    # by hand, not by pq.read_table: the dataset machinery takes a quarter of a second to import
    with pq.ParquetFile(path) as file:
        if not equal:
            return file.read(columns=list(columns))
        wanted = [i for i in range(file.num_row_groups) if _may_hold(file.metadata.row_group(i), equal)]
        rows = file.read_row_groups(wanted, columns=list(dict.fromkeys([*columns, *equal])))
    for name, value in equal.items():
        matches = [held == value for held in rows[name].to_pylist()]
        if not all(matches):
            rows = rows.filter(pa.array(matches))
    return rows.select(list(columns))


def _may_hold(group: pq.RowGroupMetaData, equal: Mapping[str, str | int]) -> bool:
    columns = (group.column(i) for i in range(group.num_columns))
    ranges = {column.path_in_schema: column.statistics for column in columns}
    known = {name: ranges[name] for name in equal if ranges[name] is not None and ranges[name].has_min_max}
    return all(known[name].min <= equal[name] <= known[name].max for name in known)


def _write_parquet(sink: IO[bytes], row_groups: Iterable[pa.Table]) -> int:
    rows, writer = 0, None
    for group in row_groups:
        if writer is None:
            schema = group.schema
            vectors = [name for name in schema.names if pa.types.is_fixed_size_list(schema.field(name).type)]
            writer = pq.ParquetWriter(
                sink, schema, compression="zstd", store_schema=True,
                # floats do not repeat: a dictionary would only cost; split by byte they compress best
                use_dictionary=[name for name in schema.names if name not in vectors],  # pyright: ignore[reportArgumentType]
                column_encoding={f"{name}.list.element": "BYTE_STREAM_SPLIT" for name in vectors} or None,
            )  # fmt: skip
        writer.write_table(group, row_group_size=max(1, group.num_rows))
        rows += group.num_rows
    if writer is None:
        raise ValueError("a file needs a row group, if an empty one, to have columns")
    writer.close()
    return rows


def read_manifest(path: Path) -> Manifest | None:
    """The manifest of a file, None when there is none; StoreError when it is damaged or of a newer version."""
    try:
        saved = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise StoreError(f"{path}: the manifest cannot be read: {error}") from error
    if saved.get("schema_version", 0) > SCHEMA_VERSION:
        raise StoreError(f"{path}: written by a newer emo (schema {saved['schema_version']}, this one reads up to "
                         f"{SCHEMA_VERSION})", hint="upgrade emo")  # fmt: skip
    try:
        files = tuple(FileEntry(**entry) for entry in saved["files"])
        return Manifest(saved["table"], saved["keys"], files, saved["inputs"], saved["committed_at"],
                        saved["schema_version"])  # fmt: skip
    except (KeyError, TypeError) as error:
        raise StoreError(f"{path}: the manifest lacks {error}") from error


def _is_whole(path: Path, entry: FileEntry) -> bool:
    return path.is_file() and path.stat().st_size == entry.size and file_sha256(path) == entry.sha256


def replace_file(path: Path, content: bytes) -> None:
    """Give `path` this content in one step; a reader sees the old file or the new one, never a part."""
    handle, temporary = tempfile.mkstemp(prefix=TEMPORARY, dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as sink:
            sink.write(content)
            sink.flush()
            os.fsync(sink.fileno())
        _open_to_others(temporary)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def _open_to_others(temporary: str) -> None:
    # mkstemp makes a file for its owner only; a store is shared as far as the umask says
    umask = os.umask(0)
    os.umask(umask)
    Path(temporary).chmod(0o666 & ~umask)


def sync_folder(folder: Path) -> None:
    """Flush a folder, so that a rename in it survives a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
