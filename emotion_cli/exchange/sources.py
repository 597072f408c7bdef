"""Parquet files and Arrow tables that come in: read in batches, and refused where they are damaged or lack a column."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from emotion_cli.errors import short_of_memory

TEXTS = ("text", "prompt_id", "emotion", "topic", "pooling")
"""Columns of text."""


NEEDED = ("emotion", "layer", "pooling", "activation")


NAMES = (*TEXTS, "layer", "activation")
"""Columns that are read: those needed, `text` or `prompt_id` or both, and `topic` if known."""


BATCH_BYTES = 16 * 2**20


MOST_ROWS = 2**15
"""Rows in a batch."""


UNREADABLE = (OSError, pa.ArrowException, UnicodeError, OverflowError)
"""Exceptions of pyarrow for a damaged file."""


@dataclass(frozen=True)
class Source:
    """One file or table; its rows are numbered on from those of the sources before it."""

    name: str
    origin: Path | pa.Table
    first_row: int = 0

    @cached_property
    def schema(self) -> pa.Schema:
        """Columns and types; whatever pyarrow raises when it is not Parquet."""
        return pq.read_schema(self.origin) if isinstance(self.origin, Path) else self.origin.schema

    @cached_property
    def n_rows(self) -> int:
        """Rows, as the footer says."""
        return pq.read_metadata(self.origin).num_rows if isinstance(self.origin, Path) else self.origin.num_rows

    def batches(self) -> Iterator[pa.Table]:
        """All rows in batches of at most BATCH_BYTES; each has the columns NAMES and `this_row`, the number of the row."""
        first = next(self._record_batches(["activation"], 1), None)
        # not by the footer's column metadata: pyarrow ends the process when those lie
        n_rows = min(MOST_ROWS, max(1, BATCH_BYTES // max(8, first.nbytes))) if first else MOST_ROWS
        at = self.first_row
        for batch in self._record_batches([name for name in self.schema.names if name in NAMES], n_rows):
            batch.validate(full=True)
            yield _with_all_columns(batch, at)
            at += batch.num_rows
        if at - self.first_row != self.n_rows:
            raise OSError(f"{at - self.first_row} rows instead of {self.n_rows}")

    def _record_batches(self, columns: Sequence[str], n_rows: int) -> Iterator[pa.RecordBatch]:
        if not isinstance(self.origin, Path):
            yield from self.origin.select(columns).to_batches(max_chunksize=n_rows)
            return
        # not pre-buffered, as is the default: that reads whole row groups and keeps them; checksums where the writer left them
        with pq.ParquetFile(self.origin, pre_buffer=False, buffer_size=2**20, page_checksum_verification=True) as file:
            yield from file.iter_batches(batch_size=n_rows, columns=list(columns), use_threads=False)


def sources_of(origins: Sequence[Path | pa.Table], faults: list[str]) -> list[Source]:
    """The sources that can be read and have the columns; the faults of the others are added to `faults`."""
    sources: list[Source] = []
    n_rows = 0
    for number, origin in enumerate(origins, start=1):
        source = Source(str(origin) if isinstance(origin, Path) else f"table {number}", origin, n_rows)
        wrong = _faults_of(source)
        faults += [f"{source.name}: {sentence}" for sentence in wrong]
        if not wrong:
            sources.append(source)
            n_rows += source.n_rows
    return sources


def place_of(sources: Sequence[Source], row: int) -> str:
    """How messages name the row of that number: its source, and its place there, counted from 1."""
    source = sources[bisect_right(sources, row, key=attrgetter("first_row")) - 1]
    return f"{source.name}:{row - source.first_row + 1}"


@contextmanager
def reading(source: Source, faults: list[str], problem: str = "damaged") -> Iterator[None]:
    """Make a fault of whatever pyarrow raises for a damaged file; EmoError where memory does not suffice."""
    try:
        yield
    except MemoryError as error:
        raise short_of_memory(source.name, error) from error
    except UNREADABLE as error:
        faults.append(f"{problem}: {' '.join(str(error).split()) or type(error).__name__}")


def _faults_of(source: Source) -> list[str]:
    if isinstance(source.origin, Path) and not source.origin.is_file():
        return ["no such file"]
    faults: list[str] = []
    with reading(source, faults, "not readable as Parquet"):
        faults += _faults_of_schema(source.schema)
        faults += [] if source.n_rows else ["there are no rows"]
    return faults


def _with_all_columns(batch: pa.RecordBatch, first_row: int) -> pa.Table:
    """The batch with plain text (NULL where a column is missing), and half precision, which DuckDB does not read, as single."""
    columns: dict[str, Any] = {"this_row": pa.array(range(first_row, first_row + batch.num_rows), pa.int64())}
    for name in TEXTS:
        is_present = name in batch.schema.names
        columns[name] = batch.column(name).cast(pa.string()) if is_present else pa.nulls(batch.num_rows, pa.string())
    columns["layer"] = batch.column("layer")
    vectors = batch.column("activation")
    columns["activation"] = vectors.cast(pa.list_(pa.float32())) if pa.types.is_float16(vectors.type.value_type) else vectors
    table = pa.table(columns)
    table.validate(full=True)
    return table


def _faults_of_schema(schema: pa.Schema) -> list[str]:
    twice = sorted({name for name in schema.names if name in NAMES and schema.names.count(name) > 1})
    if twice:
        return [f"there are two columns {name}" for name in twice]
    wrong = [f"column {name} is missing" for name in NEEDED if name not in schema.names]
    if not {"text", "prompt_id"} & set(schema.names):
        wrong.append("column text or prompt_id is missing")
    for name in schema.names:
        type_ = schema.field(name).type
        if name in TEXTS and not _is_text(type_):
            wrong.append(f"column {name} is {type_}, not text")
        if name == "layer" and not pa.types.is_integer(type_):
            wrong.append(f"column layer is {type_}, not an integer")
        if name == "activation" and not _is_vector(type_):
            wrong.append(f"column activation is {type_}, not a list of float16, float32 or float64")
    return wrong


def _is_text(type_: Any) -> bool:
    plain = type_.value_type if pa.types.is_dictionary(type_) else type_
    return pa.types.is_string(plain) or pa.types.is_large_string(plain) or pa.types.is_string_view(plain)


def _is_vector(type_: Any) -> bool:
    listed = pa.types.is_list(type_) or pa.types.is_large_list(type_) or pa.types.is_fixed_size_list(type_)
    return listed and pa.types.is_floating(type_.value_type)
