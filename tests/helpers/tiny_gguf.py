"""A GGUF file of a small Llama with a token a byte."""

from pathlib import Path

import gguf
import numpy as np

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


def write(path: Path, tensors: dict[str, tuple[int, ...]], *, seed: int = 0, context: int = 64) -> Path:
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
