"""Find and load a causal LM: Hub id, local folder, .gguf file or embedded alias.

`find` needs no torch: it says what would be loaded and hashes it. `load` makes the bare decoder (no head) and checks that
what is hooked is the residual stream.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emotion_cli.errors import EmoError, MissingError, UsageError, short_of_memory
from emotion_cli.models import embedded, fingerprint
from emotion_cli.models.gguf import CONVERSION_VERSION, convert, converted_folder, is_whole
from emotion_cli.models.headers import safetensors_shapes
from emotion_cli.models.kinds import refuse_missing_packages, refuse_other_kinds
from emotion_cli.models.memory import keep_freed_memory
from emotion_cli.models.structure import Structure, find_structure
from emotion_cli.models.weights import refuse_adapter, refuse_misfit

if TYPE_CHECKING:
    from torch import Tensor, nn

NOT_DOWNLOADED = [*(f"*{ending}" for ending in fingerprint.NOT_READ), "original/*", "onnx/*"]
"""Files on the Hub that loading does not read."""

GENERIC_TOKENIZERS = ("TokenizersBackend", "PreTrainedTokenizerFast")
"""Classes that say: tokenizer.json is all there is. For some model types transformers overrides that with its own rules."""


@dataclass(frozen=True)
class ModelSource:
    """A model that was found but not loaded: its name in the store, where it is, the content hashes of weights and tokenizer.

    `given` is what it was called on the command line, `cache` where hashes and converted copies are kept.
    """

    name: str
    folder: Path
    revision: str | None
    weights_sha256: str
    tokenizer_sha256: str
    given: str
    cache: Path
    gguf: Path | None = None

    @property
    def hashes(self) -> tuple[str, str]:
        """What tells it from every other model: the hashes of weights and tokenizer."""
        return self.weights_sha256, self.tokenizer_sha256


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


def find(
    given: str,
    *,
    cache: Path,
    name: str | None = None,
    revision: str | None = None,
    notify: Callable[[str], None] = lambda _: None,
) -> ModelSource:
    """What `given` stands for: an alias, a .gguf file, a folder, else a Hub id; MissingError when it is not there.

    `name` is what to call it in the store; else the alias, the Hub id, or the name of the folder or file.
    """
    path = Path(given)
    if given in embedded.EMBEDDED or path.suffix == ".gguf":
        gguf = embedded.locate(given, cache) if given in embedded.EMBEDDED else path
        if not gguf.is_file():
            raise MissingError(f"{gguf}: there is no such GGUF file", hint="emo models list")
        digest = fingerprint.file_sha256(gguf, cache)
        # the conversion makes both, so a changed one is another tokenizer over the same weights
        conversion = hashlib.sha256(f"{digest} v{CONVERSION_VERSION}".encode()).hexdigest()
        alias = given if given in embedded.EMBEDDED else gguf.stem
        return ModelSource(name or alias, converted_folder(digest, cache), None, digest, conversion, given, cache, gguf)
    if path.is_dir():
        folder, revision, usual = path, None, path.resolve().name
    else:
        folder, usual = _download(given, revision, notify), given
        revision = folder.name
    _refuse_unreadable(folder)
    weights, tokenizer = fingerprint.weights_sha256(folder, cache), fingerprint.tokenizer_sha256(folder, cache)
    return ModelSource(name or usual, folder, revision, weights, tokenizer, given, cache)


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

    `attention` is what transformers calls a kernel; without it transformers chooses. EmoError unless every tensor of the decoder
    is read from the folder; CheckFailedError unless what is hooked is proven to be the residual stream (`prove`).
    """
    import torch
    import transformers

    from emotion_cli.models.checks import prove_structure

    _convert_if_needed(source, notify)
    refuse_other_kinds(source.name, source.folder, trust_remote_code=trust_remote_code)
    keep_freed_memory()
    device = _device(device)
    dtype = "float32" if dtype == "auto" else dtype
    # its report of tensors is asked for as data and judged by `refuse_misfit`
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    causal_models: Any = transformers.AutoModelForCausalLM  # its types know no report
    try:
        causal, report = causal_models.from_pretrained(
            source.folder, dtype=getattr(torch, dtype), local_files_only=True, use_safetensors=True,
            trust_remote_code=trust_remote_code, attn_implementation=attention, output_loading_info=True,
            ignore_mismatched_sizes=True,
        )  # fmt: skip
    except MemoryError as error:
        raise short_of_memory(source.folder, error) from error
    except Exception as error:  # over a damaged config transformers raises what it happens to meet
        # what transformers raises where it has no such kernel for the model
        hint = "--attention auto" if attention and isinstance(error, (ImportError, ValueError)) else None
        raise EmoError(f"{source.name}: cannot be loaded from {source.folder}: {_said(error)}", hint=hint) from error
    refuse_misfit(source.name, source.folder, causal, report)
    tokenizer = load_tokenizer(source, trust_remote_code=trust_remote_code)
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


