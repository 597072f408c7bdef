"""Do the counts in a weight file's header fit into the file? Checked before a library believes them and takes memory."""

import struct
from pathlib import Path
from typing import BinaryIO, NamedTuple

from emotion_cli.errors import EmoError

_SCALARS = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
"""Bytes of the scalar types of GGUF metadata."""


_STRING, _ARRAY = 8, 9


_MOST_DIMENSIONS = 8


_LEAST_BITS = 1
"""No GGUF tensor type has fewer bits a weight."""


def gguf_weights(path: Path) -> dict[str, int]:
    """How many weights each tensor of a GGUF file has, by name; EmoError when the header promises more than the file holds.

    Layout: the GGUF specification, versions 2 and 3.
    """
    size = path.stat().st_size
    try:
        with path.open("rb") as file:
            return _gguf(_Reader(file, size))
    except (ValueError, struct.error) as error:
        raise EmoError(f"{path}: not a complete GGUF file: {error}", hint="fetch the file again") from error


class Stored(NamedTuple):
    """A tensor as a file's header describes it: its number format as safetensors calls it, and its shape."""

    dtype: str
    shape: list[int]


def safetensors_header(path: Path) -> dict[str, Stored]:
    """The tensors of a safetensors file by name; EmoError when they do not fit into the file."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118 - no mapping
            return {name: Stored(tensor.get_dtype(), tensor.get_shape()) for name, tensor in slices.items()}
    except SafetensorError as error:
        raise EmoError(f"{path}: not a complete safetensors file: {error}", hint="fetch the file again") from error


class _Reader:
    def __init__(self, file: BinaryIO, size: int) -> None:
        self.file, self.size = file, size

    def number(self, code: str) -> int:
        return struct.unpack(f"<{code}", self.file.read(struct.calcsize(code)))[0]

    def skip(self, count: int, field: str) -> None:
        if count > self.size - self.file.tell():
            raise ValueError(f"{field} claims to have {count} bytes, the file has {self.size}")
        self.file.seek(count, 1)

    def string(self, field: str) -> bytes:
        length = self.number("Q")
        start = self.file.tell()
        self.skip(length, field)
        self.file.seek(start)
        return self.file.read(length)

    def value(self, kind: int, field: str) -> None:
        if kind in _SCALARS:
            self.skip(_SCALARS[kind], field)
        elif kind == _STRING:
            self.string(field)
        elif kind == _ARRAY:
            self.array(field)
        else:
            raise ValueError(f"{field} has the unknown type {kind}")

    def array(self, field: str) -> None:
        inner, count = self.number("I"), self.number("Q")
        if inner in _SCALARS:
            self.skip(count * _SCALARS[inner], field)
            return
        if inner == _ARRAY:
            raise ValueError(f"{field} is an array of arrays")
        if count * 8 > self.size - self.file.tell():
            raise ValueError(f"{field} claims to have {count} strings, the file has {self.size} bytes")
        for _ in range(count):
            self.value(inner, field)


def _gguf(reader: _Reader) -> dict[str, int]:
    if reader.file.read(4) != b"GGUF":
        raise ValueError("it does not begin with GGUF")
    version = reader.number("I")
    if version not in (2, 3):
        raise ValueError(f"version {version} is not read")
    tensors, pairs = reader.number("Q"), reader.number("Q")
    # the shortest tensor entry has 24 bytes, the shortest pair 13
    if tensors * 24 + pairs * 13 > reader.size:
        raise ValueError(f"{tensors} tensors and {pairs} metadata pairs do not fit into {reader.size} bytes")
    for i in range(pairs):
        reader.string(f"key {i}")
        reader.value(reader.number("I"), f"value {i}")
    counts: dict[str, int] = {}
    for i in range(tensors):
        name = reader.string(f"name of tensor {i}").decode("utf-8", "replace")
        dimensions = reader.number("I")
        if dimensions > _MOST_DIMENSIONS:
            raise ValueError(f"tensor {i} has {dimensions} dimensions")
        weights = 1
        for _ in range(dimensions):
            weights *= reader.number("Q")
        reader.skip(4 + 8, f"tensor {i}")
        if weights * _LEAST_BITS > 8 * reader.size:
            raise ValueError(f"tensor {i} claims to have {weights} weights, the file has {reader.size} bytes")
        counts[name] = weights
    return counts
