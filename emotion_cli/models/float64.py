"""A forward pass in float64 of a model that stays as it is: tensors are widened on their way into each operation."""

from collections.abc import Callable
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

NARROW = frozenset({torch.float32, torch.float16, torch.bfloat16})

TO_NARROW = frozenset({torch.Tensor.float, torch.Tensor.half, torch.Tensor.bfloat16})
"""Methods that cast to a number format by their name."""

MOVING = frozenset({torch.nn.functional.embedding, torch.Tensor.__getitem__, torch.Tensor.index_select, torch.index_select})
"""Functions that take a few numbers out of many: the numbers are widened, not the many (a vocabulary has a gigabyte)."""

INTO = frozenset({"__setitem__", "__iadd__", "__isub__", "__imul__", "__itruediv__"})
"""Methods that write into their first argument, beside those whose name ends with an underscore."""


class Float64(TorchFunctionMode):
    """While open, torch computes in float64 whatever the format of the weights, which are neither copied whole nor changed.

    Also what a model casts to float32 itself (norms, rotary angles, softmax) is computed in float64, so this is closer to the
    formula than `model.double()` is.
    """

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Call `func` with every floating tensor and number format widened, and widen its results."""
        name, kwargs = getattr(func, "__name__", ""), kwargs or {}
        if name == "__get__":  # an attribute: `dtype` is the one that must not be narrow
            result = func(*args, **kwargs)
            return torch.float64 if isinstance(result, torch.dtype) and result in NARROW else result
        if func in TO_NARROW:
            return torch.Tensor.double(*args)
        if name in INTO or (name.endswith("_") and not name.endswith("__")):
            return func(args[0], *_wide(args[1:]), **_wide(kwargs))
        if func in MOVING:
            return _wide(func(*args, **kwargs))
        if name in ("grouped_mm", "_grouped_mm"):
            func = _grouped_mm
        return _wide(func(*_wide(args), **_wide(kwargs)))


def _grouped_mm(rows: torch.Tensor, weights: torch.Tensor, offs: torch.Tensor, **_: Any) -> torch.Tensor:
    """Rows [row, in] by the weights [group, in, out] of the group that they are in; torch's own knows no float64."""
    product = rows.new_zeros(len(rows), weights.shape[-1])
    ends = offs.tolist()
    for weight, start, end in zip(weights, [0, *ends], ends, strict=False):
        product[start:end] = rows[start:end] @ weight
    return product


def _wide(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.double() if value.dtype in NARROW else value
    if isinstance(value, torch.dtype):
        return torch.float64 if value in NARROW else value
    if type(value) in (tuple, list):
        return type(value)(_wide(item) for item in value)
    if type(value) is dict:
        return {name: _wide(item) for name, item in value.items()}
    return value
