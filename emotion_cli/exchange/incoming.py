"""Rows made elsewhere: Parquet files (or Arrow tables) read in batches, every wrong type and value named by file and row."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from emotion_cli.errors import short_of_memory

TEXTS = ("text", "prompt_id", "emotion", "topic", "pooling")
"""Columns of text, in the order of `Claim`, then the pooling."""


NEEDED = ("emotion", "layer", "pooling", "activation")


NAMES = (*TEXTS, "layer", "activation")
"""Columns that are read: those needed, `text` or `prompt_id` or both, and `topic` if known."""


BATCH_BYTES = 16 * 2**20


MOST_ROWS = 2**15
"""Rows in a batch; their square squared stays below 2^63, so that four columns of codes fit into one integer."""


MOST_FAULTS = 10_000
"""Faults that are kept in memory; reading stops behind them."""


NO_LAYER = int(np.iinfo(np.int64).min)


UNREADABLE = (OSError, pa.ArrowException, UnicodeError, OverflowError)
"""What pyarrow raises for a damaged file."""


class TooManyFaultsError(Exception):
    """So many faults that more of them would help nobody."""


@dataclass
class Faults:
    """Sentences that each name a place and what is wrong there."""

    found: list[str] = field(default_factory=list)

    def add(self, place: str, wrong: str) -> None:
        """Remember a fault; TooManyFaultsError when there are enough."""
        self.found.append(f"{place}: {wrong}")
        if len(self.found) >= MOST_FAULTS:
            self.found.append(f"reading stopped behind {MOST_FAULTS} faults")
            raise TooManyFaultsError


class Coded(NamedTuple):
    """A column of text in one batch: the number of each row's value (-1 for NULL), and the distinct values."""

    codes: np.ndarray
    values: list[str]

    def value(self, code: int) -> str | None:
        """The text behind a code."""
        return self.values[code] if code >= 0 else None


