"""Content hashes of weights and tokenizers, remembered by path, size and time, so that planning is instant."""

import hashlib
import json
import os
import tempfile
from pathlib import Path

VOLATILE_CONFIG_KEYS = ("transformers_version", "_name_or_path", "dtype", "torch_dtype")
"""Keys of config.json that say who wrote it, not what it computes."""

TOKENIZER_FILES = (
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.json",
    "merges.txt", "tokenizer.model", "chat_template.jinja",
)  # fmt: skip


def weights_sha256(folder: Path, cache: Path) -> str:
    """SHA-256 over the safetensors files and the config of a model folder."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    meaning = {key: value for key, value in config.items() if key not in VOLATILE_CONFIG_KEYS}
    files = {path.name: file_sha256(path, cache) for path in sorted(folder.glob("*.safetensors"))}
    return hashlib.sha256(json.dumps([meaning, files], sort_keys=True).encode()).hexdigest()


def tokenizer_sha256(folder: Path, cache: Path) -> str:
    """SHA-256 over the tokenizer files of a model folder."""
    files = {name: file_sha256(folder / name, cache) for name in TOKENIZER_FILES if (folder / name).is_file()}
    return hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()


def file_sha256(path: Path, cache: Path) -> str:
    """SHA-256 of a file, computed once for each (path, size, time)."""
    status = path.stat()
    key = f"{path.resolve()}|{status.st_size}|{status.st_mtime_ns}"
    memo_path = cache / "sha256.json"
    try:
        memo = json.loads(memo_path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        memo = {}
    if not isinstance(memo, dict) or not isinstance(memo.get(key), str):
        with path.open("rb") as source:
            digest = hashlib.file_digest(source, "sha256").hexdigest()
        memo = {**(memo if isinstance(memo, dict) else {}), key: digest}
        cache.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=cache)
        with os.fdopen(handle, "w", encoding="utf-8") as sink:
            json.dump(memo, sink)
        Path(temporary).replace(memo_path)
    return memo[key]
