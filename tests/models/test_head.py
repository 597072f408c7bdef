"""A model loaded with its head gives the logits that transformers gives, and needs the head's tensors."""

import pytest
import tiny
import torch
from safetensors.torch import load_file, save_file

from emotion_cli.errors import EmoError
from emotion_cli.models.loading import load
from emotion_cli.models.sources.finding import find

IDS = torch.tensor([[0, 5, 6, 7, 13]])


@pytest.mark.parametrize("architecture", sorted(tiny.CONFIGS))
def test_logits_are_those_of_the_plain_model(architecture, tmp_path):
    folder = tiny.save_model(tmp_path / "tiny", architecture)
    loaded = load(find(str(folder), cache=tmp_path), head=True)
    with torch.no_grad():
        expected = tiny.plain_model(folder)(input_ids=IDS).logits
        logits = loaded.causal(input_ids=IDS, use_cache=False).logits
    torch.testing.assert_close(logits, expected, rtol=0, atol=1e-5)
    assert not any(parameter.requires_grad for parameter in loaded.causal.parameters()) and not loaded.causal.training


def test_a_folder_without_the_head_loads_without_it_only(tmp_path):
    folder = tiny.save_model(tmp_path / "tiny", "llama")
    file = folder / "model.safetensors"
    tensors = {name: value for name, value in load_file(file).items() if not name.startswith("lm_head")}
    save_file(tensors, file, metadata={"format": "pt"})
    source = find(str(folder), cache=tmp_path)
    assert load(source).causal is None
    with pytest.raises(EmoError, match=r"missing: lm_head.weight \[64, 32\]"):
        load(source, head=True)
