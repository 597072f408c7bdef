"""The residual stream, one definition for all architectures: the input of block 0, then the output of each block."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

    from emotion_cli.models.loaded import LoadedModel


class _Seen(Exception):  # noqa: N818
    """The last wanted layer was read: what lies above it need not be computed."""


@contextmanager
def at_layers(loaded: "LoadedModel", layers: Iterable[int], visit: "Callable[[int, Tensor], Tensor | None]") -> Iterator[None]:
    """While open, each forward pass calls `visit(layer, state)` with [batch, token, d_model]; hooks are always removed.

    Layer 0 is what enters block 0, layer k what leaves block k: before the final norm (TransformerLens' hook_resid_pre
    and hook_resid_post). What a visit returns goes on in the state's place.
    """
    handles = []
    try:
        for layer in sorted(set(layers)):
            if layer == 0:
                handles.append(loaded.blocks[0].register_forward_pre_hook(_before(loaded, visit), with_kwargs=True))
            else:
                handles.append(loaded.blocks[layer - 1].register_forward_hook(_after(loaded, layer, visit)))
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def residual_stream(
    loaded: "LoadedModel", layers: Iterable[int], read: "Callable[[int, Tensor], None]", *, stop: bool = False
) -> Iterator[None]:
    """While open, each forward pass calls `read(layer, state)` and goes on unchanged.

    With `stop`, the pass ends with the last of `layers`, and the context with it.
    """
    requested = sorted(set(layers))
    with suppress(_Seen), at_layers(loaded, requested, _stopping(read, requested[-1]) if stop else read):
        yield


def _stopping(read: "Callable[[int, Tensor], None]", last: int) -> "Callable[[int, Tensor], None]":
    def read_and_stop(layer: int, hidden: "Tensor") -> None:
        read(layer, hidden)
        if layer == last:
            raise _Seen

    return read_and_stop


def _before(loaded: "LoadedModel", visit: "Callable[[int, Tensor], Tensor | None]") -> Any:
    def hook(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        changed = visit(0, loaded.structure.entering(args, kwargs))
        return None if changed is None else loaded.structure.with_entering(args, kwargs, changed)

    return hook


def _after(loaded: "LoadedModel", layer: int, visit: "Callable[[int, Tensor], Tensor | None]") -> Any:
    def hook(module: Any, args: tuple[Any, ...], output: Any) -> Any:
        changed = visit(layer, loaded.structure.leaving(layer - 1, output))
        return None if changed is None else loaded.structure.with_leaving(layer - 1, output, changed)

    return hook
