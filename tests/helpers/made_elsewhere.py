"""Activations as another engine would hand them over: rows of a small labelled set, and the files that they make."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

EMOTIONS = ("calm", "joy", "rage")
WIDTH = 8


def rows_of(*, topics: int = 4, layers=(1, 2, 5), poolings=("last",), width: int = WIDTH, seed: int = 0) -> list[dict]:
    """One dictionary a row, in the order of prompts, then poolings and layers."""
    numbers = np.random.default_rng(seed)
    return [
        {
            "text": f"{emotion} about topic {topic}",
            "emotion": emotion,
            "topic": f"topic {topic}",
            "pooling": pooling,
            "layer": layer,
            "activation": numbers.normal(size=width).astype(np.float32).tolist(),
        }
        for topic in range(topics)
        for emotion in EMOTIONS
        for pooling in poolings
        for layer in layers
    ]


def table_of(rows: list[dict], *, activation: pa.DataType | None = None) -> pa.Table:
    table = pa.Table.from_pylist(rows)
    if activation is None:
        return table
    place = table.column_names.index("activation")
    return table.set_column(place, "activation", pa.array([row["activation"] for row in rows], activation))


def file_of(path: Path, rows: list[dict], **options) -> Path:
    pq.write_table(table_of(rows), path, write_page_checksum=True, **options)
    return path


def contents(root: Path) -> dict[str, bytes]:
    """Every file of a store, with its bytes."""
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}
