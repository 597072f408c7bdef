"""Mutated model folders: each is refused in a sentence, or gives what plain transformers gives with every tensor loaded.

Whatever is not refused must have other hashes than the sound folder, so that no extraction is taken for another.
"""

import json
import random
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import tiny
import torch
import transformers
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer

from emotion_cli.errors import CheckFailedError, EmoError
from emotion_cli.models.checks import Check, tokens
from emotion_cli.models.loading import load
from emotion_cli.models.pooling import pooled_activations
from emotion_cli.models.sources.finding import ModelSource, find
from emotion_cli.models.tokens import tokenize

SEED = 0
TEXTS = ["thank you so much .", "the bus is late today !"]
ARCHITECTURES = ("llama", "gpt2", "gemma3_text", "gpt_neo")
KINDS_OF_NUMBER = (torch.float16, torch.bfloat16, torch.float64, torch.int8)


class Sound(NamedTuple):
    """A folder before it is mutated, where its tensors are, and its hashes."""

    architecture: str
    folder: Path
    source: ModelSource


@pytest.fixture(scope="module")
def sound(tmp_path_factory) -> list[Sound]:
    root = tmp_path_factory.mktemp("sound")
    folders = [(architecture, tiny.save_model(root / architecture, architecture)) for architecture in ARCHITECTURES]
    sharded = root / "sharded"
    model = transformers.AutoModelForCausalLM.from_pretrained(folders[0][1])
    shutil.copytree(folders[0][1], sharded, ignore=shutil.ignore_patterns("*.safetensors"))
    model.save_pretrained(sharded, max_shard_size="40KB")
    assert len(list(sharded.glob("*.safetensors"))) > 1
    return [
        Sound(architecture, folder, find(str(folder), cache=root / "cache"))
        for architecture, folder in [*folders, ("llama", sharded)]
    ]


def change_tensors(draw: random.Random, folder: Path, change: Callable[[dict[str, torch.Tensor], str], None]) -> None:
    file = draw.choice(sorted(folder.glob("*.safetensors")))
    tensors = load_file(file)
    change(tensors, draw.choice(sorted(tensors)))
    save_file(tensors, file, metadata={"format": "pt"})


def rename(draw: random.Random, folder: Path) -> None:
    ending = draw.choice(["_x", ".lora_A", "2"])

    def change(tensors, name):
        tensors[name + ending] = tensors.pop(name)

    change_tensors(draw, folder, change)


def prefix_all(draw: random.Random, folder: Path) -> None:
    prefix = draw.choice(["_orig_mod.", "module.", "base_model.model."])
    for file in folder.glob("*.safetensors"):
        save_file({prefix + name: value for name, value in load_file(file).items()}, file, metadata={"format": "pt"})


def drop(draw: random.Random, folder: Path) -> None:
    change_tensors(draw, folder, lambda tensors, name: tensors.pop(name))


def resize(draw: random.Random, folder: Path) -> None:
    def change(tensors, name):
        tensors[name] = torch.cat([tensors[name], tensors[name][:1]]).contiguous()

    change_tensors(draw, folder, change)


def retype(draw: random.Random, folder: Path) -> None:
    kind = draw.choice(KINDS_OF_NUMBER)

    def change(tensors, name):
        tensors[name] = tensors[name].to(kind)

    change_tensors(draw, folder, change)


def swap(draw: random.Random, folder: Path) -> None:
    """Another value under a sound name: nothing to refuse, but another model."""

    def change(tensors, name):
        tensors[name] = tensors[name] + 0.5

    change_tensors(draw, folder, change)


def add(draw: random.Random, folder: Path) -> None:
    ending = draw.choice(["lora_A.weight", "qweight", "weight_scale", "extra"])

    def change(tensors, name):
        tensors[f"{name.rpartition('.')[0]}.{ending}"] = torch.ones(2, 2)

    change_tensors(draw, folder, change)


def change_a_byte(draw: random.Random, folder: Path) -> None:
    file = draw.choice(small_files(folder))
    data = bytearray(file.read_bytes())
    place = draw.randrange(len(data))
    data[place] = draw.choice([byte for byte in (draw.randrange(256), ord("7"), ord("x")) if byte != data[place]])
    file.write_bytes(data)


