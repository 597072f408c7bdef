"""GGUF metadata read in seconds: vocabularies as whole arrays, and each file once.

transformers opens a file for its configuration, its weights and its tokenizer, and the package `gguf` makes several views
of each of 262,144 tokens: a minute of Python for a small model.
"""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, cast

import gguf
import numpy as np
from gguf import GGUFValueType


class ArrayReader(gguf.GGUFReader):
    """A reader of the same fields, whose array elements are tuples of one number, or bytes of a string: no views of the file."""

    def _get_field_parts(self, orig_offs: int, raw_type: int) -> tuple[int, list[Any], list[int], list[GGUFValueType]]:
        if raw_type != GGUFValueType.ARRAY:
            return super()._get_field_parts(orig_offs, raw_type)
        kind, count = GGUFValueType(int(self._get(orig_offs, np.uint32)[0])), int(self._get(orig_offs + 4, np.uint64)[0])
        start = orig_offs + 12
        if kind == GGUFValueType.STRING:
            elements, size = self._strings(start, count)
        elif kind in self.gguf_scalar_to_np:
            numbers = self._get(start, self.gguf_scalar_to_np[kind], count)
            elements, size = [(number,) for number in numbers.tolist()], int(numbers.nbytes)
        else:
            return super()._get_field_parts(orig_offs, raw_type)
        # an empty array has no type of elements, as in the package
        return 12 + size, elements, list(range(count)), [GGUFValueType.ARRAY, *([kind] if count else [])]

    def _strings(self, start: int, count: int) -> tuple[list[bytes], int]:
        held, place = memoryview(cast("Any", self.data)), start
        length = struct.Struct("<Q" if self._is_little else ">Q")
        elements = []
        for _ in range(count):
            (size,) = length.unpack_from(held, place)
            elements.append(bytes(held[place + 8 : place + 8 + size]))
            place += 8 + size
        return elements, place - start

    @property
    def _is_little(self) -> bool:
        return self.endianess == gguf.GGUFEndian.LITTLE


@contextmanager
def read_once() -> Iterator[None]:
    """While open, whoever asks the package `gguf` for a reader gets this one, the same for the same file.

    transformers asks for the names of all tensors once a module: they are made once, too.
    """
    package: Any = gguf
    usual = gguf.GGUFReader, gguf.get_tensor_name_map
    package.GGUFReader, package.get_tensor_name_map = map(cache, (ArrayReader, gguf.get_tensor_name_map))
    try:
        yield
    finally:
        package.GGUFReader, package.get_tensor_name_map = usual
