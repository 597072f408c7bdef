"""Tiny random models of many architectures, saved as folders with a tokenizer; no network, a second each."""

from collections.abc import Sequence
from pathlib import Path

import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

WORDS = ["thank", "you", "so", "much", "I", "am", "furious", "sorry", "the", "bus", "is", "late", "today", "a", "of", "and"]
SPECIAL = {"<bos>": 0, "<eos>": 1, "<unk>": 2, ".": 3, "!": 4}
VOCABULARY = SPECIAL | {word: i + 5 for i, word in enumerate(WORDS)}

_SIZES = {"vocab_size": 64, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1}
_ROTARY = {
    **_SIZES,
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 64,
    "max_position_embeddings": 64,
}


def _opt(**changes):
    return transformers.OPTConfig(
        **_SIZES, hidden_size=32, num_hidden_layers=3, num_attention_heads=4, ffn_dim=64, max_position_embeddings=64, **changes
    )


def _falcon(**changes):
    return transformers.FalconConfig(**_SIZES, hidden_size=32, num_hidden_layers=3, num_attention_heads=4, **changes)


CONFIGS = {
    "gpt2": lambda: transformers.GPT2Config(**_SIZES, n_embd=32, n_layer=3, n_head=4, n_positions=64),
    "gpt_neox": lambda: transformers.GPTNeoXConfig(
        **_SIZES, hidden_size=32, num_hidden_layers=3, num_attention_heads=4, intermediate_size=64, max_position_embeddings=64
    ),
    # the local window is smaller than most prompts
    "gpt_neo": lambda: transformers.GPTNeoConfig(
        **_SIZES,
        hidden_size=32,
        num_layers=2,
        num_heads=4,
        attention_types=[[["global", "local"], 1]],
        window_size=4,
        max_position_embeddings=64,
    ),
    "llama": lambda: transformers.LlamaConfig(**_ROTARY),
    "gemma3_text": lambda: transformers.Gemma3TextConfig(
        **_ROTARY, head_dim=8, sliding_window=4, layer_types=["sliding_attention", "full_attention", "sliding_attention"]
    ),
    "mistral": lambda: transformers.MistralConfig(**_ROTARY, sliding_window=4),
    "qwen2": lambda: transformers.Qwen2Config(**_ROTARY),
    "qwen3": lambda: transformers.Qwen3Config(**_ROTARY, head_dim=8),
    # soft capping, scaled embeddings, norms on both sides of a block
    "gemma2": lambda: transformers.Gemma2Config(
        **_ROTARY,
        head_dim=8,
        query_pre_attn_scalar=8,
        sliding_window=4,
        layer_types=["sliding_attention", "full_attention", "sliding_attention"],
    ),
    "phi": lambda: transformers.PhiConfig(**{**_ROTARY, "num_key_value_heads": 4}),
    # norms behind the sums and a narrower embedding (as OPT-350M), and the usual form
    "opt": lambda: _opt(),
    "opt-post-norm": lambda: _opt(do_layer_norm_before=False, word_embed_proj_dim=16),
    "bloom": lambda: transformers.BloomConfig(**_SIZES, hidden_size=32, n_layer=3, n_head=4),
    "mamba": lambda: transformers.MambaConfig(**_SIZES, hidden_size=32, num_hidden_layers=3, state_size=4),
    "falcon": lambda: _falcon(),
    "falcon-alibi": lambda: _falcon(alibi=True),
    "olmo2": lambda: transformers.Olmo2Config(**_ROTARY),
    # attention sinks and experts
    "gpt_oss": lambda: transformers.GptOssConfig(
        **_ROTARY,
        head_dim=8,
        sliding_window=4,
        num_local_experts=4,
        num_experts_per_tok=2,
        layer_types=["sliding_attention", "full_attention", "sliding_attention"],
    ),
    "stablelm": lambda: transformers.StableLmConfig(**_ROTARY),
    # images and text: the decoder is a part of it (4B and larger)
    "gemma3": lambda: transformers.Gemma3Config(
        text_config={
            **_ROTARY,
            "head_dim": 8,
            "sliding_window": 4,
            "layer_types": ["sliding_attention", "full_attention", "sliding_attention"],
        },
        vision_config={
            "hidden_size": 32,
            "num_hidden_layers": 3,
            "num_attention_heads": 4,
            "intermediate_size": 64,
            "image_size": 28,
            "patch_size": 14,
        },
        image_token_index=60,
        boi_token_index=61,
        eoi_token_index=62,
        mm_tokens_per_image=4,
    ),
    # heads of another width in some layers, and an embedding for each layer
    "gemma4_text": lambda: transformers.Gemma4TextConfig(
        **_ROTARY,
        head_dim=8,
        global_head_dim=16,
        sliding_window=4,
        hidden_size_per_layer_input=4,
        vocab_size_per_layer_input=64,
        layer_types=["sliding_attention", "sliding_attention", "full_attention"],
    ),
    # attention in chunks, layers without positions, experts
    "llama4_text": lambda: transformers.Llama4TextConfig(
        **_ROTARY,
        head_dim=8,
        intermediate_size_mlp=64,
        attention_chunk_size=4,
        num_local_experts=4,
        interleave_moe_layer_step=2,
        layer_types=["chunked_attention", "full_attention", "chunked_attention"],
        no_rope_layers=[1, 0, 1],
    ),
    # its blocks return lists, and no norm follows them
    "openai-gpt": lambda: transformers.OpenAIGPTConfig(**_SIZES, n_embd=32, n_layer=3, n_head=4, n_positions=64),
    # convolutions
    "lfm2": lambda: transformers.Lfm2Config(**_ROTARY, layer_types=["conv", "full_attention", "conv"], block_multiple_of=8),
    "recurrent_gemma": lambda: transformers.RecurrentGemmaConfig(
        **{**_ROTARY, "num_key_value_heads": 4},
        head_dim=8,
        attention_window_size=4,
        lru_width=32,
    ),
    "rwkv": lambda: transformers.RwkvConfig(**_SIZES, hidden_size=32, num_hidden_layers=3, context_length=64),
    "ctrl": lambda: transformers.CTRLConfig(**_SIZES, n_embd=32, n_layer=3, n_head=4, dff=64, n_positions=64),
    # other angles for prompts beyond 8 tokens, which many are
    "phi3-longrope": lambda: transformers.Phi3Config(
        **_ROTARY,
        original_max_position_embeddings=8,
        rope_parameters={
            "rope_type": "longrope",
            "rope_theta": 10000.0,
            "original_max_position_embeddings": 8,
            "short_factor": [1.0, 1.5, 2.0, 3.0],
            "long_factor": [4.0, 6.0, 9.0, 12.0],
        },
    ),
    "llama-dynamic": lambda: transformers.LlamaConfig(
        **_ROTARY, rope_parameters={"rope_type": "dynamic", "rope_theta": 10000.0, "factor": 4.0}
    ),
}
"""One small config for each architecture that is tested in every way."""

