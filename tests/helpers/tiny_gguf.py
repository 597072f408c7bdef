"""A GGUF file of a small Llama with a token a byte and, where they are given, a token for each of some words."""

from collections.abc import Sequence
from pathlib import Path

import gguf
import numpy as np

WIDTH, HEADS, BLOCKS, HIDDEN = 32, 4, 2, 64
TOKENS = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁", "a", "b", "▁a"]
EXTRA = {"rope_freqs.weight": (WIDTH // HEADS // 2,)}
"""A tensor that scales the rotary embedding, as files of Llama 3.1 hold it; transformers passes over it without a word."""


def tokens_of(words: Sequence[str]) -> list[str]:
    """The vocabulary: merges are made of it, so that a word is reached when all its beginnings behind a space are there."""
    beginnings = [f"▁{word[:end]}" for word in words for end in range(1, len(word) + 1)]
    return list(dict.fromkeys([*TOKENS, *"".join(words), *beginnings]))


def shapes(words: Sequence[str] = ()) -> dict[str, tuple[int, ...]]:
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
    return blocks | {"token_embd.weight": (len(tokens_of(words)), WIDTH), "output_norm.weight": (WIDTH,)}


def write(
    path: Path, tensors: dict[str, tuple[int, ...]], *, seed: int = 0, context: int = 64, words: Sequence[str] = ()
) -> Path:
    tokens = tokens_of(words)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("tiny")
    writer.add_context_length(context)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(BLOCKS)
    writer.add_feed_forward_length(HIDDEN)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(10000.0)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([0.0] * len(tokens))
    writer.add_token_types([2, 3, 3, *[6] * 256, *[1] * (len(tokens) - 259)])
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
