"""Find and load a causal LM: Hub id, local folder, .gguf file or embedded alias.

`find` needs no torch: it says what would be loaded and hashes it. `load` makes the bare decoder, or the model with its head,
and checks that what is hooked is the residual stream.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from emotion_cli.errors import EmoError, UsageError, short_of_memory
from emotion_cli.models.loaded import LoadedModel
from emotion_cli.models.sources.controls import UNTRAINED, UNTRAINED_SEED, WITHOUT_PASSES
from emotion_cli.models.sources.finding import ModelSource
from emotion_cli.models.sources.gguf import convert, is_whole
from emotion_cli.models.sources.kinds import refuse_missing_packages, refuse_other_kinds
from emotion_cli.models.sources.weights import refuse_misfit
from emotion_cli.models.structure import find_structure

GENERIC_TOKENIZERS = ("TokenizersBackend", "PreTrainedTokenizerFast")
"""Classes that say: tokenizer.json is all there is. For some model types transformers overrides that with its own rules."""


VOCABULARIES = ("*.model", "*.tiktoken", "spiece*")
"""Tokenizer files where there is no tokenizer.json."""

LONGEST_SAID = 300
"""Characters of what a library says that are worth a line."""

_SAVE_AGAIN = "save the model again with save_pretrained, or see: emo models list"


def load(
    source: ModelSource,
    *,
    device: str = "auto",
    dtype: str = "auto",
    attention: str | None = None,
    trust_remote_code: bool = False,
    notify: Callable[[str], None] = lambda _: None,
    prove: bool = True,
    head: bool = False,
) -> LoadedModel:
    """The bare decoder of `source` on `device`, in evaluation mode; GGUF weights are converted first.

    `attention` is what transformers calls a kernel; without it transformers chooses. With `head` the whole model, which gives
    logits, is kept around the decoder. EmoError unless every tensor that will run is read from the folder; CheckFailedError
    unless what is hooked is proven to be the residual stream (`prove`).
    """
    import torch
    import transformers

    from emotion_cli.models.checks import prove_structure

    _refuse_without_model(source)
    _convert_if_needed(source, notify)
    refuse_other_kinds(source.name, source.folder, trust_remote_code=trust_remote_code)
    device = _device(device)
    dtype = "float32" if dtype == "auto" else dtype
    # its report of tensors is asked for as data and judged by `refuse_misfit`
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    try:
        if source.kind == UNTRAINED:
            causal = _untrained(source, getattr(torch, dtype), attention, trust_remote_code)
        else:
            causal = _trained(source, getattr(torch, dtype), attention, trust_remote_code, head=head)
    except EmoError:
        raise
    except MemoryError as error:
        raise short_of_memory(source.folder, error) from error
    except Exception as error:  # over a damaged config transformers raises what it happens to meet
        # what transformers raises where it has no such kernel for the model
        hint = "--attention auto" if attention and isinstance(error, (ImportError, ValueError)) else _SAVE_AGAIN
        raise EmoError(f"{source.name}: cannot be loaded from {source.folder}: {_said(error)}", hint=hint) from error
    tokenizer = load_tokenizer(source, trust_remote_code=trust_remote_code)
    config = causal.config.get_text_config()
    whole = (causal if head else causal.base_model).to(device).eval().requires_grad_(False)
    model = causal.base_model
    try:
        structure = find_structure(model)
    except UsageError as error:
        # with a cause, where the model could not run: kernels and the compilers that they need fail in ways of their own
        if attention and error.__cause__:
            raise EmoError(f"{source.name}: cannot run with {attention}: {error.__cause__}", hint="--attention auto") from error
        raise UsageError(f"{source.name}: {error}", hint=error.hint) from error
    positions = getattr(config, "max_position_embeddings", None)
    loaded = LoadedModel(
        source,
        structure.decoder,
        tokenizer,
        structure,
        config.num_hidden_layers,
        config.hidden_size,
        config.model_type,
        dtype,
        device,
        positions,
        config._attn_implementation,
        whole if head else None,
    )
    if prove:
        prove_structure(loaded)
    return loaded


def _trained(source: ModelSource, dtype: Any, attention: str | None, trust_remote_code: bool, *, head: bool) -> Any:
    """The model with the weights of its folder; EmoError unless every tensor that will run is read."""
    import transformers

    causal_models: Any = transformers.AutoModelForCausalLM  # its types know no report
    causal, report = causal_models.from_pretrained(
        source.folder,
        dtype=dtype,
        local_files_only=True,
        use_safetensors=True,
        trust_remote_code=trust_remote_code,
        attn_implementation=attention,
        output_loading_info=True,
        ignore_mismatched_sizes=True,
    )
    refuse_misfit(source.name, source.folder, causal, report, head=head)
    return causal


def _untrained(source: ModelSource, dtype: Any, attention: str | None, trust_remote_code: bool) -> Any:
    """The model of the same config with random weights, as transformers initialises it; the draws of torch go on elsewhere."""
    import torch
    import transformers

    config = transformers.AutoConfig.from_pretrained(source.folder, local_files_only=True, trust_remote_code=trust_remote_code)
    causal_models: Any = transformers.AutoModelForCausalLM
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(UNTRAINED_SEED)
        # drawn in float32 on the CPU, so that number format and device change no weight but by rounding
        causal = causal_models.from_config(
            config, dtype=torch.float32, trust_remote_code=trust_remote_code, attn_implementation=attention
        )
    return causal.to(dtype)


def _refuse_without_model(source: ModelSource) -> None:
    if source.kind in WITHOUT_PASSES:
        hint = f"emo models check {source.base.given}" if source.base else f"emo extract -m {source.given}"
        raise UsageError(f"{source.name}: it is a control that runs no model", hint=hint)


def load_tokenizer(
    source: ModelSource, *, trust_remote_code: bool = False, notify: Callable[[str], None] = lambda _: None
) -> Any:
    """The tokenizer of a model; EmoError when its files cannot be read."""
    import transformers

    if source.kind and not source.base:
        _refuse_without_model(source)
    _convert_if_needed(source, notify)
    transformers.utils.logging.set_verbosity_error()
    tokenizers = transformers.PreTrainedTokenizerFast if _is_generic(source.folder) else transformers.AutoTokenizer
    try:
        return tokenizers.from_pretrained(source.folder, local_files_only=True, trust_remote_code=trust_remote_code)
    except MemoryError as error:
        raise short_of_memory(source.folder, error) from error
    except Exception as error:  # over damaged files transformers raises what it happens to meet
        refuse_missing_packages(source.name, source.folder)
        raise _tokenizer_error(source, error) from error


def _tokenizer_error(source: ModelSource, error: Exception) -> EmoError:
    folder, hint = source.folder, f"tokenizer.save_pretrained({str(source.folder)!r}) in Python writes its files"
    has_vocabulary = any(file for pattern in VOCABULARIES for file in folder.glob(pattern))
    if not (folder / "tokenizer.json").is_file() and not has_vocabulary:
        return EmoError(f"{source.name}: there is no tokenizer.json in {folder}", hint=hint)
    return EmoError(f"{source.name}: the tokenizer cannot be loaded from {folder}: {_said(error)}", hint=hint)


def _convert_if_needed(source: ModelSource, notify: Callable[[str], None]) -> None:
    if source.gguf and not is_whole(source.folder, source.cache):
        convert(source.gguf, source.folder, source.cache, notify)


def _is_generic(folder: Path) -> bool:
    try:
        declared = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))["tokenizer_class"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return declared in GENERIC_TOKENIZERS and (folder / "tokenizer.json").is_file()


def _said(error: Exception) -> str:
    """The beginning of what a library says, in one line, with the kind of error where it says little."""
    first = " ".join(str(error).split())
    first = first if len(first) <= LONGEST_SAID else f"{first[:LONGEST_SAID]}..."
    says_it_all = first and isinstance(error, (OSError, ValueError, RuntimeError, ImportError))
    return first if says_it_all else f"{type(error).__name__}: {first}"


def _device(requested: str) -> str:
    import torch

    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if requested == "auto":
        return next(name for name in ("cuda", "mps", "cpu") if available[name])
    if not available.get(requested, False):
        raise UsageError(f"--device {requested} is not available on this machine", hint="--device auto")
    return requested
