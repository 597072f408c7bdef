"""A nameless file beside the store that holds activations, so that memory need not."""

import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from emotion_cli.errors import EmoError
from warehouse.disk import naming


class Scratch:
    """float32 rows [row, width], numbered in the order in which they came; nothing is left when the process ends."""

    def __init__(self, root: Path) -> None:
        folder = next(folder for folder in (root, *root.absolute().parents) if folder.is_dir())
        with naming(folder):
            self._file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115 (closed by __exit__)

    def __enter__(self) -> "Scratch":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def append(self, vectors: pa.ChunkedArray) -> None:
        """Add lists of one length without NULLs; EmoError where the disk is full."""
        values = pc.list_flatten(vectors).to_numpy().astype("<f4")  # pyright: ignore[reportAttributeAccessIssue]
        try:
            unwritten = values.data.cast("B")
            while unwritten:
                unwritten = unwritten[self._file.write(unwritten) :]
        except OSError as error:
            raise EmoError(
                f"the activations do not fit beside the store: {error.strerror}",
                hint="an import needs room for twice its activations as float32",
            ) from error

    def read(self, rows: pa.ChunkedArray, width: int) -> np.ndarray:
        """The rows of those numbers, in that order."""
        numbers = rows.to_pylist()
        values = np.empty((len(numbers), width), "<f4")
        for value, row in zip(values, numbers, strict=True):
            self._file.seek(row * value.nbytes)
            self._file.readinto(value.data)
        return values
