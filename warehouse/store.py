"""Where partitions live, and reading and writing them; how they are committed is in `warehouse.protocol`."""

import errno
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from warehouse import disk, protocol, schema
from warehouse.disk import file_sha256
from warehouse.errors import NotInStoreError, OlderError, StoreError
from warehouse.lock import held
from warehouse.names import quote, quote_glob, refuse_case_twins, unquote
from warehouse.parquet import UNREADABLE, ParquetRows, column_type, read_parquet, table_of
from warehouse.protocol import CONTROL, MANIFEST, PROGRESS, FileEntry, Folders, Manifest, content_hash
from warehouse.schema import TABLES, About, Table

__all__ = [
    "FileEntry",
    "Manifest",
    "Partition",
    "Store",
    "column_type",
    "content_hash",
    "file_sha256",
    "quote",
    "table_of",
]

QUARANTINE = "quarantine"
"""Folder of a store where bad files are put aside, under the path that they had."""

MISSING = "is listed in a manifest but is missing"


class PartFile:
    """A file of a partition that is being written."""

    def __init__(self, folder: Path, new: disk.NewPart, part: str, recipe: str) -> None:
        self.cost: dict[str, float] = defaultdict(float)
        self._folder, self._new, self._part, self._recipe = folder, new, part, recipe
        self._rows = ParquetRows(new.sink)

    def add(self, row_groups: Iterable[pa.Table]) -> None:
        """Write each table as a row group."""
        for rows in row_groups:
            with disk.naming(self._folder):
                self._rows.add(rows)

    def close(self) -> None:
        """Write the footer."""
        with disk.naming(self._folder):
            self._rows.close()

    def abandon(self) -> None:
        """Give up the file."""
        self._rows.abandon()

    @property
    def entry(self) -> FileEntry:
        """The file that was written; ValueError before it is."""
        if self._new.written is None:
            raise ValueError("the file is not written yet")
        return FileEntry(
            **self._new.written._asdict(), rows=self._rows.n_rows, part=self._part, cost=dict(self.cost), recipe=self._recipe
        )


