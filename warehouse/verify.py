"""Is the store what its manifests say? Every file, row and origin is checked, and each fault names its file."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from warehouse import database, protocol, schema
from warehouse.catalog import declare_macros, table_select
from warehouse.disk import TEMPORARY, file_sha256
from warehouse.errors import HeldError, NewerError, StoreError
from warehouse.library import checks
from warehouse.lock import LOCK_FILES, held
from warehouse.machine import cores, memory_of_duckdb
from warehouse.migrations import is_of_earlier_layout
from warehouse.parquet import UNREADABLE, footer_of, schema_version_of, value_faults
from warehouse.protocol import MANIFEST, PENDING, PROGRESS, FileEntry, Folders, Manifest, is_part, steadily
from warehouse.schema import TABLES, Table
from warehouse.store import Partition, Store

KNOWN_FILES = (MANIFEST, PROGRESS, PENDING, *LOCK_FILES)
"""Names in a control folder, besides parts and temporary files."""


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
    "unmoved": Kind("a committed part that its writer had not moved into its folder when it ended", "finish", ""),
    "superseded": Kind("a part that no manifest lists any more: its writer had not removed it when it ended", "finish", ""),
    "unlisted": Kind("a part in a folder that has no manifest", "quarantine", "emo run"),
    "layout": Kind("notes lie beside the data, as an older emo kept them", "migrate", ""),
    "foreign": Kind("a file that emo did not write", "quarantine", ""),
    "manifest": Kind("a manifest that cannot be read, or of another folder or none", "quarantine_folder", "emo run"),
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
    sound: list[Partition] = []
    for table in TABLES.values():
        partitions = store.folders(table.name)
        note(f"checking {table.name}: {len(partitions)} partitions")
        for partition in partitions:
            of_partition = _unless_changed(partial(_of_partition, partition))
            faults += of_partition
            if not {fault.check for fault in of_partition} & {"layout", "manifest", "newer", "older"}:
                sound.append(partition)
    note("checking rows against each other")
    bad = {fault.file for fault in faults if fault.check != "unmoved"}
    with memory_of_duckdb():
        faults += _unless_changed(partial(_of_rows, sound, bad))
    faults += _of_artifacts(store)
    tables = [partition.folders for table in TABLES for partition in store.folders(table)]
    faults += _of_origins(store, tables)
    return faults


def _unless_changed(work: Callable[[], list[Fault]]) -> list[Fault]:
    try:
        return steadily(work)
    except FileNotFoundError as error:
        raise StoreError(
            f"{error}: changed while it was checked", hint="run emo verify again when no other command writes"
        ) from error


class Note(NamedTuple):
    """What is no fault, and may be good to know: a folder or file, and a sentence."""

    folder: Path
    text: str


def notes(store: Store) -> list[Note]:
    """Incomplete work, what killed commands left outside of the data folders, and outdated pages, pictures and DuckDB files."""
    partitions = [partition for table in TABLES for partition in store.folders(table)]
    of_partitions = [Note(partition.folder, text) for partition in partitions for text in _sentences(partition)]
    artifacts = [Folders(folder, folder) for folder in store.artifact_folders()]
    outdated = {fault.file for fault in _of_origins(store, artifacts)}
    # many variants have many folders of figures: one line for all that lie together
    n_by_kind = Counter(store.root.joinpath(*folder.relative_to(store.root).parts[:1]) for folder in outdated)
    of_artifacts = [
        Note(folder, OUTDATED if n == 1 else f"{n} folders in it: {OUTDATED}") for folder, n in sorted(n_by_kind.items())
    ]
    return of_partitions + of_artifacts + [Note(*file) for file in database.outdated(store)]


OUTDATED = "made before the last changes of the store; the same emo run, emo report or emo track makes it again"
"""Of pictures, pages and records. That is no fault: each new variant and each further model changes what they show a part of."""


def _sentences(partition: Partition) -> Iterator[str]:
    try:
        manifest = partition.manifest()
    except StoreError:
        return  # a fault
    listed = {entry.name for entry in manifest.files} if manifest else set()
    n_parts = sum(entry.name not in listed for entry in partition.progress())
    if n_parts or (partition.has_progress and not listed):
        yield f"incomplete, {n_parts} parts are stored; next: rerun the same emo extract"
    unfinished = protocol.unfinished(partition.folders, manifest)
    left = [path for path in (*unfinished.leftovers, *unfinished.temporary) if path.parent != partition.folder]
    if left and not _has_writer(partition.control):
        yield (
            f"{len(left)} files of a killed command are in {partition.control}; "
            "the next command that writes there removes them, and so does emo verify --repair"
        )


def _of_partition(partition: Partition) -> list[Fault]:
    if is_of_earlier_layout(partition):
        return [Fault("layout", partition.folder, KINDS["layout"].doc)]
    try:
        return _of_files(partition)
    except NewerError as error:
        return [Fault("newer", partition.control / MANIFEST, str(error))]
    except StoreError as error:
        return [Fault("manifest", partition.control / MANIFEST, str(error))]


def _of_files(partition: Partition) -> list[Fault]:
    """The faults of a partition's files; FileNotFoundError when its writer commits meanwhile."""
    manifest = partition.manifest()
    faults = list(_strays(partition.folders, manifest))
    if manifest and manifest.schema_version < schema.SCHEMA_VERSION:
        older = f"schema {manifest.schema_version}, not {schema.SCHEMA_VERSION}"
        return [*faults, Fault("older", partition.control / MANIFEST, older)]
    entries = manifest.files if manifest else ()
    paths = [partition.path_of(entry) for entry in entries]
    for path, entry in zip(paths, entries, strict=True):
        faults += _of_file(partition.table, path, entry)
    if any(fault.check in ("missing", "checksum") for fault in faults) and partition.paths() != paths:
        raise FileNotFoundError(partition.folder)
    return faults