_MAMBA = {"mamba_d_state": 8, "mamba_d_conv": 4, "mamba_expand": 2}
_MOE = {"num_experts_per_tok": 2, "moe_intermediate_size": 16}

MORE_CONFIGS = {
    "mixtral": lambda: transformers.MixtralConfig(**_ROTARY, num_local_experts=4),
    "qwen3_moe": lambda: transformers.Qwen3MoeConfig(**_ROTARY, **_MOE, head_dim=8, num_experts=4),
    "deepseek_v3": lambda: transformers.DeepseekV3Config(
        **{**_ROTARY, "num_key_value_heads": 4},
        **_MOE,
        n_routed_experts=4,
        n_group=2,
        topk_group=1,
        first_k_dense_replace=1,
        q_lora_rank=16,
        kv_lora_rank=16,
        qk_nope_head_dim=8,
        qk_rope_head_dim=4,
        v_head_dim=8,
    ),
    "jamba": lambda: transformers.JambaConfig(
        **_ROTARY,
        **_MAMBA,
        num_experts=2,
        attn_layer_period=2,
        attn_layer_offset=1,
        expert_layer_period=2,
        expert_layer_offset=1,
    ),
    "zamba2": lambda: transformers.Zamba2Config(
        **{**_ROTARY, "num_key_value_heads": 4},
        **_MAMBA,
        mamba_headdim=16,
        n_mamba_heads=4,
        mamba_ngroups=1,
        chunk_size=8,
        layers_block_type=["mamba", "hybrid", "hybrid"],
        num_mem_blocks=1,
    ),
    "falcon_h1": lambda: transformers.FalconH1Config(
        **_ROTARY,
        head_dim=8,
        mamba_d_ssm=32,
        mamba_n_heads=4,
        mamba_d_head=8,
        mamba_d_state=8,
        mamba_chunk_size=8,
    ),
    "bamba": lambda: transformers.BambaConfig(
        **_ROTARY,
        **_MAMBA,
        mamba_n_heads=4,
        mamba_d_head=16,
        mamba_n_groups=1,
        mamba_chunk_size=8,
        attn_layer_indices=[1],
    ),
    "qwen3_next": lambda: transformers.Qwen3NextConfig(
        **_ROTARY,
        **_MOE,
        head_dim=8,
        num_experts=4,
        shared_expert_intermediate_size=16,
        linear_num_key_heads=2,
        linear_num_value_heads=4,
        linear_key_head_dim=8,
        linear_value_head_dim=8,
        layer_types=["linear_attention", "full_attention", "linear_attention"],
    ),
    "mamba2": lambda: transformers.Mamba2Config(
        **_SIZES,
        hidden_size=32,
        num_hidden_layers=3,
        state_size=8,
        num_heads=4,
        head_dim=16,
        n_groups=1,
        chunk_size=8,
    ),
    "cohere2": lambda: transformers.Cohere2Config(
        **_ROTARY, sliding_window=4, layer_types=["sliding_attention", "full_attention", "sliding_attention"]
    ),
    "granite": lambda: transformers.GraniteConfig(**_ROTARY, embedding_multiplier=3.0, residual_multiplier=0.5),
    "phi3": lambda: transformers.Phi3Config(**_ROTARY),
    "exaone4": lambda: transformers.Exaone4Config(
        **_ROTARY, head_dim=8, sliding_window=4, layer_types=["sliding_attention", "full_attention", "sliding_attention"]
    ),
    "glm4": lambda: transformers.Glm4Config(**_ROTARY, head_dim=8),
    "nemotron": lambda: transformers.NemotronConfig(**_ROTARY),
    "gpt_bigcode": lambda: transformers.GPTBigCodeConfig(**_SIZES, n_embd=32, n_layer=3, n_head=4, n_positions=64),
    "gptj": lambda: transformers.GPTJConfig(**_SIZES, n_embd=32, n_layer=3, n_head=4, n_positions=64, rotary_dim=4),
    "mpt": lambda: transformers.MptConfig(**_SIZES, d_model=32, n_layers=3, n_heads=4, max_seq_len=64),
    "one-block": lambda: transformers.LlamaConfig(**{**_ROTARY, "num_hidden_layers": 1}),
}
"""One small config for each architecture that is loaded and compared with the plain forward pass of one prompt."""

