"""A partition that is made part by part, where each finished part outlives a kill."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import pyarrow as pa

from emotion_cli.job.job import why
from warehouse.store import FileEntry, Partition, content_hash


class Parts:
    """Parts of one partition: those that are true for these inputs are kept, others are made, and all are committed together."""

    def __init__(self, partition: Partition, inputs: Mapping[str, Any], *, forced: bool = False) -> None:
        self.partition, self._inputs = partition, dict(inputs)
        self._recipe = content_hash(self._inputs)[:16]
        self.entries: dict[str, FileEntry] = {}
        manifest = partition.manifest()
        if not forced and manifest and not why(manifest, self._inputs):
            self.entries = {entry.part: entry for entry in manifest.files}
        if not forced:
            self.entries |= {entry.part: entry for entry in partition.progress() if entry.recipe == self._recipe}

    def make(self, part: str, make: Callable[[], pa.Table], *, instead_of: str = "") -> FileEntry:
        """The part, made where it is not there; those that begin with `instead_of` give way to a new one."""
        if part not in self.entries:
            started = time.perf_counter()
            rows = make()
            with self.partition.new_part(part, self._recipe) as file:
                file.add([rows])
                file.cost["seconds"] += time.perf_counter() - started
            if instead_of:
                self.entries = {name: entry for name, entry in self.entries.items() if not name.startswith(instead_of)}
            self.entries[part] = file.entry
            self.partition.save_progress(self._in_order())
        return self.entries[part]

    def read(self, entry: FileEntry) -> list[dict[str, Any]]:
        """The rows of a part, as they are in its file."""
        names = self.partition.table.file_column_names
        return [row for group in self.partition.row_groups(entry, names) for row in group.to_pylist()]

    def commit(self, reads: Mapping[str, Partition]) -> None:
        """Make the parts the partition's content."""
        self.partition.commit(self._in_order(), self._inputs, reads={name: read.place for name, read in reads.items()})

    @property
    def seconds(self) -> float:
        """Time that it took to make the parts."""
        return float(sum(entry.cost.get("seconds", 0.0) for entry in self.entries.values()))

    def _in_order(self) -> list[FileEntry]:
        return [self.entries[part] for part in sorted(self.entries)]