@dataclass(frozen=True)
class Source:
    """One file or table."""

    name: str
    origin: Path | pa.Table

    def place(self, row: int) -> str:
        """How messages name a row, counted from 1."""
        return f"{self.name}:{row + 1}"

    @cached_property
    def schema(self) -> pa.Schema:
        """Columns and types; whatever pyarrow raises when it is not Parquet."""
        return pq.read_schema(self.origin) if isinstance(self.origin, Path) else self.origin.schema

    @cached_property
    def n_rows(self) -> int:
        """Rows, as the footer says."""
        return pq.read_metadata(self.origin).num_rows if isinstance(self.origin, Path) else self.origin.num_rows

    def batches(self, columns: Sequence[str], rows: int) -> Iterator[tuple[int, pa.RecordBatch]]:
        """Record batches of at most `rows` rows, each with the number of its first row; memory holds one."""
        if not isinstance(self.origin, Path):
            yield from _numbered(iter(self.origin.select(list(columns)).to_batches(max_chunksize=rows)))
            return
        # not pre-buffered, as is the default: that reads whole row groups and keeps them; checksums where the writer left them
        with pq.ParquetFile(self.origin, pre_buffer=False, buffer_size=2**20, page_checksum_verification=True) as file:
            yield from _numbered(file.iter_batches(batch_size=rows, columns=list(columns), use_threads=False))

    def rows_in_a_batch(self) -> int:
        """How many rows with their activations fit into BATCH_BYTES, if all are as wide as the first."""
        # not by the footer's column metadata: pyarrow ends the process when those lie
        first = next(self.batches(["activation"], 1), None)
        return min(MOST_ROWS, max(1, BATCH_BYTES // max(8, first[1].nbytes))) if first else MOST_ROWS


def sources_of(origins: Sequence[Path | pa.Table], faults: Faults) -> list[Source]:
    """Those sources that can be read and have the columns; what is wrong with the others is added to `faults`."""
    sources: list[Source] = []
    for number, origin in enumerate(origins, start=1):
        name = str(origin) if isinstance(origin, Path) else f"table {number}"
        source = Source(name, origin)
        if isinstance(origin, Path) and not origin.is_file():
            faults.add(name, "there is no such file")
            continue
        try:
            wrong = _faults_of_schema(source.schema)
            n_rows = source.n_rows
        except MemoryError as error:
            raise short_of_memory(name, error) from error
        except UNREADABLE as error:
            faults.add(name, f"not readable as Parquet: {one_line(error)}")
            continue
        wrong += [] if n_rows else ["there are no rows"]
        for sentence in wrong:
            faults.add(name, sentence)
        if not wrong:
            sources.append(source)
    return sources


@contextmanager
def reading(source: Source, faults: Faults) -> Iterator[None]:
    """Make a fault of whatever pyarrow raises for a damaged file."""
    try:
        yield
    except MemoryError as error:
        raise short_of_memory(source.name, error) from error
    except UNREADABLE as error:
        faults.add(source.name, f"damaged: {one_line(error)}")


def coded(batch: pa.RecordBatch, name: str) -> Coded:
    """A column of text as codes; a column that is not there is all NULL."""
    if name not in batch.schema.names:
        return Coded(np.full(batch.num_rows, -1), [])
    column = batch.column(name)
    column.validate(full=True)
    plain = column.cast(pa.string())
    plain.validate(full=True)
    encoded = plain.dictionary_encode()
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    return Coded(codes.astype(np.int64), encoded.dictionary.to_pylist())


def combined(columns: Sequence[Coded]) -> np.ndarray:
    """One integer a row for its values in several columns; equal where all values are equal."""
    total = np.zeros(len(columns[0].codes), np.int64)
    for column in columns:
        total = total * (len(column.values) + 1) + column.codes + 1
    return total


def layers_of(batch: pa.RecordBatch) -> np.ndarray:
    """The layer of each row, NO_LAYER where it is NULL; integers beyond int64 come out negative."""
    column = batch.column("layer")
    column.validate(full=True)
    return column.cast(pa.int64(), safe=False).fill_null(NO_LAYER).to_numpy(zero_copy_only=False)


class Activations(NamedTuple):
    """The float32 activations [row, d_model] of those rows of a batch (by number) that are sound."""

    rows: np.ndarray
    values: np.ndarray


def activations_of(column: pa.Array, width: int | None) -> tuple[Activations, Mapping[int, str]]:
    """The sound activations of a batch, and what is wrong with the other rows; `width` None takes that of the first."""
    column.validate(full=True)
    lengths = pc.list_value_length(column).fill_null(-1).to_numpy(zero_copy_only=False)  # pyright: ignore[reportAttributeAccessIssue]
    wrong = {int(row): "activation is missing" for row in np.flatnonzero(lengths < 0)}
    wrong |= {int(row): "activation is empty" for row in np.flatnonzero(lengths == 0)}
    filled = lengths[lengths > 0]
    width = width or (int(filled[0]) if len(filled) else 1)
    for row in np.flatnonzero((lengths > 0) & (lengths != width)):
        wrong[int(row)] = f"activation has {lengths[row]} dimensions, the first row's has {width}"
    rows = np.flatnonzero(lengths == width)
    fitting = column if len(rows) == len(column) else column.take(pa.array(rows))
    given = fitting.flatten().to_numpy(zero_copy_only=False).reshape(len(rows), width)
    with np.errstate(over="ignore"):
        values = given.astype(np.float32)
    sound = np.isfinite(values).all(axis=1)
    for row in np.flatnonzero(~sound):
        finite = np.isfinite(given[row]).all()
        wrong[int(rows[row])] = (
            "activation is beyond the range of float32" if finite else "activation holds NaN, infinity or NULL"
        )
    return Activations(rows[sound], values[sound] if not sound.all() else values), wrong


def one_line(error: BaseException) -> str:
    """The message of an error, without its line breaks."""
    return " ".join(str(error).split()) or type(error).__name__


def _numbered(batches: Iterator[pa.RecordBatch]) -> Iterator[tuple[int, pa.RecordBatch]]:
    first = 0
    for batch in batches:
        yield first, batch
        first += batch.num_rows


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
