"""The quick reader of GGUF files holds what the package's own reader holds, and a conversion opens each file once."""

import gguf
import numpy as np
import pytest
from gguf import GGUFEndian, GGUFReader, GGUFWriter
from tiny_gguf import shapes, write

from emotion_cli.models.loading import load, load_tokenizer
from emotion_cli.models.sources import gguf_reading
from emotion_cli.models.sources.finding import find
from emotion_cli.models.sources.gguf_reading import ArrayReader

VALUES = {
    "strings": ["", "a", "ü 日本", "x" * 300],
    "integers": [3, -1, 2**31 - 1],
    "floats": [0.5, -2.0],
    "flags": [True, False],
    "nothing": [],
}


@pytest.mark.parametrize("endian", [GGUFEndian.LITTLE, GGUFEndian.BIG])
def test_every_field_has_the_elements_and_types_of_the_package(tmp_path, endian):
    writer = GGUFWriter(tmp_path / "fields.gguf", "llama", endianess=endian)
    writer.add_name("tiny")
    writer.add_context_length(7)
    for name, values in VALUES.items():
        writer.add_array(f"test.{name}", values)
    writer.add_tensor("token_embd.weight", np.ones((2, 2), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    usual, quick = (reader(tmp_path / "fields.gguf") for reader in (GGUFReader, ArrayReader))
    assert list(usual.fields) == list(quick.fields)
    for name, field in usual.fields.items():
        same = quick.fields[name]
        assert same.types == field.types and same.offset == field.offset
        # what transformers makes of a field
        assert [_plain(same.parts[i]) for i in same.data] == [_plain(field.parts[i]) for i in field.data]
    for a, b in zip(usual.tensors, quick.tensors, strict=True):
        assert (a.name, a.data_offset, a.shape.tolist()) == (b.name, b.data_offset, b.shape.tolist())
        assert np.array_equal(a.data, b.data)
    assert [bytes(part).decode() for part in _elements(quick.fields["test.strings"])] == VALUES["strings"]
    assert [part[0] for part in _elements(quick.fields["test.integers"])] == VALUES["integers"]


def _elements(field):
    return [field.parts[i] for i in field.data]


def _plain(part):
    return part if isinstance(part, bytes) else part.tobytes() if getattr(part, "dtype", None) == np.uint8 else part[0]


def test_a_conversion_parses_a_file_once_and_is_done_once(tmp_path, monkeypatch):
    path = write(tmp_path / "tiny.gguf", shapes())
    parsed, parse = [], ArrayReader._build_fields
    monkeypatch.setattr(
        gguf_reading.ArrayReader, "_build_fields", lambda reader, *given: (parsed.append(1), parse(reader, *given))[1]
    )
    usual = gguf.GGUFReader
    source = find(str(path), cache=tmp_path)
    notes = []
    load(source, notify=notes.append)
    assert len(parsed) == 1 and sum("converting" in note for note in notes) == 1
    # the package is as it was
    assert gguf.GGUFReader is usual
    load(source, notify=notes.append)
    load_tokenizer(source, notify=notes.append)
    load(find(f"untrained:{path}", cache=tmp_path), notify=notes.append)
    assert len(parsed) == 1 and sum("converting" in note for note in notes) == 1
