"""A GGUF file is read whole or refused, and its converted copy is the one that was written."""

import json
from pathlib import Path

import gguf
import numpy as np
import pytest

from emotion_cli.errors import EmoError
from emotion_cli.models.loading import load
from emotion_cli.models.pooling import pooled_activations
from emotion_cli.models.sources.finding import find
from emotion_cli.models.sources.gguf import RECORD

WIDTH, HEADS, BLOCKS, HIDDEN = 32, 4, 2, 64
TOKENS = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁", "a", "b", "▁a"]
EXTRA = {"rope_freqs.weight": (WIDTH // HEADS // 2,)}
"""A tensor that scales the rotary embedding, as files of Llama 3.1 hold it; transformers passes over it without a word."""


def shapes() -> dict[str, tuple[int, ...]]:
    blocks = {
        f"blk.{i}.{name}.weight": shape
        for i in range(BLOCKS)
        for name, shape in {
            "attn_norm": (WIDTH,),
            "ffn_norm": (WIDTH,),
            **dict.fromkeys(("attn_q", "attn_k", "attn_v", "attn_output"), (WIDTH, WIDTH)),
            "ffn_gate": (HIDDEN, WIDTH),
            "ffn_up": (HIDDEN, WIDTH),
            "ffn_down": (WIDTH, HIDDEN),
        }.items()
    }
    return blocks | {"token_embd.weight": (len(TOKENS), WIDTH), "output_norm.weight": (WIDTH,)}


def write(path: Path, tensors: dict[str, tuple[int, ...]], *, seed: int = 0) -> Path:
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("tiny")
    writer.add_context_length(64)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(BLOCKS)
    writer.add_feed_forward_length(HIDDEN)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(10000.0)
    writer.add_vocab_size(len(TOKENS))
    writer.add_tokenizer_model("llama")
    writer.add_token_list(TOKENS)
    writer.add_token_scores([0.0] * len(TOKENS))
    writer.add_token_types([2, 3, 3, *[6] * 256, 1, 1, 1, 1])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    numbers = np.random.default_rng(seed)
    for name, shape in tensors.items():
        writer.add_tensor(name, numbers.normal(size=shape).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def states(path: Path, cache: Path) -> np.ndarray:
    loaded = load(find(str(path), cache=cache))
    return pooled_activations(loaded, [[1, 260, 261]], poolings=["last"], layers=[BLOCKS], batch_tokens=8).values["last"]


def test_a_tensor_that_goes_nowhere_is_refused_by_name(tmp_path):
    write(tmp_path / "whole.gguf", shapes())
    assert np.isfinite(states(tmp_path / "whole.gguf", tmp_path)).all()
    write(tmp_path / "more.gguf", shapes() | EXTRA)
    with pytest.raises(EmoError, match=r"4 weights of the file are not part of the model .*rope_freqs\.weight"):
        load(find(str(tmp_path / "more.gguf"), cache=tmp_path))
    assert len(list((tmp_path / "converted").iterdir())) == 1


def test_a_tensor_that_is_missing_is_refused_by_name(tmp_path):
    tensors = {name: shape for name, shape in shapes().items() if name != "blk.1.ffn_up.weight"}
    write(tmp_path / "less.gguf", tensors)
    with pytest.raises(EmoError, match=r"lacks 1 tensors of the model: model\.layers\.1\.mlp\.up_proj\.weight"):
        load(find(str(tmp_path / "less.gguf"), cache=tmp_path))


def test_a_converted_copy_that_was_changed_is_made_again(tmp_path):
    path = write(tmp_path / "whole.gguf", shapes())
    before = states(path, tmp_path)
    copy = find(str(path), cache=tmp_path).folder
    weights = copy / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-40:] = bytes(40)
    weights.write_bytes(data)
    assert np.array_equal(states(path, tmp_path), before)
    (copy / RECORD).write_text(json.dumps({"files": {}}))
    assert np.array_equal(states(path, tmp_path), before)
