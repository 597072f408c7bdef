"""Vectors as files that other programs read: one safetensors file, or a GGUF control vector for llama.cpp; bytes in, bytes out.

Each file says of its vectors all that the store knows. docs/export.md documents both for other readers and writers.
"""

import hashlib
import json
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from emotion_cli import __version__
from emotion_cli.errors import EmoError, short_of_memory
from emotion_cli.models.sources.headers import gguf_weights

FORMAT = "emo vectors, version 1"


ENDINGS = (".safetensors", ".gguf")


RAW, UNIT = "raw", "unit length"
"""Scales of vectors: as they were made, or divided by their length."""


HOOK_POINT = "residual stream after `layer` decoder blocks (layer 0: the embeddings), before the final norm"


LAYERS = "layer k is hook_resid_post of block k - 1 (counted from 0, as TransformerLens does); GGUF direction.k is layer k + 1"


FIRST_GGUF_LAYER = 2
"""llama.cpp adds direction.k to the output of block k (counted from 0), which is layer k + 1 here, and refuses direction.0."""


UNREADABLE = (OSError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError)
"""Exceptions of the two libraries and of JSON for a damaged file."""


_PREFIX = "emo."


_ARCHITECTURE = "controlvector"


class Key(NamedTuple):
    """Which vector of an extraction."""

    emotion: str
    layer: int


class VectorFile(NamedTuple):
    """Vectors [row, d_model] of one extraction and variant, with metadata of each row and of the file."""

    about: Mapping[str, str]
    rows: Sequence[Mapping[str, Any]]
    vectors: np.ndarray

    @property
    def keys(self) -> list[Key]:
        """Emotion and layer of each row."""
        return [Key(row["emotion"], row["layer"]) for row in self.rows]

    def metadata(self) -> dict[str, str]:
        """All but the vectors as text, with a hash of the vectors."""
        fixed = {"format": FORMAT, "emo_version": __version__, "hook_point": HOOK_POINT, "layer_convention": LAYERS}
        rows = json.dumps(list(self.rows), ensure_ascii=False, sort_keys=True)
        return {**fixed, **self.about, "rows": rows, "vectors_sha256": _sha256(self.vectors)}


def to_safetensors(file: VectorFile) -> bytes:
    """A safetensors file with a tensor `<emotion>.<layer>` [d_model] for each row, the same bytes every time."""
    from safetensors.numpy import save

    named = {f"{key.emotion}.{key.layer}": vector for key, vector in zip(file.keys, file.vectors, strict=True)}
    content = save(named, metadata=file.metadata())
    # the library writes metadata in the order of a hash table, which differs from process to process
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + content[8 + length :]


def to_gguf(file: VectorFile) -> bytes:
    """A GGUF control vector of one emotion: `direction.<layer - 1>` [d_model] for each row; no row may be below layer 2."""
    from gguf import GGUFWriter

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vector.gguf"
        writer = GGUFWriter(path, _ARCHITECTURE)
        writer.add_string(f"{_ARCHITECTURE}.model_hint", file.about.get("architecture") or file.about["model"])
        writer.add_uint32(f"{_ARCHITECTURE}.layer_count", len(file.rows))
        for name, value in sorted(file.metadata().items()):
            writer.add_string(f"{_PREFIX}{name}", value)
        for key, vector in zip(file.keys, file.vectors, strict=True):
            if key.layer < FIRST_GGUF_LAYER:
                raise ValueError(f"layer {key.layer} cannot be stored in a GGUF control vector")
            writer.add_tensor(f"direction.{key.layer - 1}", np.ascontiguousarray(vector))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return path.read_bytes()


def read_vector_file(path: Path) -> VectorFile:
    """The vectors of a file of `emo export`; EmoError when it is damaged, changed or not written by emo."""
    if not path.is_file():
        raise EmoError(f"{path}: no such file")
    read = _read_gguf if path.suffix.lower() == ".gguf" else _read_safetensors
    try:
        metadata, named = read(path)
        if metadata.get("format") != FORMAT:
            raise EmoError(
                f"{path}: not written by emo export (format {metadata.get('format', 'missing')!r}, not {FORMAT!r}): "
                "it does not say of which prompts, reference and pooling its vectors are"
            )
        rows = json.loads(metadata.pop("rows"))
        keys = [Key(str(row["emotion"]), int(row["layer"])) for row in rows]
        names = [_gguf_name(key) if read is _read_gguf else f"{key.emotion}.{key.layer}" for key in keys]
        if not names or sorted(names) != sorted(named):
            raise EmoError(f"{path}: its tensors do not match its metadata")
        vectors = np.stack([named[name] for name in names])
    except MemoryError as error:
        raise short_of_memory(path, error) from error
    except UNREADABLE as error:
        raise EmoError(f"{path}: not readable as a file of vectors: {error}") from error
    if vectors.ndim != 2 or vectors.dtype != np.float32 or not np.isfinite(vectors).all():
        raise EmoError(f"{path}: its tensors are not finite float32 vectors of one width")
    if _sha256(vectors) != metadata.pop("vectors_sha256", None):
        raise EmoError(f"{path}: its vectors were changed after the export (their SHA-256 differs)")
    return VectorFile(metadata, rows, vectors)


def _read_safetensors(path: Path) -> tuple[dict[str, str], dict[str, np.ndarray]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            return dict(file.metadata() or {}), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
    except SafetensorError as error:
        raise EmoError(f"{path}: not a complete safetensors file: {error}") from error


def _read_gguf(path: Path) -> tuple[dict[str, str], dict[str, np.ndarray]]:
    from gguf import GGUFReader

    gguf_weights(path)
    reader = GGUFReader(path)
    ours = {name.removeprefix(_PREFIX): field.contents() for name, field in reader.fields.items() if name.startswith(_PREFIX)}
    # a copy: the reader's arrays are views of the open file
    return ours, {tensor.name: np.array(tensor.data) for tensor in reader.tensors}


def _gguf_name(key: Key) -> str:
    return f"direction.{key.layer - 1}"


def _sha256(vectors: Iterable[np.ndarray]) -> str:
    digest = hashlib.sha256()
    for vector in vectors:
        digest.update(np.ascontiguousarray(vector, dtype="<f4").tobytes())
    return digest.hexdigest()
