"""A model as large as SmolLM2-135M for machines without its weights: its config, random weights, and a tokenizer of ids."""

from pathlib import Path

SMOLLM2 = {
    "hidden_size": 576,
    "intermediate_size": 1536,
    "num_hidden_layers": 30,
    "num_attention_heads": 9,
    "num_key_value_heads": 3,
    "head_dim": 64,
    "max_position_embeddings": 8192,
    "rms_norm_eps": 1e-5,
    "rope_parameters": {"rope_theta": 100000.0, "rope_type": "default"},
    "tie_word_embeddings": True,
    "vocab_size": 49152,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 2,
}
"""What the config of the embedded model says."""


def save(folder: Path, config: dict[str, object], seed: int = 0) -> Path:
    """A folder with a Llama model of this config and random weights; its tokenizer reads `t7 t9` as the ids 7 and 9."""
    import torch
    import transformers
    from tokenizers import Tokenizer, models, pre_tokenizers

    torch.manual_seed(seed)
    llama = transformers.LlamaConfig(**config)
    transformers.AutoModelForCausalLM.from_config(llama).save_pretrained(folder)
    words = Tokenizer(models.WordLevel({f"t{token}": token for token in range(llama.vocab_size)}, unk_token="t0"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    special = {"unk_token": "t0", "bos_token": "t1", "eos_token": "t2", "pad_token": "t2"}
    transformers.PreTrainedTokenizerFast(tokenizer_object=words, **special).save_pretrained(folder)
    return folder