def load_tokenizer(
    source: ModelSource, *, trust_remote_code: bool = False, notify: Callable[[str], None] = lambda _: None
) -> Any:
    """The tokenizer of a model; EmoError when its files cannot be read."""
    import transformers

    _convert_if_needed(source, notify)
    transformers.utils.logging.set_verbosity_error()
    tokenizers = transformers.PreTrainedTokenizerFast if _is_generic(source.folder) else transformers.AutoTokenizer
    try:
        return tokenizers.from_pretrained(source.folder, local_files_only=True, trust_remote_code=trust_remote_code)
    except MemoryError as error:
        raise short_of_memory(source.folder, error) from error
    except Exception as error:  # over damaged files transformers raises what it happens to meet
        refuse_missing_packages(source.name, source.folder)
        raise EmoError(f"{source.name}: the tokenizer cannot be loaded from {source.folder}: {_said(error)}") from error


def _convert_if_needed(source: ModelSource, notify: Callable[[str], None]) -> None:
    if source.gguf and not is_whole(source.folder, source.cache):
        convert(source.gguf, source.folder, source.cache, notify)


def _is_generic(folder: Path) -> bool:
    try:
        declared = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))["tokenizer_class"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return declared in GENERIC_TOKENIZERS and (folder / "tokenizer.json").is_file()


def _refuse_unreadable(folder: Path) -> None:
    """Say what is wrong with a model folder before anything is hashed or loaded."""
    try:
        config = json.loads((folder / fingerprint.CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise MissingError(f"{folder}: no readable config.json: not a model folder ({error})") from error
    refuse_adapter(folder)
    if not any(folder.glob("*.safetensors")):
        raise MissingError(
            f"{folder}: no .safetensors weights; other formats are not read because loading them can run code",
            hint="save the model again with save_pretrained(..., safe_serialization=True)",
        )
    for file in sorted(folder.glob("*.safetensors")):
        safetensors_shapes(file)
    elsewhere = sorted(code for code in _auto_map(config) if "--" in code)
    if elsewhere:
        raise UsageError(f"{folder}: config.json takes code from another repository ({elsewhere[0]}), which could change unseen",
                         hint="copy that code into the folder, and its names into auto_map")  # fmt: skip


def _auto_map(config: Any) -> list[str]:
    """The code that a config names, as `file.Class`, or `repository--file.Class`."""
    entries = config.get("auto_map") if isinstance(config, dict) else None
    return [code for code in entries.values() if isinstance(code, str)] if isinstance(entries, dict) else []


def _said(error: Exception) -> str:
    """The first paragraph of what a library says, with the kind of error where it says little."""
    first = str(error).strip().split("\n\n")[0]
    says_it_all = first and isinstance(error, (OSError, ValueError, RuntimeError, ImportError))
    return first if says_it_all else f"{type(error).__name__}: {first}"


def _download(name: str, revision: str | None, notify: Callable[[str], None]) -> Path:
    import huggingface_hub
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        try:
            return Path(huggingface_hub.snapshot_download(name, revision=revision, ignore_patterns=NOT_DOWNLOADED,
                                                          local_files_only=True))  # fmt: skip
        except LocalEntryNotFoundError:
            notify(f"downloading {name}")
            return Path(huggingface_hub.snapshot_download(name, revision=revision, ignore_patterns=NOT_DOWNLOADED))
    except HFValidationError as error:
        raise UsageError(f"{name!r} is no folder, alias or Hub id: {error}", hint="emo models list") from error
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        known = ", ".join(embedded.EMBEDDED)
        raise MissingError(
            f"{name}: not found on this machine and could not be downloaded from the Hub; aliases are {known}",
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
