"""Tiny random models of many architectures, saved as folders with a tokenizer; no network, a second each."""

from pathlib import Path

import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

WORDS = ["thank", "you", "so", "much", "I", "am", "furious", "sorry", "the", "bus", "is", "late", "today", "a", "of", "and"]
VOCABULARY = {"<bos>": 0, "<eos>": 1, "<unk>": 2, ".": 3, "!": 4} | {word: i + 5 for i, word in enumerate(WORDS)}

_SIZES = {"vocab_size": 64, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1}
_ROTARY = {
    **_SIZES, "hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2,
    "intermediate_size": 64, "max_position_embeddings": 64,
}  # fmt: skip


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
        **_SIZES, hidden_size=32, num_layers=2, num_heads=4, attention_types=[[["global", "local"], 1]], window_size=4,
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
        **_ROTARY, head_dim=8, query_pre_attn_scalar=8, sliding_window=4,
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
        **_ROTARY, head_dim=8, sliding_window=4, num_local_experts=4, num_experts_per_tok=2,
        layer_types=["sliding_attention", "full_attention", "sliding_attention"],
    ),
    "stablelm": lambda: transformers.StableLmConfig(**_ROTARY),
    # other angles for prompts beyond 8 tokens, which many are
    "phi3-longrope": lambda: transformers.Phi3Config(
        **_ROTARY, original_max_position_embeddings=8,
        rope_parameters={"rope_type": "longrope", "rope_theta": 10000.0, "original_max_position_embeddings": 8,
                         "short_factor": [1.0, 1.5, 2.0, 3.0], "long_factor": [4.0, 6.0, 9.0, 12.0]},
    ),
    "llama-dynamic": lambda: transformers.LlamaConfig(
        **_ROTARY, rope_parameters={"rope_type": "dynamic", "rope_theta": 10000.0, "factor": 4.0}
    ),
}  # fmt: skip
"""One small config for each architecture (`stablelm` is not in the table of block lists: it is searched)."""

BLOCKS = {
    **dict.fromkeys(CONFIGS, "model.layers"),
    **dict.fromkeys(("gpt2", "gpt_neo", "bloom", "falcon", "falcon-alibi"), "transformer.h"),
    **dict.fromkeys(("opt", "opt-post-norm"), "model.decoder.layers"),
    "gpt_neox": "gpt_neox.layers",
    "mamba": "backbone.layers",
}
"""Where the decoder blocks are under the whole causal LM, written down apart from the code under test."""

FIRST_HIDDEN_STATE = {"mamba": 1}
"""Layer of the first of transformers' hidden states, where that is not 0."""


def save_model(folder: Path, architecture: str, *, padding_side: str = "right", seed: int = 0, **changes: int) -> Path:
    """A folder with a random model and its tokenizer."""
    config = CONFIGS[architecture]()
    for name, value in changes.items():
        setattr(config, name, value)
    return save_config(folder, config, padding_side=padding_side, seed=seed)


def save_config(folder: Path, config: transformers.PreTrainedConfig, *, padding_side: str = "right", seed: int = 0) -> Path:
    """A folder with a model of this config and random weights, and the tokenizer."""
    torch.manual_seed(seed)
    transformers.AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    inner = Tokenizer(models.WordLevel(VOCABULARY, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(
        tokenizer_object=inner, bos_token="<bos>", eos_token="<eos>", unk_token="<unk>", pad_token="<eos>",
        padding_side=padding_side,
    ).save_pretrained(folder)  # fmt: skip
    return folder


def plain_states(folder: Path, architecture: str, ids: list[list[int]]) -> list[list[torch.Tensor]]:
    """States [token, d_model] by prompt and layer, one whole forward pass a prompt with plain hooks: the oracle."""
    model = plain_model(folder)
    return [states_of(model, model.get_submodule(BLOCKS[architecture]), row) for row in ids]


def plain_model(folder: Path) -> torch.nn.Module:
    return transformers.AutoModelForCausalLM.from_pretrained(folder).eval()


def states_of(model: torch.nn.Module, blocks: torch.nn.Module, row: list[int]) -> list[torch.Tensor]:
    seen: dict[int, torch.Tensor] = {}

    def before(module, args, kwargs):
        seen[0] = (args[0] if args else kwargs["hidden_states"])[0]

    def after(layer):
        def hook(module, args, output):
            seen[layer] = (output[0] if isinstance(output, tuple) else output)[0]

        return hook

    handles = [blocks[0].register_forward_pre_hook(before, with_kwargs=True)]
    handles += [block.register_forward_hook(after(k + 1)) for k, block in enumerate(blocks)]
    with torch.no_grad():
        model(input_ids=torch.tensor([row]))
    for handle in handles:
        handle.remove()
    return [seen[layer] for layer in sorted(seen)]
