"""Whether a model reads the mean over the components of its residual stream."""

from typing import TYPE_CHECKING, Any

from emotion_cli.models.structure import TWO_TOKENS, output_state

if TYPE_CHECKING:
    from emotion_cli.models.loaded import LoadedModel

SHIFTED = {"float32": 1e-3, "float16": 0.1, "bfloat16": 0.1}
"""Change over norm of the output that counts as none where layer 0 is shifted; where the mean is read it is about 1."""


def ignores_mean(loaded: "LoadedModel") -> bool:
    """Whether all that reads the residual stream subtracts its mean first: tried by a shift of layer 0 on two tokens."""
    import torch

    ids = torch.tensor([TWO_TOKENS], device=loaded.device)

    def shift(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> "tuple[tuple[Any, ...], dict[str, Any]]":
        entry = loaded.structure.entry
        state = loaded.structure.entering(args, kwargs)
        shifted = state + state.float().square().mean().sqrt().to(state.dtype)
        if isinstance(entry, str):
            return args, kwargs | {entry: shifted}
        return (*args[:entry], shifted, *args[entry + 1 :]), kwargs

    with torch.inference_mode():
        plain = output_state(loaded.model(input_ids=ids, use_cache=False)).float()
        handle = loaded.blocks[0].register_forward_pre_hook(shift, with_kwargs=True)
        try:
            moved = output_state(loaded.model(input_ids=ids, use_cache=False)).float()
        finally:
            handle.remove()
    return bool((moved - plain).norm() <= SHIFTED[loaded.dtype] * plain.norm())
