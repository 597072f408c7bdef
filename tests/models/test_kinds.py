"""Folders that hold no causal language model that can be read are refused in one plain sentence, with the next step."""

import json

import pytest
import tiny
import transformers
from command import emo

from emotion_cli.errors import UsageError
from emotion_cli.models.loading import load
from emotion_cli.models.sources import kinds
from emotion_cli.models.sources.finding import find
from emotion_cli.models.sources.kinds import missing_packages

_SIZES = {"vocab_size": 64, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 32}
_BART = {
    "vocab_size": 64,
    "d_model": 32,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 32,
    "decoder_ffn_dim": 32,
    "max_position_embeddings": 64,
}
_SEEN = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 32,
    "image_size": 28,
    "patch_size": 14,
    "projection_dim": 32,
}

WRONG = {
    "bert": (lambda: transformers.BertForMaskedLM(transformers.BertConfig(**_SIZES)), "not causal: tokens see those after"),
    "roberta": (
        lambda: transformers.RobertaForMaskedLM(transformers.RobertaConfig(**_SIZES, max_position_embeddings=64)),
        "not causal: tokens see those after",
    ),
    "distilbert": (
        lambda: transformers.DistilBertForMaskedLM(
            transformers.DistilBertConfig(vocab_size=64, dim=32, n_layers=2, n_heads=4, hidden_dim=32)
        ),
        "not a causal language model",
    ),
    "bart": (lambda: transformers.BartForConditionalGeneration(transformers.BartConfig(**_BART)), "an encoder with a decoder"),
    "t5": (
        lambda: transformers.T5ForConditionalGeneration(
            transformers.T5Config(vocab_size=64, d_model=32, d_kv=8, d_ff=32, num_layers=2, num_heads=4)
        ),
        "an encoder with a decoder",
    ),
    "vit": (
        lambda: transformers.ViTModel(transformers.ViTConfig(**{**_SEEN, "projection_dim": None})),
        "not a causal language model",
    ),
    "llava": (
        lambda: transformers.LlavaForConditionalGeneration(
            transformers.LlavaConfig(
                vision_config={"model_type": "clip_vision_model", **_SEEN}, text_config={"model_type": "llama", **_SIZES}
            )
        ),
        r"not a causal language model \(it has parts for: text, vision\)",
    ),
    "wav2vec2": (
        lambda: transformers.Wav2Vec2Model(
            transformers.Wav2Vec2Config(
                **_SIZES,
                conv_dim=(8,),
                conv_stride=(2,),
                conv_kernel=(3,),
                num_conv_pos_embeddings=4,
                num_conv_pos_embedding_groups=2,
            )
        ),
        "not a causal language model",
    ),
}
"""A tiny model of a wrong kind, and what is said of it."""


@pytest.mark.parametrize("kind", WRONG)
def test_a_model_of_a_wrong_kind_is_refused(kind, tmp_path):
    make, said = WRONG[kind]
    make().save_pretrained(tmp_path)
    tiny.save_tokenizer(tmp_path)
    with pytest.raises(UsageError, match=said) as caught:
        load(find(str(tmp_path), cache=tmp_path))
    assert kind in str(caught.value) and len(str(caught.value)) < 200 and caught.value.hint
    assert caught.value.exit_code == 2


def test_a_bert_that_was_made_causal_is_read(tmp_path):
    """What a model does decides, not what it is called."""
    config = transformers.BertConfig(**_SIZES, is_decoder=True)
    transformers.BertLMHeadModel(config).save_pretrained(tmp_path)
    tiny.save_tokenizer(tmp_path)
    assert load(find(str(tmp_path), cache=tmp_path)).architecture == "bert"


def with_config(folder, **changes):
    tiny.save_model(folder, "llama")
    path = folder / "config.json"
    config = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({name: value for name, value in config.items() if value is not None}))
    return find(str(folder), cache=folder)


@pytest.mark.parametrize(
    ("changes", "said", "hint"),
    [
        ({"model_type": "llama99"}, "does not know models of type llama99", "pip install --upgrade transformers"),
        (
            {"model_type": "mine", "auto_map": {"AutoConfig": "a.A", "AutoModelForCausalLM": "b.B"}},
            "code of its own",
            "--trust-remote-code",
        ),
        ({"model_type": None}, "names no model_type", "model_type"),
        ({"model_type": ["llama"]}, "names no model_type", "model_type"),
    ],
)
def test_a_model_that_transformers_does_not_know_is_refused(changes, said, hint, tmp_path):
    with pytest.raises(UsageError, match=said) as caught:
        load(with_config(tmp_path, **changes))
    assert hint in caught.value.hint


@pytest.mark.parametrize(("begins", "package"), [(b"\n\x0e\n\x05<unk>", "sentencepiece"), (b"IQ== 0\nIg== 1\n", "tiktoken")])
def test_a_tokenizer_that_needs_a_package_says_which(begins, package, tmp_path, monkeypatch):
    source = with_config(tmp_path)
    (tmp_path / "tokenizer.json").rename(tmp_path / "kept")
    (tmp_path / "tokenizer.model").write_bytes(begins)
    (tmp_path / "tokenizer_config.json").write_text('{"tokenizer_class": "LlamaTokenizer"}')
    monkeypatch.setattr(kinds, "_is_there", lambda name: name != package)
    with pytest.raises(UsageError, match=f"needs the package {package}$") as caught:
        load(source)
    assert caught.value.hint == f"pip install {package}"
    monkeypatch.setattr(kinds, "_is_there", lambda name: False)
    expected = ["sentencepiece", "protobuf"] if package == "sentencepiece" else ["tiktoken"]
    assert missing_packages(tmp_path) == expected
    (tmp_path / "kept").rename(tmp_path / "tokenizer.json")
    assert missing_packages(tmp_path) == []


def test_the_exit_code_is_that_of_a_wrong_option(tmp_path):
    WRONG["bart"][0]().save_pretrained(tmp_path / "bart")
    ran = emo("extract", "-d", "baseline", "-m", tmp_path / "bart", "--store", tmp_path / "store")
    assert ran.code == 2 and "an encoder with a decoder" in ran.err and "Traceback" not in ran.err
