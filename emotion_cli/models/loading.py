"""Find and load a causal LM: Hub id, local folder, .gguf file or embedded alias.

`find` needs no torch: it says what would be loaded and hashes it. `load` makes the bare decoder (no head) and checks that
what is hooked is the residual stream.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emotion_cli.errors import EmoError, MissingError, UsageError
from emotion_cli.models import embedded, fingerprint
from emotion_cli.models.gguf import convert, converted_folder
from emotion_cli.models.headers import check_safetensors

if TYPE_CHECKING:
    from torch import nn

HUB_FILES = ["*.json", "*.safetensors", "*.model", "merges.txt", "vocab.txt", "*.jinja"]

BLOCKS = {
    "gpt2": "h", "gpt_neo": "h", "gpt_neox": "layers", "llama": "layers", "gemma3_text": "layers", "bloom": "h",
    "falcon": "h", "opt": "decoder.layers", "mamba": "layers",
}  # fmt: skip
"""Where the decoder blocks are under the bare decoder, by model type; other types are searched."""

FINAL_NORM = ("norm", "ln_f", "final_layer_norm", "final_layernorm", "norm_f", "decoder.final_layer_norm")
"""Names that the norm behind the last block goes by."""

OVERFLOWS_IN_FLOAT16 = ("gemma", "gemma2", "gemma3_text", "gemma3")


@dataclass(frozen=True)
class ModelSource:
    """A model that was found but not loaded: its name, where it is, and the content hashes of weights and tokenizer."""

    name: str
    folder: Path
    revision: str | None
    weights_sha256: str
    tokenizer_sha256: str
    gguf: Path | None = None


@dataclass
class LoadedModel:
    """A bare decoder with its blocks and tokenizer, checked and ready to be read."""

    source: ModelSource
    model: Any
    tokenizer: Any
    blocks: "list[nn.Module]"
    n_layers: int
    d_model: int
    architecture: str
    dtype: str
    device: str
    max_positions: int | None


def find(name: str, *, revision: str | None = None, cache: Path, notify: Callable[[str], None] = lambda _: None) -> ModelSource:
    """What `name` stands for: an alias, a .gguf file, a folder, else a Hub id; MissingError when it is not there."""
    path = Path(name)
    if name in embedded.EMBEDDED or path.suffix == ".gguf":
        gguf = embedded.locate(name, cache) if name in embedded.EMBEDDED else path
        if not gguf.is_file():
            raise MissingError(f"{gguf}: there is no such GGUF file", hint="emo models list")
        digest = fingerprint.file_sha256(gguf, cache)
        alias = name if name in embedded.EMBEDDED else gguf.stem
        return ModelSource(alias, converted_folder(digest, cache), None, digest, digest, gguf)
    if path.is_dir():
        return _in_folder(path.resolve().name, path, None, cache)
    folder = _download(name, revision, notify)
    return _in_folder(name, folder, folder.name, cache)


def load(
    source: ModelSource,
    *,
    device: str = "auto",
    dtype: str = "auto",
    trust_remote_code: bool = False,
    notify: Callable[[str], None] = lambda _: None,
) -> LoadedModel:
    """The bare decoder of `source` on `device`, in evaluation mode and checked; GGUF weights are converted first."""
    import torch
    import transformers
    from safetensors import SafetensorError

    if source.gguf and not source.folder.is_dir():
        convert(source.gguf, source.folder, notify)
    device = _device(device)
    dtype = "float32" if dtype == "auto" else dtype
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    try:
        causal = transformers.AutoModelForCausalLM.from_pretrained(
            source.folder, dtype=getattr(torch, dtype), local_files_only=True, use_safetensors=True,
            trust_remote_code=trust_remote_code,
        )  # fmt: skip
        tokenizer = transformers.AutoTokenizer.from_pretrained(
            source.folder, local_files_only=True, trust_remote_code=trust_remote_code
        )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise EmoError(f"{source.name}: cannot be loaded from {source.folder}: {error}") from error
    config = causal.config.get_text_config()
    if dtype == "float16" and config.model_type in OVERFLOWS_IN_FLOAT16:
        raise UsageError(f"{source.name}: float16 overflows in {config.model_type} models", hint="--dtype bfloat16")
    decoder = causal.base_model.to(device).eval().requires_grad_(False)
    positions = getattr(config, "max_position_embeddings", None)
    loaded = LoadedModel(
        source, decoder, tokenizer, find_blocks(decoder, config), config.num_hidden_layers, config.hidden_size,
        config.model_type, dtype, device, positions,
    )  # fmt: skip
    _check(loaded)
    return loaded


def find_blocks(decoder: Any, config: Any) -> "list[nn.Module]":
    """The decoder blocks in order: by the table, else the only list of n_layers modules; EmoError if there is none."""
    from torch import nn

    if config.model_type in BLOCKS:
        return list(decoder.get_submodule(BLOCKS[config.model_type]))
    lists = [m for m in decoder.modules() if isinstance(m, nn.ModuleList) and len(m) == config.num_hidden_layers]
    if not lists:
        raise EmoError(f"{config.model_type}: no list of {config.num_hidden_layers} decoder blocks was found in the model")
    return list(lists[0])


def _check(loaded: LoadedModel) -> None:
    """Prove on two tokens that the hooks see n_layers + 1 states of d_model and that the top is before the final norm."""
    import torch

    from emotion_cli.models.residual import residual_stream

    seen: dict[int, torch.Tensor] = {}
    ids = torch.tensor([[1, 2]], device=loaded.device)
    with torch.inference_mode(), residual_stream(loaded, range(loaded.n_layers + 1), seen.__setitem__):
        final = loaded.model(input_ids=ids, use_cache=False).last_hidden_state
    name = loaded.source.name
    if len(seen) != loaded.n_layers + 1 or any(state.shape[-1] != loaded.d_model for state in seen.values()):
        raise EmoError(f"{name}: the config says {loaded.n_layers} blocks of width {loaded.d_model}, the hooks saw "
                       f"{len(seen) - 1} of width {sorted({state.shape[-1] for state in seen.values()})}")  # fmt: skip
    norm = next((m for path, m in loaded.model.named_modules() if path in FINAL_NORM), None)
    top = seen[loaded.n_layers]
    with torch.inference_mode():
        normed = norm(top) if norm is not None else top
    tolerance = 1e-4 if loaded.dtype == "float32" else 5e-2
    if (normed - final).norm() > tolerance * final.norm():
        raise EmoError(f"{name}: the top layer as hooked is not the state before the final norm")


def _in_folder(name: str, folder: Path, revision: str | None, cache: Path) -> ModelSource:
    try:
        json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise MissingError(f"{folder}: no readable config.json: not a model folder ({error})") from error
    if not any(folder.glob("*.safetensors")):
        raise MissingError(
            f"{folder}: no .safetensors weights; other formats are not read because loading them can run code",
            hint="save the model again with save_pretrained(..., safe_serialization=True)",
        )
    for file in sorted(folder.glob("*.safetensors")):
        check_safetensors(file)
    weights, tokenizer = fingerprint.weights_sha256(folder, cache), fingerprint.tokenizer_sha256(folder, cache)
    return ModelSource(name, folder, revision, weights, tokenizer)


def _download(name: str, revision: str | None, notify: Callable[[str], None]) -> Path:
    import huggingface_hub
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        try:
            return Path(huggingface_hub.snapshot_download(name, revision=revision, allow_patterns=HUB_FILES,
                                                          local_files_only=True))  # fmt: skip
        except LocalEntryNotFoundError:
            notify(f"downloading {name}")
            return Path(huggingface_hub.snapshot_download(name, revision=revision, allow_patterns=HUB_FILES))
    except HFValidationError as error:
        raise UsageError(f"{name!r} is no folder, alias or Hub id: {error}", hint="emo models list") from error
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        known = ", ".join(embedded.EMBEDDED)
        raise MissingError(
            f"{name}: not found on this machine and not to be had from the hub; aliases are {known}",
            hint=f"hf download {name}",
        ) from error


def _device(wanted: str) -> str:
    import torch

    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if wanted == "auto":
        return next(name for name in ("cuda", "mps", "cpu") if available[name])
    if not available.get(wanted, False):
        raise UsageError(f"--device {wanted} is not available on this machine", hint="--device auto")
    return wanted