BLOCKS = {
    **dict.fromkeys([*CONFIGS, *MORE_CONFIGS], "model.layers"),
    **dict.fromkeys(
        ("gpt2", "gpt_neo", "bloom", "falcon", "falcon-alibi", "openai-gpt", "ctrl", "gpt_bigcode", "gptj"), "transformer.h"
    ),
    "gemma3": "model.language_model.layers",
    "rwkv": "rwkv.blocks",
    "mpt": "transformer.blocks",
    **dict.fromkeys(("opt", "opt-post-norm"), "model.decoder.layers"),
    "gpt_neox": "gpt_neox.layers",
    "mamba": "backbone.layers",
    "mamba2": "backbone.layers",
}
"""Where the decoder blocks are under the whole causal LM, written down apart from the code under test."""

FIRST_HIDDEN_STATE = {"mamba": 1, "rwkv": 1}
"""Layer of the first of transformers' hidden states, where that is not 0."""


def save_model(folder: Path, architecture: str, *, padding_side: str = "right", seed: int = 0, **changes: int) -> Path:
    """A folder with a random model and its tokenizer."""
    config = {**CONFIGS, **MORE_CONFIGS}[architecture]()
    for name, value in changes.items():
        setattr(config, name, value)
    return save_config(folder, config, padding_side=padding_side, seed=seed)


def save_config(folder: Path, config: transformers.PreTrainedConfig, *, padding_side: str = "right", seed: int = 0) -> Path:
    """A folder with a model of this config and random weights, and the tokenizer."""
    torch.manual_seed(seed)
    transformers.AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    save_tokenizer(folder, padding_side=padding_side)
    return folder


def save_tokenizer(folder: Path, words: Sequence[str] = WORDS, **changes) -> None:
    """The tokenizer of one word a token; `changes` are of what transformers is told about it."""
    inner = Tokenizer(models.WordLevel(SPECIAL | {word: i + len(SPECIAL) for i, word in enumerate(words)}, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    special = {"bos_token": "<bos>", "eos_token": "<eos>", "unk_token": "<unk>", "pad_token": "<eos>", **changes}
    PreTrainedTokenizerFast(tokenizer_object=inner, **special).save_pretrained(folder)


def plain_states(folder: Path, architecture: str, ids: list[list[int]]) -> list[list[torch.Tensor]]:
    """States [token, d_model] by prompt and layer, one whole forward pass a prompt with plain hooks: the oracle."""
    model = plain_model(folder)
    return [states_of(model, model.get_submodule(BLOCKS[architecture]), row) for row in ids]


def plain_model(folder: Path) -> torch.nn.Module:
    return transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


def states_of(model: torch.nn.Module, blocks: torch.nn.Module, row: list[int]) -> list[torch.Tensor]:
    seen: dict[int, torch.Tensor] = {}

    def before(module, args, kwargs):
        seen[0] = (args[0] if args else kwargs["hidden_states"])[0]

    def after(layer):
        def hook(module, args, output):
            seen[layer] = (output[0] if isinstance(output, (tuple, list)) else output)[0]

        return hook

    handles = [blocks[0].register_forward_pre_hook(before, with_kwargs=True)]
    handles += [block.register_forward_hook(after(k + 1)) for k, block in enumerate(blocks)]
    with torch.no_grad():
        model(input_ids=torch.tensor([row]))
    for handle in handles:
        handle.remove()
    return [seen[layer] for layer in sorted(seen)]
