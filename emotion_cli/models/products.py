"""Matrix products of float32 blocks by oneDNN, on processors where torch's own product (MKL's) does half of what they can."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor, nn

    from emotion_cli.models.loaded import LoadedModel


SUMMED_AT_ONCE = 192
"""Terms of a sum that oneDNN adds in one run; the sums of such runs are added afterwards.

oneDNN adds all terms of a sum one after another, torch's own product adds blocks: in one run rounding is five times as large
and shows in means that hold a token thousands of times longer than themselves (1.7e-4 of their norm in SmolLM2's top layer).
In runs of 200 the largest error was torch's own, and little of the speed was lost.
"""


CPU_INFO = Path("/proc/cpuinfo")

FIRST_FAMILY = 26
"""Processors by AMD from this family on (Zen 5) have arithmetic units of 512 bits, and MKL leaves AVX-512 unused on them.

Measured: oneDNN did 260 GFLOP a second and core against 115 on a machine whose family was not noted, but which no units of fewer
bits can do; on family 25 (Zen 4, units of 256 bits) 105 against 93, which the copies cost again.
Processors by Intel, on which MKL uses AVX-512, were not measured.
"""


@contextmanager
def fast_products(loaded: "LoadedModel") -> Iterator[None]:
    """While open, the linear layers of the blocks multiply by oneDNN where it helps; the weights stay where they are.

    The sums are those of a plain pass in another order, so results differ by rounding only; the proof of a strategy runs
    with it against a pass without.
    """
    layers = loaded.linear_layers if help_with(loaded) else []
    for layer, forward in layers:
        layer.__dict__["forward"] = forward
    try:
        yield
    finally:
        for layer, _ in layers:
            layer.__dict__.pop("forward", None)


def help_with(loaded: "LoadedModel") -> bool:
    """Whether fast products change anything for a model: on a CPU, in float32, where `available`."""
    return loaded.device == "cpu" and loaded.dtype == "float32" and available()


def linear_layers(blocks: "Sequence[nn.Module]") -> "list[tuple[nn.Module, Callable[[Tensor], Tensor]]]":
    """The linear layers of blocks, each with a forward of its own by oneDNN."""
    from torch import nn
    from transformers.pytorch_utils import Conv1D

    # exactly these: what inherits from them may compute something else
    transposed = {nn.Linear: False, Conv1D: True}
    return [
        (module, _product(module, transposed=transposed[type(module)]))
        for block in blocks
        for module in block.modules()
        if type(module) in transposed
    ]


@cache
def available() -> bool:
    """Whether this torch has the product and this processor gains by it."""
    import torch

    return _gains() and torch.backends.cpu.get_cpu_capability() == "AVX512" and works()


def works() -> bool:
    """Whether this torch has the product: tried on four numbers."""
    import torch

    one = torch.eye(2)
    try:
        product = _linear()(one, one, None, "none", [], "")
        return bool(torch.equal(_linear_and_sum()(one, product, one, None, "add"), 2 * one))
    except (AttributeError, RuntimeError, TypeError):
        return False


def _gains() -> bool:
    """Known, not timed: on a busy machine a race would end otherwise each time, and with it the last bits of all numbers."""
    try:
        lines = CPU_INFO.read_text(encoding="utf-8").split("\n\n")[0].splitlines()
        said = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        return said["vendor_id"] == "AuthenticAMD" and int(said["cpu family"]) >= FIRST_FAMILY
    except (OSError, KeyError, ValueError):
        return False


def _product(module: Any, *, transposed: bool) -> "Callable[[Tensor], Tensor]":
    linear, linear_and_sum = _linear(), _linear_and_sum()
    weight = module.weight.t() if transposed else module.weight
    bias = module.bias
    terms = weight.shape[1]
    step = -(-terms // -(-terms // SUMMED_AT_ONCE))
    first, *others = (slice(start, start + step) for start in range(0, terms, step))

    def forward(rows: "Tensor") -> "Tensor":
        # copied, because oneDNN multiplies what is not contiguous slowly
        total = linear(rows[..., first].contiguous(), weight[:, first].contiguous(), bias, "none", [], "")
        for run in others:
            total = linear_and_sum(rows[..., run].contiguous(), total, weight[:, run].contiguous(), None, "add")
        return total

    return forward


def _linear() -> Any:
    import torch

    return torch.ops.mkldnn._linear_pointwise.default


def _linear_and_sum() -> Any:
    import torch

    return torch.ops.mkldnn._linear_pointwise.binary