def remove_a_file(draw: random.Random, folder: Path) -> None:
    draw.choice([*small_files(folder), *sorted(folder.glob("*.safetensors"))]).unlink()


def add_an_adapter(draw: random.Random, folder: Path) -> None:
    name = draw.choice(["adapter_config.json", "adapter_model.safetensors"])
    if name.endswith("json"):
        (folder / name).write_text(json.dumps({"peft_type": "LORA", "r": 2, "target_modules": ["q_proj"]}))
    else:
        save_file({"base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight": torch.ones(2, 32)}, folder / name)


def add_a_tokenizer_file(draw: random.Random, folder: Path) -> None:
    name = draw.choice(["vocab.txt", "added_tokens.json", "special_tokens_map.json", "merges.txt", "chat_template.jinja"])
    (folder / name).write_text(json.dumps({"<odd>": len(tiny.VOCABULARY)}))


def small_files(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.iterdir()) if path.suffix != ".safetensors"]


MUTATIONS = [
    rename,
    prefix_all,
    drop,
    resize,
    retype,
    swap,
    add,
    change_a_byte,
    change_a_byte,
    change_a_byte,
    remove_a_file,
    add_an_adapter,
    add_a_tokenizer_file,
]


def test_a_mutated_folder_is_refused_or_is_what_transformers_loads(sound, tmp_path, request):
    draw = random.Random(SEED)
    refused = 0
    count = request.config.getoption("--model-mutations")
    for i in range(count):
        model, mutate = draw.choice(sound), MUTATIONS[i % len(MUTATIONS)]
        folder = tmp_path / "mutant"
        shutil.copytree(model.folder, folder)
        mutate(draw, folder)
        try:
            source = find(str(folder), cache=tmp_path / "cache")
            loaded = load(source)
            refuse_failed(tokens(loaded), folder)
            ids = tokenize(loaded, TEXTS).ids
            layers = list(range(loaded.n_layers + 1))
            values = pooled_activations(loaded, ids, poolings=["last"], layers=layers, batch_tokens=1, strategy="single").values
        except EmoError as error:
            refused += 1
            assert str(folder) in str(error) or "mutant" in str(error), f"{mutate.__name__}: {error}"
        else:
            what = f"mutant {i} of {model.folder.name} by {mutate.__name__}"
            assert source.hashes != model.source.hashes, what
            assert ids == plain_ids(folder), what
            assert every_tensor_is_loaded(folder), what
            assert np.allclose(values["last"], plain_values(folder, model.architecture, ids), rtol=1e-4, atol=1e-5), what
        shutil.rmtree(folder)
    # both happen, or the test could not fail
    assert count // 4 < refused < count


def refuse_failed(checks: Sequence[Check], folder: Path) -> None:
    failed = [check.name for check in checks if not check.passed]
    if failed:
        raise CheckFailedError(f"{folder}: {failed}")


def plain_ids(folder: Path) -> list[list[int]]:
    tokenizer = transformers.PreTrainedTokenizerFast.from_pretrained(folder)
    first = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
    rows = [Tokenizer.from_file(str(folder / "tokenizer.json")).encode(text, add_special_tokens=False).ids for text in TEXTS]
    return [row if first is None or row[:1] == [first] else [first, *row] for row in rows]


def plain_values(folder: Path, architecture: str, ids: list[list[int]]) -> np.ndarray:
    """Last token's state [layer, prompt, d_model]."""
    states = tiny.plain_states(folder, architecture, ids)
    return np.array([[layer[-1].numpy() for layer in row] for row in states]).swapaxes(0, 1)


def every_tensor_is_loaded(folder: Path) -> bool:
    # the number format is chosen, not read from the config, as emo does
    model, report = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, output_loading_info=True)
    state = model.state_dict()
    for file in folder.glob("*.safetensors"):
        with safe_open(file, framework="pt") as stored:
            # what is at the head is not run
            for name in (name for name in stored.keys() if not name.startswith("lm_head")):  # noqa: SIM118
                value = state.get(name, state.get(f"{model.base_model_prefix}.{name}"))
                if value is None or not torch.equal(value, stored.get_tensor(name).to(value.dtype)):
                    return False
    heads = {name for name in report["missing_keys"] if not name.startswith(model.base_model_prefix)}
    return set(report["missing_keys"]) == heads
