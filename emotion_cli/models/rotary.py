"""Rotary positions whose angles depend on the longest prompt of a batch, and the state that a pass leaves in them."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from emotion_cli.models.loaded import LoadedModel

WHATEVER_THE_LENGTH = frozenset({"default", "linear", "yarn", "llama3", "proportional"})
"""Types of rotary positions whose angles depend on the position alone."""

Regime = Callable[[int], int]
"""From a prompt's length to what prompts of one batch must have in common: which angles its length stands for."""


def regimes(loaded: "LoadedModel") -> tuple[Regime, ...]:
    """One rule for each kind of rotary positions of the model that depends on the length; empty for most models."""
    config = loaded.model.config.get_text_config()
    rope = getattr(config, "rope_parameters", None) or getattr(config, "rope_scaling", None) or {}
    # one for all layers, or one for each type of layer
    kinds = [kind for kind in rope.values() if isinstance(kind, Mapping)] or [rope]
    return tuple(regime for kind in kinds if (regime := _regime(kind, config)) is not None)


def length_class(rules: tuple[Regime, ...], length: int) -> tuple[int, ...]:
    """The class of a prompt's length: all prompts of a batch must have the same."""
    return tuple(rule(length) for rule in rules)


def _regime(kind: Mapping[str, Any], config: Any) -> Regime | None:
    name = kind.get("rope_type") or kind.get("type") or "default"
    if name in WHATEVER_THE_LENGTH:
        return None
    longest = getattr(config, "max_position_embeddings", None)
    name_of_switch = "original_max_position_embeddings"
    original = kind.get(name_of_switch) or getattr(config, name_of_switch, None) or longest
    if name == "longrope" and original:
        return lambda length: int(length > original)
    if name == "dynamic" and longest:
        # beyond it every length has angles of its own
        return lambda length: 0 if length <= longest else length
    return lambda length: length


@contextmanager
def as_it_was(model: Any) -> Iterator[None]:
    """While open, a pass may change what the model keeps beside its weights; then all is as before.

    Rotary modules remember the longest prompt seen. Others put a buffer in the place of a buffer, in the format of the pass.
    """
    saved = []
    for module in model.modules():
        buffers = dict(module.named_buffers(recurse=False))
        if buffers:
            # only those of rotary modules are written into
            copies = {name: buffer.clone() for name, buffer in buffers.items() if "inv_freq" in name}
            saved.append((module, dict(vars(module)), buffers, copies))
    try:
        yield
    finally:
        for module, attributes, buffers, copies in saved:
            vars(module).clear()
            vars(module).update(attributes)
            module._buffers.update(buffers)
            for name, values in copies.items():
                if not bool((buffers[name] == values).all()):
                    buffers[name].copy_(values)
