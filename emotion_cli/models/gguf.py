"""GGUF weights, converted once into a safetensors folder: dequantising takes tens of seconds, loading the copy one or two."""

import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from emotion_cli.errors import EmoError, short_of_memory
from emotion_cli.models.headers import check_gguf

CONVERSION_VERSION = 1
"""Raise it when the conversion changes, so that older copies are not used."""


def converted_folder(gguf_sha256: str, cache: Path) -> Path:
    """Where the converted copy of a GGUF file lives."""
    return cache / "converted" / f"{gguf_sha256[:16]}-v{CONVERSION_VERSION}"


def convert(gguf: Path, target: Path, notify: Callable[[str], None]) -> None:
    """Dequantise `gguf` to float32 and save weights and tokenizer in `target`, atomically."""
    check_gguf(gguf)
    import torch
    import transformers

    transformers.utils.logging.disable_progress_bar()
    notify(f"converting {gguf.name} to float32 safetensors, once (about half a minute)")
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=target.parent, prefix=".tmp-"))
    try:
        quantised = transformers.AutoModelForCausalLM.from_pretrained(
            gguf.parent, gguf_file=gguf.name, dtype=torch.float32, local_files_only=True
        )
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
        made_by = {"gguf": gguf.name, "transformers": transformers.__version__, "torch": torch.__version__}
        (temporary / "conversion.json").write_text(json.dumps(made_by), encoding="utf-8")
        if not target.exists():
            temporary.rename(target)
    except MemoryError as error:
        raise short_of_memory(gguf, error) from error
    except (OSError, ValueError, KeyError, RuntimeError, IndexError, OverflowError) as error:
        raise EmoError(f"{gguf}: the GGUF file cannot be converted: {error}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
