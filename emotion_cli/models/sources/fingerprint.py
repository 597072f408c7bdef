"""Content hashes of all files that loading a model can read, cached by the files' size and time, so that planning is instant."""

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

NOT_READ = (
    ".md",
    ".bin",
    ".pt",
    ".pth",
    ".h5",
    ".msgpack",
    ".ot",
    ".onnx",
    ".gguf",
    ".png",
    ".jpg",
    ".jpeg",
    ".gif",
    ".svg",
    ".pdf",
    ".log",
    ".csv",
    ".tsv",
    ".jsonl",
    ".parquet",
    ".ipynb",
)
"""Endings of files that loading never reads: pages, pictures, tables, and weights in formats that are refused."""


WEIGHT_FILES = (".safetensors", ".safetensors.index.json", ".py")
"""Endings of the files that, with config.json, decide what is computed; all others that are read belong to the tokenizer."""


CONFIG = "config.json"


TEMPLATES = "additional_chat_templates"
"""The folder below a model's folder that transformers reads, too."""


def weights_sha256(folder: Path, cache: Path) -> str:
    """SHA-256 over the weights, the config and the code in a model folder."""
    return _sha256_of(folder, (path for path in files_read(folder) if _is_weights(path)), cache)


def tokenizer_sha256(folder: Path, cache: Path) -> str:
    """SHA-256 over everything else in a model folder that loading can read: no list of tokenizer files is complete."""
    return _sha256_of(folder, (path for path in files_read(folder) if not _is_weights(path)), cache)


def files_read(folder: Path) -> list[Path]:
    """The files of a model folder that loading can read, sorted; code below it only where there is code at its top."""
    top = [path for path in folder.iterdir() if path.is_file()]
    below = [path for path in (folder / TEMPLATES).rglob("*") if path.is_file()]
    if any(path.suffix == ".py" for path in top):
        below += [path for path in folder.rglob("*.py") if path.parent != folder]
    return sorted(path for path in {*top, *below} if not path.name.startswith(".") and not path.name.lower().endswith(NOT_READ))


def file_sha256(path: Path, cache: Path) -> str:
    """SHA-256 of a file, computed once for each path, device, inode, size and times.

    The time of the last change of the inode is among them: a program can set back the time of the content, but not this one.
    """
    status = path.stat()
    key = "|".join(
        map(str, (path.resolve(), status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns))
    )
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


def _is_weights(path: Path) -> bool:
    return path.name == CONFIG or path.name.endswith(WEIGHT_FILES)


def _sha256_of(folder: Path, files: Iterable[Path], cache: Path) -> str:
    hashes = {path.relative_to(folder).as_posix(): file_sha256(path, cache) for path in files}
    return hashlib.sha256(json.dumps(hashes, sort_keys=True).encode()).hexdigest()
