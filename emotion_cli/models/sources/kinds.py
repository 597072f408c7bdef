"""Which folders hold a causal language model that can be loaded: what their config says, before any weight is read."""

import json
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from emotion_cli.errors import UsageError

CAUSAL = "AutoModelForCausalLM"
"""The key in a config for custom code of a causal language model."""


TIKTOKEN = rb"[A-Za-z0-9+/]+=* \d+\s"
"""How a vocabulary in tiktoken's format begins: a token in base64 and its rank."""


PACKAGES = {"sentencepiece": ("sentencepiece", "google.protobuf"), "tiktoken": ("tiktoken",)}
"""Packages that transformers imports to read a tokenizer of their format."""


SOLD_AS = {"sentencepiece": "sentencepiece", "google.protobuf": "protobuf", "tiktoken": "tiktoken"}
"""Distribution name of each imported package."""


def refuse_other_kinds(name: str, folder: Path, *, trust_remote_code: bool = False) -> None:
    """UsageError in one sentence unless transformers has a causal language model for what config.json says."""
    import transformers

    read = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config: dict[str, Any] = read if isinstance(read, dict) else {}
    kind = config.get("model_type")
    code = config.get("auto_map") or {}
    if trust_remote_code and CAUSAL in code:
        return
    if not isinstance(kind, str):
        raise UsageError(f"{name}: its config.json names no model_type", hint='add the line "model_type": "..." to config.json')
    known = kind in transformers.CONFIG_MAPPING
    described: Any = transformers.CONFIG_MAPPING[kind] if known else None
    if known and config.get("is_encoder_decoder", getattr(described, "is_encoder_decoder", False)):
        raise UsageError(
            f"{name}: a model of type {kind} is an encoder with a decoder, not a causal language model", hint="emo models list"
        )
    if known and described in transformers.MODEL_FOR_CAUSAL_LM_MAPPING:
        return
    if CAUSAL in code:
        raise UsageError(
            f"{name}: a model of type {kind} runs code of its own, which is in its folder",
            hint="--trust-remote-code, once you have read the code",
        )
    if not known:
        raise UsageError(
            f"{name}: transformers {transformers.__version__} does not know models of type {kind}",
            hint="pip install --upgrade transformers",
        )
    made_of = sorted(
        key.removesuffix("_config")
        for key, value in config.items()
        if key.endswith("_config") and isinstance(value, dict) and "model_type" in value
    )
    parts = f" (it has parts for: {', '.join(made_of)})" if made_of else ""
    raise UsageError(f"{name}: a model of type {kind} is not a causal language model{parts}", hint="emo models list")


def missing_packages(folder: Path) -> list[str]:
    """The packages missing to read a folder's tokenizer, in the format of sentencepiece or tiktoken."""
    if (folder / "tokenizer.json").is_file():
        return []
    missing: dict[str, None] = {}
    for file in sorted(folder.glob("*.model")):
        with file.open("rb") as stream:
            begins = stream.read(256)
        kind = "tiktoken" if re.match(TIKTOKEN, begins) else "sentencepiece"
        missing |= {SOLD_AS[package]: None for package in PACKAGES[kind] if not _is_there(package)}
    return list(missing)


def refuse_missing_packages(name: str, folder: Path) -> None:
    """UsageError when a tokenizer needs a package that is not installed."""
    missing = missing_packages(folder)
    if missing:
        raise UsageError(
            f"{name}: its tokenizer needs the package {' and '.join(missing)}", hint=f"pip install {' '.join(missing)}"
        )


def _is_there(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:  # nor what it is part of
        return False
