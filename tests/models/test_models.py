"""Finding, loading and tokenizing: what is refused, and how it is said."""

import shutil

import pytest
import tiny

from emotion_cli.errors import EmoError, MissingError, UsageError
from emotion_cli.models.loading import load
from emotion_cli.models.sources.finding import find
from emotion_cli.models.tokens import tokenize


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny.save_model(tmp_path_factory.mktemp("tiny"), "llama")


@pytest.fixture(scope="module")
def loaded(folder, tmp_path_factory):
    return load(find(str(folder), cache=tmp_path_factory.mktemp("cache")))


def test_equal_folders_are_one_model_and_others_are_not(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "copy")
    tiny.save_model(tmp_path / "other", "llama", seed=1)
    sources = [find(str(path), cache=tmp_path / "cache") for path in (folder, tmp_path / "copy", tmp_path / "other")]
    assert sources[0].hashes == sources[1].hashes
    assert sources[0].weights_sha256 != sources[2].weights_sha256


def test_bos_is_put_first_once(loaded):
    assert tokenize(loaded, ["<bos> thank you"]).ids == [[0, 5, 6]]
    assert tokenize(loaded, ["thank you"], bos="never").ids == [[5, 6]]
    with pytest.raises(UsageError, match="repeated"):
        tokenize(loaded, ["<bos> thank you"], bos="always")


def test_long_prompts_are_named_or_cut_and_counted(loaded):
    texts = ["the bus is late", "a"]
    with pytest.raises(UsageError, match=r"longer than 3 tokens.*the bus is late") as caught:
        tokenize(loaded, texts, max_length=3)
    assert caught.value.hint == "--max-length 5 reads them whole, --truncate cuts them"
    assert tokenize(loaded, texts, max_length=3, truncate=True)[:2] == ([[0, 13, 14], [0, 18]], [0])
    with pytest.raises(UsageError, match="longer than 64 tokens: 1 prompt:") as caught:
        tokenize(loaded, ["bus " * 70])
    assert caught.value.hint == "--truncate cuts them"


def test_a_missing_chat_template_is_said(loaded):
    with pytest.raises(UsageError, match="no chat template"):
        tokenize(loaded, ["a"], chat_template=True)


