"""Rows to Parquet bytes and back: types and docs as declared, vectors split by byte, nothing that is not a number."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from warehouse import schema
from warehouse.errors import OlderError, StoreError
from warehouse.protocol import refuse_newer
from warehouse.schema import COLUMNS, TABLES

UNREADABLE = (OSError, pa.ArrowException, UnicodeDecodeError)
"""Exceptions of pyarrow for a damaged file."""


def column_type(name: str) -> pa.DataType:
    """The declared Arrow type of a column."""
    return COLUMNS[name].type


def table_of(table: str, columns: Mapping[str, Any], *, d_model: int | None = None) -> pa.Table:
    """Arrow rows of one file of `table`, in the declared order and types; StoreError when a NULL or NaN is not allowed."""
    declared = TABLES[table].arrow_schema(d_model=d_model)
    rows = pa.table(
        [
            pa.array(columns[name], type=declared.field(name).type)
            if not isinstance(columns[name], pa.Array)
            else columns[name].cast(declared.field(name).type)
            for name in declared.names
        ],
        schema=declared,
    )
    for fault in value_faults(rows):
        raise StoreError(f"{table}.{fault}")
    return rows


def value_faults(rows: pa.Table) -> list[str]:
    """A sentence for each column with a NULL or a NaN that is not allowed."""
    faults = []
    for column in rows.schema:
        values = rows.column(column.name)
        if not column.nullable and values.null_count:
            faults.append(f"{column.name}: {values.null_count} rows have no value")
        elif any(_has_nan(chunk) for chunk in values.chunks):
            faults.append(f"{column.name}: NaN is never stored; NULL means not defined")
    return faults


class ParquetRows:
    """A Parquet file in the making: each table that is added is a row group."""

    def __init__(self, sink: IO[bytes]) -> None:
        self.n_rows = 0
        self._sink = sink
        self._writer: pq.ParquetWriter | None = None

    def add(self, rows: pa.Table) -> None:
        """Append a row group; the first one gives the file its schema."""
        if self._writer is None:
            vectors = [name for name in rows.column_names if pa.types.is_fixed_size_list(rows.schema.field(name).type)]
            self._writer = pq.ParquetWriter(
                self._sink,
                rows.schema,
                compression="zstd",
                store_schema=True,
                # floats do not repeat: a dictionary would only cost; split by byte they compress best
                use_dictionary=[name for name in rows.column_names if name not in vectors],  # pyright: ignore[reportArgumentType]
                column_encoding={f"{name}.list.element": "BYTE_STREAM_SPLIT" for name in vectors} or None,
            )
        self._writer.write_table(rows, row_group_size=max(1, rows.num_rows))
        self.n_rows += rows.num_rows

    def close(self) -> None:
        """Write the footer."""
        if self._writer is None:
            raise ValueError("a file needs a row group, if an empty one, to have columns")
        self._writer.close()

    def abandon(self) -> None:
        """Give up a file that failed while its sink is open: else pyarrow tries to end it later, and complains on stderr."""
        if self._writer is not None:
            with suppress(OSError, ValueError, pa.ArrowException):
                self._writer.close()
            self._writer.is_open = False


def read_parquet(path: Path, columns: Sequence[str], equal: Mapping[str, str | int]) -> pa.Table:
    """Columns of a file, where each column of `equal` has its value; NewerError or OlderError when its schema is not ours."""
    # by hand, not by pq.read_table: the dataset machinery takes a quarter of a second to import
    with pq.ParquetFile(path) as file:
        refuse_other_version(path, file.schema_arrow)
        if not equal:
            return file.read(columns=list(columns))
        groups = [i for i in range(file.num_row_groups) if _may_hold(file.metadata.row_group(i), equal)]
        rows = file.read_row_groups(groups, columns=list(dict.fromkeys([*columns, *equal])))
    for name, value in equal.items():
        matches = [stored == value for stored in rows[name].to_pylist()]
        if not all(matches):
            rows = rows.filter(pa.array(matches))
    return rows.select(list(columns))


def footer_of(path: Path) -> pq.FileMetaData:
    """The metadata of a file; StoreError when it is not a Parquet file, FileNotFoundError when it is gone."""
    try:
        return pq.read_metadata(path)
    except (MemoryError, FileNotFoundError):
        raise  # an ArrowException and an OSError, too, that say nothing of the file
    except UNREADABLE as error:
        raise StoreError(f"{path}: {error}", hint="emo verify --repair") from error


def schema_version_of(file_schema: pa.Schema) -> int:
    """The schema version in a file's footer; StoreError when there is none."""
    try:
        return int((file_schema.metadata or {})[b"emo.schema_version"])
    except (KeyError, ValueError):
        raise StoreError("no schema version is in the file's footer: not written by emo", hint="emo verify --repair") from None


def refuse_other_version(path: Path, file_schema: pa.Schema) -> None:
    """NewerError when a file is of a later schema, OlderError when it is of an earlier one."""
    version = schema_version_of(file_schema)
    refuse_newer(path, version)
    if version < schema.SCHEMA_VERSION:
        raise OlderError(
            f"{path}: written by an older emo (schema {version}; this one reads {schema.SCHEMA_VERSION})",
            hint="emo verify --repair",
        )


def _has_nan(values: pa.Array) -> bool:
    leaves = values.flatten() if pa.types.is_fixed_size_list(values.type) else values
    if not pa.types.is_floating(leaves.type):
        return False
    return bool(np.isnan(leaves.drop_null().to_numpy(zero_copy_only=False)).any())


def _may_hold(group: pq.RowGroupMetaData, equal: Mapping[str, str | int]) -> bool:
    columns = (group.column(i) for i in range(group.num_columns))
    ranges = {column.path_in_schema: column.statistics for column in columns}
    known = {name: ranges[name] for name in equal if ranges[name] is not None and ranges[name].has_min_max}
    return all(known[name].min <= equal[name] <= known[name].max for name in known)
