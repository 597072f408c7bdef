"""A GGUF file is read whole or refused, and its converted copy is the one that was written."""

import json
from pathlib import Path

import numpy as np
import pytest
from tiny_gguf import BLOCKS, EXTRA, shapes, write

from emotion_cli.errors import EmoError
from emotion_cli.models.loading import load
from emotion_cli.models.pooling import pooled_activations
from emotion_cli.models.sources.finding import find
from emotion_cli.models.sources.gguf import RECORD


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
