"""The MLP of the last block that is run, for the tokens that are read only: an MLP sees each token by itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from emotion_cli.models.refusals import RefusedError

if TYPE_CHECKING:
    from torch import Tensor, nn


@contextmanager
def mlp_of_tokens(block: "nn.Module", tokens: "Tensor") -> Iterator[None]:
    """While open, a block's MLP leaves out all but these tokens (places in the flattened batch), whose states alone are right.

    A block without `mlp` is run whole. Whether others are right is for the proof to find: in some, tokens meet behind the MLP.
    """
    import torch

    mlp: Any = getattr(block, "mlp", None)
    if mlp is None:
        yield
        return
    whole, former = mlp.forward, vars(mlp).get("forward")

    def forward(states: "Tensor") -> "Tensor":
        changed = whole(states.reshape(-1, states.shape[-1])[tokens][None])
        if not isinstance(changed, torch.Tensor):
            raise RefusedError("its MLP gives more than states")
        every = changed.new_zeros(states.shape[:-1].numel(), changed.shape[-1])
        every[tokens] = changed[0]
        return every.view(*states.shape[:-1], -1)

    mlp.__dict__["forward"] = forward
    try:
        yield
    finally:
        mlp.__dict__.pop("forward")
        if former is not None:
            mlp.__dict__["forward"] = former