def _strays(folders: Folders, manifest: Manifest | None) -> Iterator[Fault]:
    """What is in the folders of a partition and should not be; nothing while its writer lives."""
    left = protocol.unfinished(folders, manifest)
    faults = [Fault("unmoved", path, KINDS["unmoved"].doc) for path in left.to_data if not (folders.data / path.name).exists()]
    faults += [Fault("superseded", path, KINDS["superseded"].doc) for path in (*left.superseded, *left.to_pending)]
    listed = {entry.name for entry in manifest.files} if manifest else set()
    done = {fault.file for fault in faults} | {*left.to_data}
    for folder in folders.all:
        for path in sorted(folder.iterdir()):
            if path in done or path.name in listed or (folder != folders.data and _is_known(path)):
                continue
            check = _kind_of_stray(path)
            faults.append(Fault(check, path, KINDS[check].doc))
    if faults and not _has_writer(folders.control):
        yield from faults


def _is_known(path: Path) -> bool:
    """Whether a file in a control folder is of emo, if of a killed command."""
    return path.name in KNOWN_FILES or is_part(path) or path.name.startswith(TEMPORARY)


def _kind_of_stray(path: Path) -> str:
    if path.name.startswith(TEMPORARY):
        return "temporary"
    return "unlisted" if is_part(path) and path.is_file() else "foreign"


def _has_writer(folder: Path) -> bool:
    try:
        with held(folder):
            return False
    except HeldError:
        return True
    except StoreError:
        return False  # a folder that cannot be written has no writer


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


def _of_rows(sound: Sequence[Partition], bad: Collection[Path]) -> list[Fault]:
    """What SQL can say: each table's grain is unique, and every check of checks/ selects nothing.

    FileNotFoundError when a writer has moved or removed a file meanwhile.
    """
    readable: dict[str, list[Path]] = {name: [] for name in TABLES}
    for partition in sound:
        readable[partition.table.name] += [path for path in partition.paths() if path not in bad]
    try:
        return _of_readable(readable)
    except duckdb.IOException as error:
        gone = [path for paths in readable.values() for path in paths if not path.exists()]
        if not gone:
            raise
        raise FileNotFoundError(gone[0]) from error


def _of_readable(readable: Mapping[str, Sequence[Path]]) -> list[Fault]:
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
        left = sorted(folder.glob(f"{TEMPORARY}*"))
        if left and not _has_writer(folder):
            yield from (Fault("temporary", path, KINDS["temporary"].doc) for path in left)


def _of_origins(store: Store, of: Sequence[Folders]) -> Iterator[Fault]:
    """Derived content whose origin has another fingerprint now than when it was made."""
    for folders in of:
        manifest = _manifest(folders.control)
        for name, read in manifest.reads.items() if manifest else ():
            place, _, part = read.partition("#")
            try:
                origin = store.manifest_at(place)
            except StoreError:
                continue  # a fault of its own
            current = (origin.fingerprint_of(part) if part else origin.fingerprint) if origin else None
            if manifest and current != manifest.inputs.get(name):
                how = "has changed since" if origin else "is missing"
                page = name[1 : name.index("] ")] if name.startswith("[") else ""
                yield Fault("stale", folders.data, f"{page or 'it'} was made of {place}, which {how}")


def _manifest(folder: Path) -> Manifest | None:
    try:
        return protocol.read_manifest(folder)
    except StoreError:
        return None
