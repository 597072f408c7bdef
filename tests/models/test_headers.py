"""Weight files whose headers promise too much: an error, not gigabytes."""

import json
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from emotion_cli.errors import EmoError
from emotion_cli.models.sources.headers import gguf_weights, safetensors_header


def gguf_bytes(tmp_path_factory):
    from gguf import GGUFWriter

    path = tmp_path_factory.mktemp("gguf") / "sound.gguf"
    writer = GGUFWriter(path, "llama")
    writer.add_name("sound")
    writer.add_token_list(["a", "b"])
    writer.add_array("numbers", [1, 2, 3])
    writer.add_tensor("t", np.ones((4, 32), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    return gguf_bytes(tmp_path_factory)


def test_a_sound_gguf_file_passes(sound):
    gguf_weights(sound)


@pytest.mark.parametrize(
    ("at", "code", "value"),
    [
        (8, "Q", 2**62),
        (16, "Q", 2**62),
        (4, "I", 99),
        (24, "Q", 2**63),
        (0, "4s", b"GGML"),
        (8, "Q", 2**20),
    ],
)
def test_absurd_gguf_headers_are_refused(sound, tmp_path, at, code, value):
    content = bytearray(sound.read_bytes())
    struct.pack_into(f"<{code}", content, at, value)
    path = tmp_path / "absurd.gguf"
    path.write_bytes(content)
    with pytest.raises(EmoError, match=r"absurd.gguf: not a complete GGUF file"):
        gguf_weights(path)


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_no_gguf_header_does_more_than_pass_or_be_refused(sound, tmp_path_factory, data):
    content = bytearray(sound.read_bytes())
    for at in data.draw(st.lists(st.integers(0, min(len(content), 600) - 1), min_size=1, max_size=8)):
        content[at] = data.draw(st.sampled_from([0, 1, 0x7F, 0xFF]))
    path = tmp_path_factory.mktemp("fuzz") / "x.gguf"
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        gguf_weights(path)
    except EmoError as error:
        assert "x.gguf" in str(error)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x01",
        struct.pack("<Q", 2**63) + b"{}",
        struct.pack("<Q", 2) + b"[]",
        struct.pack("<Q", 2) + b"{x",
        struct.pack("<Q", 4) + b"\xff\xfe{}",
        struct.pack("<Q", 80)
        + json.dumps({"t": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}}).ljust(80).encode(),
        struct.pack("<Q", 7) + b'{"t":1}',
        struct.pack("<Q", 60000) + b"[" * 60000,
    ],
)
def test_absurd_safetensors_headers_are_refused(tmp_path, content):
    path = tmp_path / "absurd.safetensors"
    path.write_bytes(content)
    with pytest.raises(EmoError, match=r"absurd.safetensors: not a complete safetensors file"):
        safetensors_header(path)


def test_a_sound_safetensors_file_passes(tmp_path):
    save_file({"t": np.ones(3, np.float32)}, tmp_path / "sound.safetensors", metadata={"a": "b"})
    safetensors_header(tmp_path / "sound.safetensors")
