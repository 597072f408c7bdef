"""GGUF weights, converted once into a safetensors folder: dequantising takes about ten seconds, loading the copy one or two."""

import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from emotion_cli.errors import EmoError, short_of_memory
from emotion_cli.models.sources.fingerprint import file_sha256
from emotion_cli.models.sources.headers import gguf_weights

CONVERSION_VERSION = 2
"""Raise it when the conversion changes, so that older copies are not used. Part of a GGUF model's identity."""


RECORD = "conversion.json"
"""What made a copy, and the SHA-256 of each of its files."""


def converted_folder(gguf_sha256: str, cache: Path) -> Path:
    """Where the converted copy of a GGUF file lives."""
    return cache / "converted" / f"{gguf_sha256[:16]}-v{CONVERSION_VERSION}"


def is_whole(folder: Path, cache: Path) -> bool:
    """Whether a converted copy is there and holds the bytes that the conversion wrote."""
    try:
        files = json.loads((folder / RECORD).read_text(encoding="utf-8"))["files"]
        present = {path.name for path in folder.iterdir()} - {RECORD}
        return present == set(files) and all(file_sha256(folder / name, cache) == digest for name, digest in files.items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def convert(gguf: Path, target: Path, cache: Path, notify: Callable[[str], None]) -> None:
    """Save the float32 weights and the tokenizer of `gguf` in `target`, atomically; EmoError unless every tensor is read."""
    n_values = gguf_weights(gguf)
    import torch
    import transformers

    from emotion_cli.models.sources.gguf_reading import read_once

    transformers.utils.logging.disable_progress_bar()
    notify(f"converting {gguf.name} to float32 safetensors, once (some seconds)")
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=target.parent, prefix=".tmp-"))
    try:
        with read_once():
            causal_models: Any = transformers.AutoModelForCausalLM  # its types know no report
            quantised, report = causal_models.from_pretrained(
                gguf.parent,
                gguf_file=gguf.name,
                dtype=torch.float32,
                local_files_only=True,
                output_loading_info=True,
                ignore_mismatched_sizes=True,
            )
            _refuse_unread(gguf, n_values, quantised, report)
            config = quantised.config
            # a model marked as quantised refuses to be saved: the same weights under an unmarked config
            vars(config).pop("quantization_config", None)
            state = quantised.state_dict()
            with torch.device("meta"):
                plain = transformers.AutoModelForCausalLM.from_config(config)
            plain.load_state_dict(state, assign=True)
            plain.tie_weights()
            plain.save_pretrained(temporary)
            transformers.AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name, local_files_only=True).save_pretrained(
                temporary
            )
        record = {
            "gguf": gguf.name,
            "transformers": transformers.__version__,
            "torch": torch.__version__,
            "files": {path.name: file_sha256(path, cache) for path in sorted(temporary.iterdir())},
        }
        (temporary / RECORD).write_text(json.dumps(record), encoding="utf-8")
        if target.exists() and not is_whole(target, cache):
            shutil.rmtree(target)
        if not target.exists():
            temporary.rename(target)
    except MemoryError as error:
        raise short_of_memory(gguf, error) from error
    except EmoError:
        raise
    except Exception as error:  # what a foreign reader raises over a foreign file is of any kind
        problem = f"{type(error).__name__}: {error}"
        raise EmoError(f"{gguf}: the GGUF file cannot be converted: {problem}", hint="use the model's safetensors") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _refuse_unread(gguf: Path, n_values: dict[str, int], model: Any, report: dict[str, Any]) -> None:
    """EmoError when a parameter was not in the file, or weights of the file went nowhere: transformers passes over them."""
    absent = sorted([*report["missing_keys"], *(name for name, *_ in report["mismatched_keys"])])
    if absent:
        raise EmoError(
            f"{gguf}: the file lacks {len(absent)} tensors of the model: {', '.join(absent[:5])}",
            hint="fetch the file again, or use the model's safetensors",
        )
    # parameters() names shared ones once
    unread = sum(n_values.values()) - sum(parameter.numel() for parameter in model.parameters())
    if unread:
        suspects = [name for name, count in n_values.items() if count == unread]
        raise EmoError(
            f"{gguf}: {abs(unread)} weights of the file are not part of the model that transformers makes of it "
            f"({', '.join(suspects) or 'in several tensors'}), so its numbers would be wrong",
            hint="use the model's safetensors",
        )
