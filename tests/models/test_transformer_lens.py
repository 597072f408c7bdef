"""emo's layers against TransformerLens' hook_resid_pre and hook_resid_post on the same weights: `make peers` runs it."""

import numpy as np
import pytest
import tiny
import torch

lens = pytest.importorskip(
    "transformer_lens.model_bridge", reason="TransformerLens has an environment of its own: make peers", exc_type=ImportError
)

from emotion_cli.models.loading import load  # noqa: E402
from emotion_cli.models.pooling import pooled_activations  # noqa: E402
from emotion_cli.models.sources.finding import find  # noqa: E402
from emotion_cli.models.tokens import tokenize  # noqa: E402

TEXTS = ["thank you so much .", "the bus is late and I am late and so is the bus !", "a", "I am furious today !"]


NOT_IN_LENS = {
    "opt-post-norm": "TransformerLens 4.3 raises on OPT's form with norms behind the sums",
    "falcon-alibi": "TransformerLens 4.3 leaves ALiBi out of Falcon's attention, 2 % off transformers' own forward pass",
    **dict.fromkeys(
        ("gemma3", "gemma4_text", "llama4_text", "openai-gpt", "lfm2", "recurrent_gemma", "rwkv", "ctrl"), "not compared yet"
    ),
}


@pytest.mark.parametrize("architecture", [name for name in tiny.CONFIGS if name not in NOT_IN_LENS])
def test_layers_are_what_transformer_lens_hooks(architecture, tmp_path):
    folder = tiny.save_model(tmp_path / architecture, architecture)
    loaded = load(find(str(folder), cache=tmp_path))
    ids = tokenize(loaded, TEXTS).ids
    layers = list(range(loaded.n_layers + 1))
    pooled = pooled_activations(loaded, ids, poolings=["last", "mean"], layers=layers, batch_tokens=64)
    bridge = lens.TransformerBridge.boot_transformers(
        str(folder), hf_model=tiny.plain_model(folder), tokenizer=loaded.tokenizer, device="cpu"
    )
    names = ["blocks.0.hook_resid_pre", *(f"blocks.{k}.hook_resid_post" for k in range(loaded.n_layers))]
    for prompt, row in enumerate(ids):
        with torch.no_grad():
            _, cache = bridge.run_with_cache(torch.tensor([row]))
        for layer, name in enumerate(names):
            state = cache[name][0].double().numpy()
            for pooling, expected in (("last", state[-1]), ("mean", state[1:].mean(0))):
                error = np.linalg.norm(pooled.values[pooling][layer, prompt] - expected) / np.linalg.norm(expected)
                print(f"{architecture} layer {layer} {pooling}: {error:.1e}")
                assert error < 1e-5, (architecture, pooling, layer, error)
