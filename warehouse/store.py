"""Where partitions live, and reading and writing them; how they are committed is in `warehouse.protocol`."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from warehouse import protocol, schema
from warehouse.errors import NotInStoreError, OlderError, StoreError
from warehouse.lock import held
from warehouse.names import quote, quote_glob, refuse_case_twins, unquote
from warehouse.parquet import UNREADABLE, ParquetRows, column_type, read_parquet, table_of
from warehouse.protocol import MANIFEST, PROGRESS, FileEntry, Manifest, content_hash, file_sha256
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


class PartFile:
    """A file of a partition that is being written."""

    def __init__(self, folder: Path, new: protocol.NewPart, part: str, recipe: str) -> None:
        self.cost: dict[str, float] = defaultdict(float)
        self._folder, self._new, self._part, self._recipe = folder, new, part, recipe
        self._rows = ParquetRows(new.sink)

    def add(self, row_groups: Iterable[pa.Table]) -> None:
        """Write each table as a row group."""
        for rows in row_groups:
            with protocol.naming(self._folder):
                self._rows.add(rows)

    def close(self) -> None:
        """Write the footer."""
        with protocol.naming(self._folder):
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
    """One folder of one table."""

    table: Table
    keys: dict[str, str]
    folder: Path

    @property
    def place(self) -> str:
        """The folder as seen from the store's root."""
        return "/".join([self.table.name, *(f"{key}={quote(value)}" for key, value in self.keys.items())])

    def place_of(self, part: str) -> str:
        """The place of one part of it, for what is made of that part alone; of the whole where the part has no name."""
        return f"{self.place}#{part}" if part else self.place

    def manifest(self) -> Manifest | None:
        """The committed manifest, or None; StoreError when it is damaged, of a newer version or of another folder."""
        manifest = protocol.read_manifest(self.folder)
        if manifest and (manifest.table, manifest.keys) != (self.table.name, self.keys):
            raise StoreError(
                f"{self.folder / MANIFEST}: the manifest is of another folder: {manifest.table} {manifest.keys}",
                hint="emo verify --repair",
            )
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
        """The committed files."""
        manifest = self.manifest()
        return [self.folder / entry.name for entry in manifest.files] if manifest else []

    def progress(self) -> tuple[FileEntry, ...]:
        """Finished parts of incomplete work, as far as their files are still whole."""
        return protocol.read_progress(self.folder)

    @property
    def has_progress(self) -> bool:
        """Whether there is incomplete work to resume."""
        return (self.folder / PROGRESS).is_file()

    def save_progress(self, files: Sequence[FileEntry]) -> None:
        """Remember finished parts for a later run."""
        protocol.save_progress(self.folder, files)

    def read(self, columns: Sequence[str], **equal: str | int) -> pa.Table:
        """Committed rows of these columns (vectors of fixed size), where each named column has the given value."""
        paths = self.paths()
        if not paths:
            raise NotInStoreError(f"{self.folder} is not in the store", hint="emo run")
        pieces = []
        for path in paths:
            protocol.refuse_link(path)
            try:
                pieces.append(read_parquet(path, columns, equal))
            except FileNotFoundError as error:
                raise NotInStoreError(f"{path} is listed in a manifest but is missing", hint="emo verify --repair") from error
            except MemoryError as error:
                raise MemoryError(f"{path}: {error}") from error
            except (*UNREADABLE, KeyError) as error:
                raise StoreError(f"{path}: {error}", hint="emo verify --repair") from error
        return pa.concat_tables(pieces)

    def row_groups(self, entry: FileEntry, columns: Sequence[str]) -> Iterator[pa.Table]:
        """These columns of a file that was written, committed or not, a row group at a time."""
        path = self.folder / entry.name
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
                with protocol.naming(self.folder / entry.name):
                    (self.folder / entry.name).unlink(missing_ok=True)

    def write(self, row_groups: Iterable[pa.Table], *, part: str = "") -> FileEntry:
        """Write one file, each table a row group (columns as declared); not visible to readers before `commit`."""
        with self.new_part(part) as file:
            file.add(row_groups)
        return file.entry

    @contextmanager
    def new_part(self, part: str = "", recipe: str = "") -> Iterator[PartFile]:
        """Write one file piece by piece, while the pieces are made; `entry` is there when the block has ended."""
        self._refuse_case_twins()
        with protocol.new_part(self.folder, ".parquet") as new:
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
        """Make exactly these files the partition's content, in one rename.

        `reads` says at which places (of partitions) those `inputs` are that are fingerprints. Parts in `unfinished` are kept for
        a later run.
        """
        manifest = Manifest(self.table.name, self.keys, tuple(files), dict(inputs or {}), protocol.now(), reads=dict(reads or {}))
        self._refuse_case_twins()
        protocol.commit(self.folder, manifest)
        protocol.save_progress(self.folder, unfinished)
        return manifest

    def hold(self, *, wait: bool = False) -> AbstractContextManager[None]:
        """Keep other processes from writing this partition; a lock dies with the process that holds it.

        HeldError when another process has it, unless the work is short and `wait` is given.
        """
        self._refuse_case_twins()
        return held(self.folder, wait=wait)

    def _refuse_case_twins(self) -> None:
        refuse_case_twins(self.folder, self.folder.parents[len(self.keys) - 1])


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
        return [self._at(declared, path.parent) for path in sorted((self.root / table).glob(f"{pattern}/{MANIFEST}"))]

    def folders(self, table: str) -> list[Partition]:
        """Every partition of `table` that has a folder, committed or not, sorted by path."""
        declared = TABLES[table]
        pattern = "/".join(f"{key}=*" for key in declared.partition_by)
        return [self._at(declared, path) for path in sorted((self.root / table).glob(pattern)) if path.is_dir()]

    def artifact_folders(self) -> list[Path]:
        """Folders of pictures and pages that were committed."""
        manifests = sorted(self.root.rglob(MANIFEST)) if self.root.exists() else []
        inside = {*TABLES, QUARANTINE}
        return [path.parent for path in manifests if path.relative_to(self.root).parts[0] not in inside]

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
