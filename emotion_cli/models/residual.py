"""The residual stream, one definition for all architectures: the input of block 0, then the output of each block."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

    from emotion_cli.models.loaded import LoadedModel


class _Seen(Exception):  # noqa: N818
    """The last wanted layer was read: what lies above it need not be computed."""


@contextmanager
def residual_stream(
    loaded: "LoadedModel", layers: Iterable[int], read: "Callable[[int, Tensor], None]", *, stop: bool = False
) -> Iterator[None]:
    """While open, each forward pass calls `read(layer, hidden)` with [batch, token, d_model]; hooks are always removed.

    Layer 0 is what enters block 0, layer k what leaves block k: before the final norm (TransformerLens' hook_resid_pre
    and hook_resid_post). With `stop`, the pass ends with the last of `layers`, and the context with it.
    """
    handles = []
    requested = sorted(set(layers))
    if stop:
        read = _stopping(read, requested[-1])
    try:
        for layer in requested:
            if layer == 0:
                handles.append(loaded.blocks[0].register_forward_pre_hook(_before(loaded, read), with_kwargs=True))
            else:
                handles.append(loaded.blocks[layer - 1].register_forward_hook(_after(loaded, layer, read)))
        yield
    except _Seen:
        pass
    finally:
        for handle in handles:
            handle.remove()


def _stopping(read: "Callable[[int, Tensor], None]", last: int) -> "Callable[[int, Tensor], None]":
    def read_and_stop(layer: int, hidden: "Tensor") -> None:
        read(layer, hidden)
        if layer == last:
            raise _Seen

    return read_and_stop


def _before(loaded: "LoadedModel", read: "Callable[[int, Tensor], None]") -> Any:
    def hook(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        read(0, loaded.structure.entering(args, kwargs))

    return hook


def _after(loaded: "LoadedModel", layer: int, read: "Callable[[int, Tensor], None]") -> Any:
    def hook(module: Any, args: tuple[Any, ...], output: Any) -> None:
        read(layer, loaded.structure.leaving(layer - 1, output))

    return hook
