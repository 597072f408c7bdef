"""Parquet files: one row a prompt, columns as the keys of other files; a fault is named by its row, counted from 1."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from emotion_cli.errors import short_of_memory
from emotion_cli.prompts.prompt_set import Row
from emotion_cli.prompts.reading.contents import Contents, Header

if TYPE_CHECKING:
    import pyarrow as pa


def read_parquet(path: Path) -> Contents:
    """Rows of a Parquet file; NULL is a missing value."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            table = file.read()
    except MemoryError as error:
        raise short_of_memory(path, error) from error
    except (OSError, pa.ArrowException) as error:
        return Contents([], [f"{path}: not readable as Parquet: {str(error).splitlines()[0]}"])
    faults: list[str] = []
    columns = {name: _values(table.column(i), name, path, faults) for i, name in enumerate(table.column_names)}
    rows = [Row(f"{path}: row {i + 1}", {name: values[i] for name, values in columns.items()}) for i in range(table.num_rows)]
    whole = [row for row in rows if _UNREADABLE not in row.values.values()]
    return Contents(whole, faults, Header(f"{path}: schema", table.column_names))


_UNREADABLE = object()


def _values(column: "pa.ChunkedArray", name: str, path: Path, faults: list[str]) -> list[Any]:
    import pyarrow as pa

    if pa.types.is_dictionary(column.type):
        column = pa.chunked_array([chunk.dictionary_decode() for chunk in column.chunks], type=column.type.value_type)
    if not any(is_text(column.type) for is_text in (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)):
        return column.to_pylist()
    # as bytes: one text that is not UTF-8 costs one row
    values: list[Any] = []
    for i, raw in enumerate(column.cast(pa.large_binary()).to_pylist(), start=1):
        try:
            values.append(raw if raw is None else raw.decode("utf-8"))
        except UnicodeDecodeError as error:
            faults.append(f"{path}: row {i}: {name} is not UTF-8 at byte {error.start + 1}")
            values.append(_UNREADABLE)
    return values
