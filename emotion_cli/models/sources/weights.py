"""Whether the tensors that run are the tensors that the folder holds: nothing missing, left over or of another shape."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from emotion_cli.errors import EmoError, UsageError
from emotion_cli.models.sources.headers import Stored, safetensors_header

NAMED = 5
"""Tensors that a message names of each kind; the others are counted."""


ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors", "adapter_model.bin")
"""Files of an adapter as peft writes them."""


MERGE_HINT = (
    'merge it first: python -c "from peft import AutoPeftModelForCausalLM as M; '
    "M.from_pretrained('FOLDER').merge_and_unload().save_pretrained('MERGED')\""
)


CONSTANTS = (".masked_bias",)
"""Ends of names under which older versions of transformers stored a constant that attention now takes from the number format."""


FLOATING = ("F64", "F32", "F16", "BF16")
"""Number formats that hold weights as they are; all others are codes that need a scale."""

LEFTOVERS = {
    "_orig_mod.": "the names come from torch.compile: save the model inside it (model._orig_mod.save_pretrained)",
    "module.": "the names come from a wrapper for several devices: save the model inside it (model.module.save_pretrained)",
    "lora_": MERGE_HINT,
    "base_model.": MERGE_HINT,
    "qweight": "the weights are quantised: save the model dequantised",
    "qzeros": "the weights are quantised: save the model dequantised",
}
"""Parts of tensors' names that show how the file was made, and the hint for each."""


def refuse_adapter(folder: Path) -> None:
    """UsageError for a folder that holds an adapter: with its package absent, the model below it would run without a word."""
    present = [name for name in ADAPTER_FILES if (folder / name).is_file()]
    if present:
        raise UsageError(
            f"{folder}: holds an adapter ({', '.join(present)}), which is not read",
            hint=MERGE_HINT.replace("FOLDER", str(folder)),
        )


def refuse_misfit(name: str, folder: Path, causal: Any, report: Mapping[str, Any], *, head: bool = False) -> None:
    """EmoError, with names and shapes, unless every tensor of the decoder in `causal` was read from `folder`.

    `report` is what transformers says with `output_loading_info`. Without `head`, what only the head lacks does not matter: it
    is not run. Nor do tensors of other heads, which lie outside the decoder.
    """
    files = sorted(folder.glob("*.safetensors"))
    tensors = {tensor: stored for file in files for tensor, stored in safetensors_header(file).items()}
    shapes = {tensor: stored.shape for tensor, stored in tensors.items()}
    expected = {tensor: tuple(value.shape) for tensor, value in causal.state_dict().items()}
    missing = [tensor for tensor in sorted(report["missing_keys"]) if head or _in_decoder(causal, tensor)]
    left_over = [
        tensor
        for tensor in sorted(report["unexpected_keys"])
        if _names_a_part(causal, tensor) and not _is_made_again(folder, causal, tensor)
    ]
    # a package that reads quantised weights says so in the config; without it codes would be cast to numbers that mean nothing
    codes = [] if getattr(causal.config, "quantization_config", None) else _codes(causal, tensors)
    faults = [
        _listed("missing", (f"{tensor} {_shape(expected.get(tensor))}" for tensor in missing)),
        _listed("not part of the model", (f"{tensor} {_shape(shapes.get(tensor))}" for tensor in left_over)),
        _listed(
            "of another shape",
            (
                f"{tensor} {_shape(given)} where the model has {_shape(shape)}"
                for tensor, given, shape in sorted(report["mismatched_keys"])
            ),
        ),
        _listed("not stored as weights", (f"{tensor} {tensors[tensor].dtype}" for tensor in codes)),
        _listed("not readable", report["error_msgs"]),
    ]
    faults = [fault for fault in faults if fault]
    if faults:
        told = [*report["unexpected_keys"], *("qweight" for _ in codes)]
        hint = next(
            (hint for part, hint in LEFTOVERS.items() if any(part in tensor for tensor in told)),
            "save the model again with save_pretrained, with the config that belongs to it",
        )
        raise EmoError(f"{name}: the tensors in {folder} do not fit its config.json: {'; '.join(faults)}", hint=hint)


def _codes(causal: Any, tensors: Mapping[str, Stored]) -> list[str]:
    """Stored tensors in the place of weights whose number format holds codes, not weights."""
    weights = {name for name, value in causal.named_parameters() if value.is_floating_point()}
    return [
        tensor
        for tensor, stored in sorted(tensors.items())
        if stored.dtype not in FLOATING and weights & {tensor, f"{causal.base_model_prefix}.{tensor}"}
    ]


def _in_decoder(causal: Any, tensor: str) -> bool:
    decoder = causal.base_model
    return decoder is causal or tensor.startswith(f"{causal.base_model_prefix}.")


def _names_a_part(causal: Any, tensor: str) -> bool:
    """Whether a tensor's name passes through a module of the decoder, such as `layers`, whatever stands before it."""
    return bool({name for name, _ in causal.base_model.named_children()}.intersection(tensor.split(".")))


def _is_made_again(folder: Path, causal: Any, tensor: str) -> bool:
    """Whether a stored tensor is a constant that the model computes itself, such as a causal mask of older folders."""
    import torch
    from safetensors import safe_open

    if tensor.endswith(CONSTANTS):
        return True
    file = next((path for path in sorted(folder.glob("*.safetensors")) if tensor in safetensors_header(path)), None)
    if file is None:
        return False
    with safe_open(file, framework="pt") as stored:
        value = stored.get_tensor(tensor)
    buffers = dict(causal.named_buffers())
    buffer = buffers.get(tensor, buffers.get(f"{causal.base_model_prefix}.{tensor}"))
    if buffer is not None:
        return torch.equal(value.to(buffer.dtype), buffer)
    square = value.squeeze()
    return square.ndim == 2 and torch.equal(square, torch.ones_like(square).tril())


def _listed(title: str, items: Iterable[str]) -> str:
    items = list(items)
    more = f" and {len(items) - NAMED} more" if len(items) > NAMED else ""
    return f"{title}: {', '.join(items[:NAMED])}{more}" if items else ""


def _shape(shape: Iterable[int] | None) -> str:
    return "" if shape is None else str(list(shape))
