"""Is the store what its manifests say? Every file, row and origin is checked, and each fault names its file."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from warehouse import protocol, schema
from warehouse.catalog import declare_macros, table_select
from warehouse.errors import HeldError, NewerError, StoreError
from warehouse.library import checks
from warehouse.lock import LOCK_FILES, held
from warehouse.machine import cores, memory_of_duckdb
from warehouse.parquet import UNREADABLE, footer_of, schema_version_of, value_faults
from warehouse.protocol import MANIFEST, PROGRESS, TEMPORARY, FileEntry, Manifest, file_sha256
from warehouse.schema import TABLES, Table
from warehouse.store import Partition, Store

KNOWN_FILES = (MANIFEST, PROGRESS, *LOCK_FILES)


class Fault(NamedTuple):
    """A fault: the check that reports it, the file or folder, a sentence, and what was done about it."""

    check: str
    file: Path
    detail: str
    done: str = ""


class Kind(NamedTuple):
    """What a check means, what `emo verify --repair` does about it, and the command that a person runs afterwards."""

    doc: str
    repair: str
    then: str


KINDS = {
    "temporary": Kind("a file that was being written when its process ended", "remove", ""),
    "orphan": Kind("a part that no manifest lists: superseded, or of a killed run", "remove", ""),
    "foreign": Kind("a file that emo did not write", "quarantine", ""),
    "manifest": Kind("a manifest that cannot be read or belongs elsewhere", "quarantine_folder", "emo run"),
    "missing": Kind("a file that a manifest lists is missing", "drop", "emo run"),
    "checksum": Kind("a file is not as it was committed", "quarantine", "emo run"),
    "schema": Kind("a file has other columns or types than its table", "quarantine", "emo run"),
    "rows": Kind("a file has another number of rows than its manifest says", "quarantine", "emo run"),
    "values": Kind("a NaN, or a missing value that is required", "quarantine", "emo run"),
    "grain": Kind("two rows with the same key", "quarantine", "emo run"),
    "older": Kind("written by an earlier schema", "migrate", ""),
    "newer": Kind("written by a later schema", "", "upgrade emo"),
    "stale": Kind("an input has changed since this was made", "", "emo run"),
    "activations_have_an_extraction": Kind("the row that describes activations is missing", "", "emo extract"),
    "artifact": Kind("a picture or page is not as it was committed", "", "emo run"),
}
"""Each check in Python; those in SQL are in checks/, and find what recomputing would not repair."""


def verify(store: Store, *, note: Callable[[str], None] = lambda _: None) -> list[Fault]:
    """All faults of a store, in the order of its files; reads every byte, writes nothing but lock files."""
    if not store.root.exists():
        raise StoreError(f"there is no store at {store.root}", hint="name one with --store DIR")
    faults: list[Fault] = []
    readable: dict[str, list[Path]] = {name: [] for name in TABLES}
    for table in TABLES.values():
        partitions = store.folders(table.name)
        note(f"checking {table.name}: {len(partitions)} partitions")
        for partition in partitions:
            of_partition = list(_of_partition(partition))
            faults += of_partition
            if not {fault.check for fault in of_partition} & {"manifest", "newer", "older"}:
                bad = {fault.file for fault in of_partition}
                readable[table.name] += [path for path in partition.paths() if path not in bad]
    note("checking rows against each other")
    with memory_of_duckdb():
        faults += _of_rows(readable)
    faults += _of_artifacts(store)
    faults += _of_origins(store)
    return faults


def unfinished(store: Store) -> list[tuple[Path, int]]:
    """Folders with incomplete work, and how many of its parts are finished: no fault."""
    folders = [partition for table in TABLES for partition in store.folders(table) if partition.has_progress]
    return [(partition.folder, len(partition.progress())) for partition in folders]


def _of_partition(partition: Partition) -> Iterator[Fault]:
    try:
        manifest = partition.manifest()
    except NewerError as error:
        yield Fault("newer", partition.folder / MANIFEST, str(error))
        return
    except StoreError as error:
        yield Fault("manifest", partition.folder / MANIFEST, str(error))
        return
    yield from _strays(partition.folder, manifest)
    if manifest is None:
        return
    if manifest.schema_version < schema.SCHEMA_VERSION:
        yield Fault("older", partition.folder / MANIFEST, f"schema {manifest.schema_version}, not {schema.SCHEMA_VERSION}")
        return
    for entry in manifest.files:
        yield from _of_file(partition.table, partition.folder / entry.name, entry)


def _strays(folder: Path, manifest: Manifest | None) -> Iterator[Fault]:
    """Files in a folder that belong to nothing; none while its writer lives."""
    listed = {entry.name for entry in manifest.files} if manifest else set()
    listed |= {entry.name for entry in protocol.read_progress(folder)}
    strays = [path for path in sorted(folder.iterdir()) if path.name not in listed and path.name not in KNOWN_FILES]
    if not strays:
        return
    try:
        with held(folder):
            pass
    except HeldError:
        return
    except StoreError:
        pass  # a folder that cannot be written has no writer
    for path in strays:
        if path.name.startswith(TEMPORARY):
            yield Fault("temporary", path, KINDS["temporary"].doc)
        elif path.is_file() and path.name.startswith("part-") and path.suffix == ".parquet":
            yield Fault("orphan", path, KINDS["orphan"].doc)
        else:
            yield Fault("foreign", path, KINDS["foreign"].doc)


def _of_file(table: Table, path: Path, entry: FileEntry) -> Iterator[Fault]:
    if not path.is_file() and not path.is_symlink():
        yield Fault("missing", path, f"listed with {entry.rows} rows")
        return
    try:
        protocol.refuse_link(path)
        if path.stat().st_size != entry.size or file_sha256(path) != entry.sha256:
            yield Fault("checksum", path, f"{path.stat().st_size} bytes; {entry.size} with SHA-256 {entry.sha256} were committed")
            return
        footer = footer_of(path)
        wrong = _schema_fault(table, footer.schema.to_arrow_schema())
        if wrong:
            yield Fault("schema", path, wrong)
        elif footer.num_rows != entry.rows:
            yield Fault("rows", path, f"{footer.num_rows} rows, not {entry.rows}")
        else:
            yield from (Fault("values", path, fault) for fault in _values(path))
    except MemoryError as error:
        # a file that is too large for the free memory is not damaged, and must not be put aside
        raise MemoryError(f"{path}: {error}") from error
    except (*UNREADABLE, StoreError) as error:
        yield Fault("checksum", path, str(error))


def _schema_fault(table: Table, file_schema: pa.Schema) -> str:
    if (file_schema.metadata or {}).get(b"emo.table", b"").decode() != table.name:
        return f"the file does not say that it is of {table.name}"
    if schema_version_of(file_schema) != schema.SCHEMA_VERSION:
        return f"schema {schema_version_of(file_schema)}, not {schema.SCHEMA_VERSION}"
    widths = [field.type.list_size for field in file_schema if pa.types.is_fixed_size_list(field.type)]
    expected = table.arrow_schema(d_model=widths[0] if widths else None)
    if file_schema.equals(expected):
        return ""
    differing = {*file_schema.names} ^ {*expected.names} or {
        name for name in expected.names if not file_schema.field(name).equals(expected.field(name))
    }
    return f"not as declared: {', '.join(sorted(differing)) or 'the order of columns'}"


def _values(path: Path) -> Iterator[str]:
    """A sentence for each column with a wrong value; one row group is in memory at a time."""
    seen: set[str] = set()
    with pq.ParquetFile(path) as file:
        for i in range(file.num_row_groups):
            for fault in value_faults(file.read_row_group(i)):
                column = fault.split(":")[0]
                if column not in seen:
                    seen.add(column)
                    yield f"{fault} (row group {i})"


def _of_rows(readable: Mapping[str, Sequence[Path]]) -> list[Fault]:
    """What SQL can say: each table's grain is unique, and every check of checks/ selects nothing."""
    connection = connection_with_files(readable)
    faults = []
    for table in TABLES.values():
        grain = ", ".join(f'"{name}"' for name in table.grain)
        rows = connection.execute(
            f"select max(file), concat_ws(', ', {grain}), count(*) from \"{table.name}\" group by {grain} having count(*) > 1 "
            "order by all limit 100"
        ).fetchall()
        faults += [Fault("grain", Path(file), f"{count} rows of {grain}: {values}") for file, values, count in rows]
    for check in checks().values():
        rows = connection.execute(f"select file, detail from ({check.sql}) order by all limit 100").fetchall()
        faults += [Fault(check.name, Path(file), detail) for file, detail in rows]
    return faults


