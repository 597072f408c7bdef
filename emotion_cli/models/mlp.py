"""The MLP of the last block that is run: only the tokens that are read need it, because it sees each token by itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor, nn


@contextmanager
def mlp_of_tokens(block: "nn.Module", tokens: "Tensor") -> Iterator[None]:
    """While open, a block's MLP leaves out all but these tokens (places in the flattened batch), whose states alone are right.

    A block whose MLP has another name, takes more than the states or gives more than them is run whole.
    """
    mlp: Any = getattr(block, "mlp", None)
    if mlp is None:
        yield
        return
    whole = mlp.forward

    def forward(states: "Tensor", *args: Any, **kwargs: Any) -> Any:
        if args or kwargs:
            return whole(states, *args, **kwargs)
        flat = states.reshape(-1, states.shape[-1])
        changed = whole(flat[tokens][None])
        if isinstance(changed, tuple):
            return whole(states)
        every = flat.new_zeros(len(flat), changed.shape[-1])
        every[tokens] = changed[0]
        return every.view(*states.shape[:-1], -1)

    mlp.__dict__["forward"] = forward
    try:
        yield
    finally:
        mlp.__dict__.pop("forward")
