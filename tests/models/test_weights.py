"""Folders whose tensors do not fit their config are refused by name and shape; old and headless folders go on working."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tiny
import torch
from safetensors.torch import load_file, save_file

from emotion_cli.errors import EmoError, UsageError
from emotion_cli.models.loading import load
from emotion_cli.models.pooling import pooled_activations
from emotion_cli.models.sources.finding import find

GATE = "model.layers.1.mlp.gate_proj.weight"


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("sound")
    names = ("llama", "gpt2", "gpt_neo", "gpt_neox", "mixtral")
    return {name: tiny.save_model(root / name, name) for name in names if name in tiny.CONFIGS}


@pytest.fixture
def copy(folders, tmp_path):
    def copy(architecture: str = "llama") -> Path:
        shutil.copytree(folders[architecture], tmp_path / architecture)
        return tmp_path / architecture

    return copy


def rewrite(folder: Path, change) -> Path:
    file = folder / "model.safetensors"
    save_file(change(load_file(file)), file, metadata={"format": "pt"})
    return folder


def configure(folder: Path, **values) -> Path:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | values))
    return folder


def states(folder: Path) -> np.ndarray:
    loaded = load(find(str(folder), cache=folder.parent / "cache"))
    return pooled_activations(loaded, [[0, 5, 6, 7]], poolings=["last"], layers=[1, 2], batch_tokens=8).values["last"]


def refused(folder: Path, *words: str) -> EmoError:
    with pytest.raises(EmoError) as caught:
        load(find(str(folder), cache=folder.parent / "cache"))
    assert all(word in str(caught.value) for word in words), str(caught.value)
    return caught.value


@pytest.mark.parametrize(
    ("prefix", "hint"),
    [
        ("_orig_mod.", "torch.compile"),
        ("module.", "wrapper"),
        ("base_model.model.", "merge_and_unload"),
    ],
)
def test_names_of_a_wrapper_are_refused_with_the_way_out(copy, prefix, hint):
    folder = rewrite(copy(), lambda tensors: {prefix + name: value for name, value in tensors.items()})
    error = refused(
        folder,
        "missing: model.embed_tokens.weight [64, 32]",
        f"not part of the model: {prefix}model.embed_tokens.weight [64, 32]",
    )
    assert hint in error.hint


def test_a_missing_tensor_is_named_with_its_shape(copy):
    folder = rewrite(copy(), lambda tensors: {name: value for name, value in tensors.items() if "layers.1.mlp" not in name})
    refused(folder, f"{GATE} [64, 32]", "model.layers.1.mlp.down_proj.weight [32, 64]")


def test_quantised_leftovers_are_refused(copy):
    folder = rewrite(
        copy(), lambda tensors: {name.replace("proj.weight", "proj.qweight"): value for name, value in tensors.items()}
    )
    assert "dequantised" in refused(folder, "k_proj.qweight [16, 32]").hint


def test_a_tensor_of_another_shape_is_named_with_both(copy):
    error = refused(configure(copy(), vocab_size=70), "model.embed_tokens.weight [64, 32] where the model has [70, 32]")
    assert "report" not in str(error)


def test_more_blocks_than_the_config_says_are_refused(copy):
    refused(configure(copy(), num_hidden_layers=2), "not part of the model: model.layers.2.")


@pytest.mark.parametrize("name", ["base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight", "layers.0.mlp.scale"])
def test_tensors_inside_the_decoder_that_it_has_no_place_for_are_refused(copy, name):
    refused(rewrite(copy(), lambda tensors: tensors | {name: torch.ones(2, 32)}), f"{name} [2, 32]")


@pytest.mark.parametrize("name", ["adapter_config.json", "adapter_model.safetensors"])
def test_an_adapter_is_refused_with_the_command_that_merges_it(copy, name):
    folder = copy()
    (folder / name).write_text("{}")
    with pytest.raises(UsageError, match="holds an adapter") as caught:
        find(str(folder), cache=folder.parent)
    assert "merge_and_unload" in caught.value.hint and str(folder) in caught.value.hint


def test_code_from_another_repository_is_refused(copy):
    folder = configure(copy(), auto_map={"AutoModelForCausalLM": "somebody/else--modeling.Model"})
    with pytest.raises(UsageError, match="somebody/else"):
        find(str(folder), cache=folder.parent)


WITHOUT_HEAD = {
    "no head": lambda tensors: {name: value for name, value in tensors.items() if name != "lm_head.weight"},
    "saved by AutoModel": lambda tensors: {
        name.removeprefix("model."): value for name, value in tensors.items() if name != "lm_head.weight"
    },
    "a classifier": lambda tensors: tensors | {"score.weight": torch.ones(3, 32)},
    "a value head": lambda tensors: tensors | {"v_head.summary.weight": torch.ones(1, 32)},
}


@pytest.mark.parametrize("change", WITHOUT_HEAD.values(), ids=WITHOUT_HEAD)
def test_what_stands_at_the_head_does_not_matter(copy, folders, change):
    assert np.array_equal(states(rewrite(copy(), change)), states(folders["llama"]))


def mask(window: int | None = None) -> torch.Tensor:
    whole = torch.ones(64, 64, dtype=torch.bool).tril()
    return (whole if window is None else whole ^ whole.tril(-window))[None, None]


OLDER = {
    "gpt2": {f"transformer.h.{i}.attn.bias": mask() for i in range(3)},
    "gpt_neo": {
        "transformer.h.0.attn.attention.bias": mask(),
        "transformer.h.1.attn.attention.bias": mask(4),
        "transformer.h.0.attn.attention.masked_bias": torch.tensor(-1e9),
    },
    "gpt_neox": {
        f"gpt_neox.layers.{i}.attention.{name}": value
        for i in range(3)
        for name, value in {"bias": mask(), "masked_bias": torch.tensor(-1e9), "rotary_emb.inv_freq": torch.ones(4)}.items()
    },
}
"""Constants that folders of older versions of transformers hold beside the weights."""


@pytest.mark.parametrize("architecture", OLDER)
def test_constants_in_older_folders_are_no_leftovers(copy, folders, architecture):
    folder = rewrite(
        copy(architecture), lambda tensors: tensors | {name: value.clone() for name, value in OLDER[architecture].items()}
    )
    assert np.array_equal(states(folder), states(folders[architecture]))


def test_a_constant_that_is_not_what_the_model_computes_is_refused(copy):
    refused(
        rewrite(copy("gpt_neo"), lambda tensors: tensors | {"transformer.h.1.attn.attention.bias": mask(5)}),
        "h.1.attn.attention.bias",
    )


@pytest.mark.parametrize("kind", [torch.int8, torch.uint8, torch.bool, torch.float8_e4m3fn], ids=str)
def test_codes_in_the_place_of_weights_are_refused(copy, kind):
    folder = rewrite(
        copy(), lambda tensors: {name: value.to(kind) if "proj" in name else value for name, value in tensors.items()}
    )
    assert "dequantised" in refused(folder, "not stored as weights: model.layers.0.mlp.down_proj.weight").hint


def test_weights_in_other_number_formats_of_floats_are_read(copy, folders):
    folder = rewrite(copy(), lambda tensors: {name: value.double() for name, value in tensors.items()})
    assert np.array_equal(states(folder), states(folders["llama"]))


def test_a_folder_of_an_adapter_alone_is_refused_with_the_command_that_merges_it(tmp_path):
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(UsageError, match="holds an adapter"):
        find(str(tmp_path), cache=tmp_path)


def test_a_weight_that_is_no_number_is_named(copy):
    folder = rewrite(copy(), lambda tensors: tensors | {GATE: torch.full((64, 32), torch.nan)})
    with pytest.raises(EmoError, match=r"layers\.1\.mlp\.gate_proj\.weight holds values that are not numbers"):
        states(folder)