def connection_with_files(readable: Mapping[str, Sequence[Path]]) -> duckdb.DuckDBPyConnection:
    """DuckDB with one view a table over these files, each with the column `file`."""
    connection = duckdb.connect()
    connection.execute(f"set threads to {cores()}")
    declare_macros(connection)
    for table in TABLES.values():
        select = table_select(table, readable[table.name], with_files=True)
        connection.execute(f'create view "{table.name}" as {select}')
    return connection


def _of_artifacts(store: Store) -> Iterator[Fault]:
    for folder in store.artifact_folders():
        try:
            manifest = protocol.read_manifest(folder)
        except NewerError as error:
            yield Fault("newer", folder / MANIFEST, str(error))
            continue
        except StoreError as error:
            yield Fault("manifest", folder / MANIFEST, str(error))
            continue
        for entry in manifest.files if manifest else ():
            if not entry.is_whole(folder):
                yield Fault("artifact", folder / entry.name, KINDS["artifact"].doc)
        yield from (fault for fault in _strays(folder, manifest) if fault.check == "temporary")


def _of_origins(store: Store) -> Iterator[Fault]:
    """Derived content whose origin has another fingerprint now than when it was made."""
    folders = [partition.folder for table in TABLES for partition in store.folders(table)] + store.artifact_folders()
    for folder in folders:
        manifest = _manifest(folder)
        for name, read in manifest.reads.items() if manifest else ():
            place, _, part = read.partition("#")
            try:
                origin = protocol.read_manifest(store.root / place)
            except StoreError:
                continue  # a fault of its own
            current = (origin.fingerprint_of(part) if part else origin.fingerprint) if origin else None
            if manifest and current != manifest.inputs.get(name):
                how = "has changed since" if origin else "is missing"
                page = name[1 : name.index("] ")] if name.startswith("[") else ""
                yield Fault("stale", folder, f"{page or 'it'} was made of {place}, which {how}")


def _manifest(folder: Path) -> Manifest | None:
    try:
        return protocol.read_manifest(folder)
    except StoreError:
        return None