@dataclass(frozen=True, eq=False)
class Partition:
    """The rows of one table with the same keys; `folder` holds its current parts."""

    table: Table
    keys: dict[str, str]
    folder: Path

    @cached_property
    def root(self) -> Path:
        """The folder of the store."""
        return self.folder.parents[len(self.keys)]

    @cached_property
    def control(self) -> Path:
        """The folder of its manifest, notes and lock, and of parts that are not committed."""
        return self.root / CONTROL / self.folder.relative_to(self.root)

    @cached_property
    def folders(self) -> Folders:
        """Both folders."""
        return Folders(self.folder, self.control)

    @property
    def place(self) -> str:
        """The folder as seen from the store's root."""
        return "/".join([self.table.name, *(f"{key}={quote(value)}" for key, value in self.keys.items())])

    def place_of(self, part: str) -> str:
        """The place of one part of it, for what is made of that part alone; of the whole where the part has no name."""
        return f"{self.place}#{part}" if part else self.place

    def manifest(self) -> Manifest | None:
        """The committed manifest, or None; StoreError when it is damaged, of a newer version, of another folder or of none.

        OlderError when it lies where earlier versions kept it.
        """
        self.refuse_earlier_layout()
        manifest = protocol.read_manifest(self.control)
        if manifest and (manifest.table, manifest.keys) != (self.table.name, self.keys):
            raise StoreError(
                f"{self.control / MANIFEST}: the manifest is of another folder: {manifest.table} {manifest.keys}",
                hint="emo verify --repair",
            )
        if manifest and manifest.files and not self.folder.is_dir():
            raise StoreError(f"{self.folder}: the folder of committed rows is gone", hint="emo verify --repair")
        return manifest

    def extractions(self) -> tuple[str, ...]:
        """The ids of the extractions that it is about, each once; of a group or run those that its manifest names as read."""
        match self.table.about:
            case About.extraction:
                ids = [self.keys["extraction_id"]]
            case About.pair:
                ids = self.keys["pair"].split("-")
            case About.group | About.run:
                ids = _ids_in(self._origins())
            case _:
                ids = []
        return tuple(dict.fromkeys(ids))

    def _origins(self) -> Iterable[str]:
        try:
            manifest = self.manifest()
        except StoreError:
            return ()  # damaged: what it was made of is not known
        return manifest.origins if manifest else ()

    def paths(self) -> list[Path]:
        """The committed files, where they are now; a writer may move or remove them meanwhile (`protocol.steadily`)."""
        manifest = self.manifest()
        return [self.path_of(entry) for entry in manifest.files] if manifest else []

    def path_of(self, entry: FileEntry) -> Path:
        """Where a file is now, committed or not."""
        return self.folders.path_of(entry.name)

    def progress(self) -> tuple[FileEntry, ...]:
        """Finished parts of incomplete work, as far as their files are still whole."""
        return protocol.read_progress(self.folders)

    @property
    def has_progress(self) -> bool:
        """Whether there is incomplete work to resume."""
        return (self.control / PROGRESS).is_file()

    def save_progress(self, files: Sequence[FileEntry]) -> None:
        """Remember finished parts for a later run."""
        protocol.save_progress(self.control, files)

    def read(self, columns: Sequence[str], **equal: str | int) -> pa.Table:
        """Committed rows of these columns (vectors of fixed size), where each named column has the given value."""
        try:
            pieces = protocol.steadily(lambda: list(self._pieces(columns, equal)))
        except FileNotFoundError as error:
            raise NotInStoreError(f"{error.filename} {MISSING}", hint="emo verify --repair") from error
        if not pieces:
            raise NotInStoreError(f"{self.folder} is not in the store", hint="emo run")
        return pa.concat_tables(pieces)

    def read_files(self, columns: Sequence[str], **equal: str | int) -> Iterator[pa.Table]:
        """The same, one committed file in memory at a time."""
        try:
            yield from self._pieces(columns, equal)
        except FileNotFoundError as error:
            raise NotInStoreError(f"{error.filename} {MISSING}", hint="emo verify --repair") from error

    def _pieces(self, columns: Sequence[str], equal: Mapping[str, str | int]) -> Iterator[pa.Table]:
        for path in self.paths():
            protocol.refuse_link(path)
            try:
                yield read_parquet(path, columns, equal)
            except FileNotFoundError as error:
                raise FileNotFoundError(errno.ENOENT, MISSING, str(path)) from error
            except MemoryError as error:
                raise MemoryError(f"{path}: {error}") from error
            except (*UNREADABLE, KeyError) as error:
                raise StoreError(f"{path}: {error}", hint="emo verify --repair") from error

    def row_groups(self, entry: FileEntry, columns: Sequence[str]) -> Iterator[pa.Table]:
        """These columns of a file that was written, committed or not, a row group at a time."""
        path = self.path_of(entry)
        try:
            with pq.ParquetFile(path) as file:
                for number in range(file.num_row_groups):
                    yield file.read_row_group(number, columns=list(columns))
        except MemoryError as error:
            raise MemoryError(f"{path}: {error}") from error
        except UNREADABLE as error:
            raise StoreError(f"{path}: {error}", hint="emo verify --repair") from error

    def discard(self, files: Sequence[FileEntry], *, keep: Collection[str]) -> None:
        """Delete files that were written and not committed, but for names to `keep`."""
        for entry in files:
            if entry.name not in keep:
                path = self.folders.pending / entry.name
                with disk.naming(path):
                    path.unlink(missing_ok=True)

    def write(self, row_groups: Iterable[pa.Table], *, part: str = "") -> FileEntry:
        """Write one file, each table a row group (columns as declared); not visible to readers before `commit`."""
        with self.new_part(part) as file:
            file.add(row_groups)
        return file.entry

    @contextmanager
    def new_part(self, part: str = "", recipe: str = "") -> Iterator[PartFile]:
        """Write one file piece by piece, while the pieces are made; `entry` is there when the block has ended."""
        self._refuse_misplaced()
        with disk.new_part(self.folders.pending, ".parquet") as new:
            file = PartFile(self.folder, new, part, recipe)
            try:
                yield file
                file.close()
            except BaseException:
                file.abandon()
                raise

    def commit(
        self,
        files: Sequence[FileEntry],
        inputs: Mapping[str, Any] | None = None,
        *,
        reads: Mapping[str, str] | None = None,
        unfinished: Sequence[FileEntry] = (),
    ) -> Manifest:
        """Make exactly these files the partition's content, in one rename; then move them into its folder.

        `reads` says at which places (of partitions) those `inputs` are that are fingerprints. Parts in `unfinished` are kept for
        a later run.
        """
        manifest = Manifest(self.table.name, self.keys, tuple(files), dict(inputs or {}), protocol.now(), reads=dict(reads or {}))
        self._refuse_misplaced()
        for entry in files:
            if not self.path_of(entry).exists():
                raise StoreError(f"{self.folders.pending / entry.name} is gone, nothing was committed", hint="run it again")
        if files:
            disk.make_folder(self.folder)  # where that fails, nothing is committed
        protocol.commit(self.control, manifest)
        protocol.save_progress(self.control, unfinished)
        protocol.finish(self.folders, manifest)
        return manifest

    @contextmanager
    def hold(self, *, wait: bool = False) -> Iterator[None]:
        """Keep other processes from writing this partition, and finish what a killed one left.

        The lock dies with the process that holds it. HeldError when another process has it, unless the work is short and `wait`
        is given.
        """
        self._refuse_misplaced()
        with held(self.control, wait=wait):
            self.finish()
            yield

    def finish(self) -> None:
        """Finish what a killed writer left; nothing where the manifest cannot be read. The caller holds the lock."""
        try:
            manifest = self.manifest()
        except StoreError:
            return
        protocol.finish(self.folders, manifest)

    def refuse_earlier_layout(self) -> None:
        """OlderError when the manifest or a note lies beside the parts, as it did up to emo 0.4."""
        if any((self.folder / name).exists() for name in (MANIFEST, PROGRESS)):
            raise OlderError(
                f"{self.folder}: written by an older emo, which kept its notes beside the data", hint="emo verify --repair"
            )

    def _refuse_misplaced(self) -> None:
        self.refuse_earlier_layout()
        for folder in (self.folder, self.control):
            refuse_case_twins(folder, folder.parents[len(self.keys) - 1])


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
        # those of an earlier layout are among them: who reads one is told so
        return self._having(declared, f"{pattern}/{MANIFEST}", lambda path: path.parent)

    def folders(self, table: str) -> list[Partition]:
        """Every partition of `table` that has a folder, committed or not, sorted by path."""
        declared = TABLES[table]
        named = self._having(declared, "/".join(f"{key}=*" for key in declared.partition_by), lambda path: path)
        return [partition for partition in named if partition.folders.all]

    def _having(self, table: Table, pattern: str, folder_of: Callable[[Path], Path]) -> list[Partition]:
        places = {
            folder_of(path).relative_to(root)
            for root in (self.root, self.root / CONTROL)
            for path in (root / table.name).glob(pattern)
        }
        return [self._at(table, self.root / place) for place in sorted(places)]

    def manifest_at(self, place: str) -> Manifest | None:
        """The manifest of the partition at a place; StoreError when it cannot be read."""
        return protocol.read_manifest(self.root / CONTROL / place)

    def all_folders(self) -> list[Folders]:
        """The folders of every partition and of all artifacts."""
        of_tables = [partition.folders for table in TABLES for partition in self.folders(table)]
        return of_tables + [Folders(folder, folder) for folder in self.artifact_folders()]

    def artifact_folders(self) -> list[Path]:
        """Folders of pictures and pages that were committed."""
        manifests = sorted(self.root.rglob(MANIFEST)) if self.root.exists() else []
        inside = {*TABLES, QUARANTINE, CONTROL}
        return [path.parent for path in manifests if path.relative_to(self.root).parts[0] not in inside]

    def finish(self) -> None:
        """Finish what killed commands left in partitions that nobody is writing; without that, nothing is written."""
        for partition in (partition for table in TABLES for partition in self.folders(table)):
            # what cannot be read or written now is named by those who need it
            with suppress(StoreError):
                if protocol.unfinished(partition.folders, partition.manifest()):
                    with partition.hold():
                        pass

    def n_rows(self, table: str) -> int:
        """Committed rows of a table, as its manifests say."""
        return sum(manifest.rows for partition in self.partitions(table) if (manifest := partition.manifest()))

    def read(self, table: str, columns: Sequence[str] | None = None, **keys: str) -> pa.Table:
        """Committed rows of `table` as Arrow, partition keys included as strings; empty with the right types if none."""
        declared = TABLES[table]
        names = list(columns or declared.column_names)
        pieces = [_with_keys(partition, names) for partition in self.partitions(table, **keys) if partition.paths()]
        if not pieces:
            return pa.schema([(name, column_type(name)) for name in names]).empty_table()
        return pa.concat_tables(pieces)

    @staticmethod
    def _at(table: Table, folder: Path) -> Partition:
        pairs = (name.split("=", 1) for name in folder.parts[-len(table.partition_by) :])
        return Partition(table, {key: unquote(value) for key, value in pairs}, folder)


def _ids_in(places: Iterable[str]) -> list[str]:
    """The extractions' ids in places of partitions, sorted."""
    pairs = (name.partition("=") for place in places for name in place.split("/"))
    return sorted({unquote(value) for key, _, value in pairs if key == "extraction_id"})


def refuse_older(manifest: Manifest, folder: Path) -> None:
    """OlderError when a partition has to be migrated before it is read."""
    if manifest.schema_version < schema.SCHEMA_VERSION:
        raise OlderError(
            f"{folder}: written by an older emo (schema {manifest.schema_version}; this one reads {schema.SCHEMA_VERSION})",
            hint="emo verify --repair",
        )


def _with_keys(partition: Partition, names: Sequence[str]) -> pa.Table:
    rows = partition.read([name for name in names if name not in partition.keys])
    arrays = [
        pa.array([partition.keys[name]] * rows.num_rows, pa.string()) if name in partition.keys else rows.column(name)
        for name in names
    ]
    return pa.table(arrays, names=list(names))