def test_what_is_not_there_is_said_with_the_next_command(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(MissingError) as caught:
        find("nobody/no-such-model", cache=tmp_path)
    assert caught.value.hint
    with pytest.raises(MissingError, match="no such GGUF"):
        find(str(tmp_path / "gone.gguf"), cache=tmp_path)
    with pytest.raises(MissingError, match="not a model folder"):
        find(str(tmp_path), cache=tmp_path)


def test_weights_that_can_run_code_are_refused(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "copy")
    (tmp_path / "copy/model.safetensors").rename(tmp_path / "copy/pytorch_model.bin")
    with pytest.raises(MissingError, match="safetensors"):
        find(str(tmp_path / "copy"), cache=tmp_path)


def test_damaged_weights_and_gguf_files_are_errors(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "copy")
    weights = tmp_path / "copy/model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(EmoError, match="not a complete safetensors file"):
        load(find(str(tmp_path / "copy"), cache=tmp_path))
    (tmp_path / "bad.gguf").write_bytes(b"GGUF" + bytes(64))
    with pytest.raises(EmoError, match="not a complete GGUF file"):
        load(find(str(tmp_path / "bad.gguf"), cache=tmp_path / "cache"))
    assert not list((tmp_path / "cache").glob("converted/*"))


def test_files_that_cannot_be_loaded_are_said_in_a_line_with_the_next_step(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "copy")
    source = find(str(tmp_path / "copy"), cache=tmp_path)
    tokenizer = tmp_path / "copy/tokenizer.json"
    tokenizer.write_text("{")
    with pytest.raises(EmoError, match="the tokenizer cannot be loaded") as damaged:
        load(source)
    tokenizer.unlink()
    with pytest.raises(EmoError, match=r"there is no tokenizer.json in .*copy$") as gone:
        load(source)
    (tmp_path / "copy/config.json").write_text('{"model_type": "llama", "hidden_size": "many"}')
    with pytest.raises(EmoError, match="cannot be loaded") as config:
        load(source)
    for caught in (damaged, gone, config):
        assert "\n" not in str(caught.value) and len(str(caught.value)) < 600 and caught.value.hint
    assert "tokenizer.save_pretrained(" in gone.value.hint and "sentencepiece" not in str(gone.value)


def test_a_device_that_is_not_there_is_said(folder, tmp_path):
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has one")
    with pytest.raises(UsageError, match="cuda is not available"):
        load(find(str(folder), cache=tmp_path), device="cuda")


def test_float16_is_refused_where_it_overflows(tmp_path):
    """Measured, not known by name: the same architecture is loaded while its components are small."""
    folder = tiny.save_model(tmp_path / "small", "gemma3_text")
    assert load(find(str(folder), cache=tmp_path), dtype="float16").dtype == "float16"
    large = tiny.plain_model(folder)
    large.model.layers[0].post_feedforward_layernorm.weight.data += 2e4
    shutil.copytree(folder, tmp_path / "large")
    large.save_pretrained(tmp_path / "large")
    with pytest.raises(UsageError, match="float16 overflows") as caught:
        load(find(str(tmp_path / "large"), cache=tmp_path), dtype="float16")
    assert caught.value.hint == "--dtype bfloat16"
    assert load(find(str(tmp_path / "large"), cache=tmp_path)).dtype == "float32"


@pytest.mark.slow
def test_bfloat16_is_near_float32(cache):
    import numpy as np

    from emotion_cli.models.pooling import pooled_activations

    values = []
    for dtype in ("float32", "bfloat16"):
        model = load(find("smollm2-135m", cache=cache), dtype=dtype)
        ids = tokenize(model, ["Thank you for the late parcel.", "The parcel arrives on Tuesday."]).ids
        values.append(pooled_activations(model, ids, poolings=["last"], layers=[15], batch_tokens=64).values["last"])
    error = np.linalg.norm(values[0] - values[1], axis=-1) / np.linalg.norm(values[0], axis=-1)
    assert 1e-5 < error.max() < 0.05


def test_a_tokenizer_that_lost_the_bos_of_the_config_is_refused(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "copy")
    (tmp_path / "copy/tokenizer_config.json").unlink()
    lost = load(find(str(tmp_path / "copy"), cache=tmp_path))
    with pytest.raises(UsageError, match="token 0 begins a text, and its tokenizer has neither BOS nor EOS") as caught:
        tokenize(lost, ["thank you"])
    assert "--bos never" in caught.value.hint
    assert tokenize(lost, ["thank you"], bos="never").ids == [[5, 6]]


def test_a_tokenizer_that_fails_on_a_text_is_an_error(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "copy")
    path = tmp_path / "copy/tokenizer.json"
    path.write_text(path.read_text().replace('"<unk>": 2', '"<uxk>": 2').replace('"unk_token": "<unk>"', '"unk_token": "<no>"'))
    broken = load(find(str(tmp_path / "copy"), cache=tmp_path))
    with pytest.raises(EmoError, match="its tokenizer fails on these texts"):
        tokenize(broken, ["thank danke"])


def test_what_a_tokenizer_loses_is_said(loaded):
    from emotion_cli.models.tokens import told_apart

    assert told_apart(loaded, tokenize(loaded, ["thank you", "the bus"]).ids) == []
    equal, unknown = told_apart(loaded, tokenize(loaded, ["thank you", "danke dir", "merci toi"]).ids)
    assert equal.startswith("1 of 3 prompts have the same tokens as another one")
    assert unknown == "4 of 9 tokens stand for words that the tokenizer does not know"
