"""Find and load a causal LM: Hub id, local folder, .gguf file or embedded alias.

`find` needs no torch: it says what would be loaded and hashes it. `load` makes the bare decoder (no head) and checks that
what is hooked is the residual stream.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emotion_cli.errors import EmoError, MissingError, UsageError
from emotion_cli.models import embedded, fingerprint
from emotion_cli.models.gguf import convert, converted_folder
from emotion_cli.models.headers import check_safetensors
from emotion_cli.models.kinds import refuse_missing_packages, refuse_other_kinds
from emotion_cli.models.memory import keep_freed_memory
from emotion_cli.models.structure import Structure, find_structure

if TYPE_CHECKING:
    from torch import Tensor, nn

HUB_FILES = ["*.json", "*.safetensors", "*.model", "merges.txt", "vocab.txt", "*.jinja"]

GENERIC_TOKENIZERS = ("TokenizersBackend", "PreTrainedTokenizerFast")
"""Classes that say: tokenizer.json is all there is. For some model types transformers overrides that with its own rules."""


@dataclass(frozen=True)
class ModelSource:
    """A model that was found but not loaded: its name, where it is, and the content hashes of weights and tokenizer."""

    name: str
    folder: Path
    revision: str | None
    weights_sha256: str
    tokenizer_sha256: str
    gguf: Path | None = None

    @property
    def given(self) -> str:
        """What to call it on a command line."""
        return self.name if self.name in embedded.EMBEDDED or self.revision else str(self.gguf or self.folder)


@dataclass
class LoadedModel:
    """A bare decoder with its blocks and tokenizer, checked and ready to be read."""

    source: ModelSource
    model: Any
    tokenizer: Any
    structure: Structure
    n_layers: int
    d_model: int
    architecture: str
    dtype: str
    device: str
    max_positions: int | None
    attention: str | None

    @property
    def blocks(self) -> "list[nn.Module]":
        """The decoder blocks in order."""
        return self.structure.blocks

    @cached_property
    def masks_by_layer_type(self) -> bool:
        """Whether the model takes a mask for each type of its layers, as found by trying."""
        from emotion_cli.models.masks import takes_masks_by_layer_type

        return takes_masks_by_layer_type(self)

    @cached_property
    def linear_layers(self) -> "list[tuple[nn.Module, Callable[[Tensor], Tensor]]]":
        """The linear layers of the blocks with a faster forward of each, for `fast_products`."""
        from emotion_cli.models.products import linear_layers

        return linear_layers(self.blocks)

    @cached_property
    def attention_equals(self) -> float:
        """Tokens seen at which a token's attention costs as much as the matrix products of the blocks do."""
        config = self.model.config.get_text_config()
        weights = sum(parameter.numel() for block in self.blocks for parameter in block.parameters())
        # heads may differ from layer to layer, and a config of all layers refuses to say then
        layers = list(getattr(config, "per_layer_config", None) or [config] * self.n_layers)
        heads = ((getattr(of, "head_dim", None) or 0) * (getattr(of, "num_attention_heads", None) or 0) for of in layers)
        width = sum(of or self.d_model for of in heads)
        # attention's products are small: they run at about half the speed (measured on a CPU)
        # two operations a weight; four for each token seen and component: its part in the scores and in the mean
        return 2 * weights / (2 * 4 * width)


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
    attention: str | None = None,
    trust_remote_code: bool = False,
    notify: Callable[[str], None] = lambda _: None,
    prove: bool = True,
) -> LoadedModel:
    """The bare decoder of `source` on `device`, in evaluation mode; GGUF weights are converted first.

    `attention` is what transformers calls a kernel; without it transformers chooses.
    CheckFailedError unless what is hooked is proven to be the residual stream (`prove`).
    """
    import torch
    import transformers
    from safetensors import SafetensorError

    from emotion_cli.models.checks import prove_structure

    if source.gguf and not source.folder.is_dir():
        convert(source.gguf, source.folder, notify)
    refuse_other_kinds(source.name, source.folder, trust_remote_code=trust_remote_code)
    keep_freed_memory()
    device = _device(device)
    dtype = "float32" if dtype == "auto" else dtype
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    try:
        causal = transformers.AutoModelForCausalLM.from_pretrained(
            source.folder, dtype=getattr(torch, dtype), local_files_only=True, use_safetensors=True,
            trust_remote_code=trust_remote_code, attn_implementation=attention,
        )  # fmt: skip
        tokenizers = transformers.PreTrainedTokenizerFast if _is_generic(source.folder) else transformers.AutoTokenizer
        tokenizer = tokenizers.from_pretrained(source.folder, local_files_only=True, trust_remote_code=trust_remote_code)
    except (ImportError, OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        refuse_missing_packages(source.name, source.folder)
        # what transformers raises where it has no such kernel for the model
        hint = "--attention auto" if attention and isinstance(error, (ImportError, ValueError)) else None
        raise EmoError(f"{source.name}: cannot be loaded from {source.folder}: {error}", hint=hint) from error
    config = causal.config.get_text_config()
    model = causal.base_model.to(device).eval().requires_grad_(False)
    try:
        found = find_structure(model)
    except UsageError as error:
        # with a cause, where the model could not run: kernels and the compilers that they need fail in ways of their own
        if attention and error.__cause__:
            raise EmoError(f"{source.name}: cannot run with {attention}: {error.__cause__}", hint="--attention auto") from error
        raise UsageError(f"{source.name}: {error}", hint=error.hint) from error
    positions = getattr(config, "max_position_embeddings", None)
    loaded = LoadedModel(
        source, found.decoder, tokenizer, found, config.num_hidden_layers, config.hidden_size,
        config.model_type, dtype, device, positions, config._attn_implementation,
    )  # fmt: skip
    if prove:
        prove_structure(loaded)
    return loaded


def _is_generic(folder: Path) -> bool:
    try:
        declared = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))["tokenizer_class"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return declared in GENERIC_TOKENIZERS and (folder / "tokenizer.json").is_file()


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
