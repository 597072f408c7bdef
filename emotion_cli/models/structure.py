"""A model's structure, seen while it runs on two tokens: its decoder, the blocks, and the modules after them.

Nothing here goes by the name of a module, an argument or an architecture: blocks are a list of modules that run one after
another, each on what the one before returned.
"""

import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from emotion_cli.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor, nn

TWO_TOKENS = (1, 2)
"""Ids that every vocabulary has."""

Slot = int | str
"""Where a module takes a tensor: the place of an argument or its name."""


class Structure(NamedTuple):
    """A decoder that takes token ids, its blocks in order, and the modules that make its output of the last block's state.

    `entry` is where block 0 takes the state; `parts` says which part of each block's output is the state, None for the whole.
    """

    decoder: "nn.Module"
    blocks: "list[nn.Module]"
    after_blocks: "dict[str, nn.Module]"
    entry: Slot
    parts: list[int | None]

    def entering(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> "Tensor":
        """The state that enters block 0 [batch, token, d_model], of what the block is called with."""
        return args[self.entry] if isinstance(self.entry, int) else kwargs[self.entry]

    def leaving(self, block: int, output: Any) -> "Tensor":
        """The state that leaves a block [batch, token, d_model], of what the block returns."""
        part = self.parts[block]
        return output if part is None else output[part]

    def with_entering(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], state: "Tensor"
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """What block 0 is called with, with another state."""
        if isinstance(self.entry, int):
            return (*args[: self.entry], state, *args[self.entry + 1 :]), kwargs
        return args, {**kwargs, self.entry: state}

    def with_leaving(self, block: int, output: Any, state: "Tensor") -> Any:
        """What a block returns, with another state."""
        part = self.parts[block]
        return state if part is None else type(output)([*output[:part], state, *output[part + 1 :]])


class _Call(NamedTuple):
    """One call of a module: where it stands among the calls around it, and copies of all that could be a state."""

    module: "nn.Module"
    around: "tuple[nn.Module, ...]"
    started: int
    ended: int
    taken: "dict[Slot, Tensor]"
    given: "dict[int | None, Tensor]"


def find_structure(model: Any) -> Structure:
    """The structure of a transformers model without its head; UsageError when it has no blocks that can be read."""
    config = model.config.get_text_config()
    if getattr(config, "rescale_every", 0):
        # halves the state every few blocks against overflow in float16: what is stored is the state as the weights make it
        config.rescale_every = 0
    return _find(model, config)[0]


def output_state(output: Any) -> "Tensor":
    """The last hidden state [batch, token, width] of what a model without a head returns."""
    return output.last_hidden_state if hasattr(output, "last_hidden_state") else output[0]


def _find(model: Any, config: Any) -> "tuple[Structure, Tensor]":
    """The structure, and the state that left the last block."""
    calls, output = _trace(model)
    chains = [chain for chain in map(_chain, _lists(model, config.num_hidden_layers, calls)) if chain]
    if not chains:
        raise UsageError(
            f"no {config.num_hidden_layers} blocks that run one after another, each on what the one before returned, "
            f"are in a model of type {config.model_type}",
            hint="emo models list",
        )
    # of lists within lists the outermost
    chain = min(chains, key=lambda chain: len(chain[0].around))
    parts = _parts(chain)
    top = chain[-1].given[parts[-1]]
    for inner in _inner_models(model, chain[0].around):
        try:
            structure, state = _find(inner, config)
        except UsageError:
            continue
        # it does by itself what the whole does with text
        if _same(state, top):
            return structure, state
    after_blocks = _after_blocks(model, calls, chain[-1], top, output)
    return Structure(model, [call.module for call in chain], after_blocks, _entry(chain, config.hidden_size), parts), top


def _inner_models(model: Any, around: "Sequence[nn.Module]") -> list[Any]:
    """The models within a model, around the blocks, that take token ids; the innermost first."""
    from transformers import PreTrainedModel

    inner = [module for module in around if isinstance(module, PreTrainedModel) and module is not model]
    return [module for module in reversed(inner) if "input_ids" in inspect.signature(module.forward).parameters]


def _lists(model: "nn.Module", length: int, calls: Sequence[_Call]) -> "Iterator[list[_Call]]":
    """The calls of each list of modules of this length whose members all ran once, in order."""
    from torch import nn

    calls_of: dict[int, list[_Call]] = {}
    for call in calls:
        calls_of.setdefault(id(call.module), []).append(call)
    for modules in model.modules():
        if not isinstance(modules, nn.ModuleList) or len(modules) != length:
            continue
        made = [calls_of.get(id(module), []) for module in modules]
        if all(len(member) == 1 for member in made):
            row = [member[0] for member in made]
            if all(call.ended < next_call.started for call, next_call in pairwise(row)):
                yield row


def _chain(row: list[_Call]) -> list[_Call] | None:
    linked = all(_links(call, next_call) for call, next_call in pairwise(row))
    return row if linked and row[0].taken and row[-1].given else None


def _links(call: _Call, next_call: _Call) -> "list[tuple[int | None, Slot]]":
    """Which output of a call is which input of the next call; an output that was its own input only where there is no other."""
    links = [(part, slot) for part, given in call.given.items() for slot, taken in next_call.taken.items() if _same(given, taken)]
    made = [(part, slot) for part, slot in links if not any(_same(call.given[part], taken) for taken in call.taken.values())]
    return made or links


def _entry(chain: list[_Call], width: int) -> Slot:
    taken = chain[0].taken
    usual = [slot for call, next_call in pairwise(chain) for _, slot in _links(call, next_call) if slot in taken]
    wide = [slot for slot, state in taken.items() if state.shape[-1] == width]
    return [*usual, *wide, *taken][0]


def _parts(chain: list[_Call]) -> list[int | None]:
    parts = [_links(call, next_call)[0][0] for call, next_call in pairwise(chain)]
    given = chain[-1].given
    return [*parts, next((part for part in reversed(parts) if part in given), next(iter(given)))]


def _after_blocks(
    model: "nn.Module", calls: Sequence[_Call], last: _Call, top: "Tensor", output: "Tensor"
) -> "dict[str, nn.Module]":
    """The modules that make the output of the top state, each on what the one before returned."""
    names = {id(module): name for name, module in model.named_modules()}
    # one by one, and not what runs within another
    outer = [call for call in calls if call.started > last.ended and set(call.around) <= set(last.around)]
    through: dict[str, nn.Module] = {}
    state = top
    for call in sorted(outer, key=lambda call: call.started):
        if _same(state, output):
            break
        if call.given and any(_same(state, taken) for taken in call.taken.values()):
            through[names[id(call.module)]] = call.module
            state = next(iter(call.given.values()))
    return through


def _same(first: "Tensor", second: "Tensor") -> bool:
    import torch

    return (
        first.shape == second.shape
        and first.dtype == second.dtype
        and torch.allclose(first, second, rtol=0, atol=0, equal_nan=True)
    )


def _trace(model: Any) -> "tuple[list[_Call], Tensor]":
    """Every call of a module in a pass on two tokens, and the model's output."""
    calls: list[_Call] = []
    with _recorded(model, calls):
        output = _run(model)
    return calls, output_state(output)


def _run(model: Any) -> Any:
    import torch

    ids = torch.tensor([TWO_TOKENS], device=next(model.parameters()).device)
    try:
        with torch.inference_mode():
            return model(input_ids=ids, use_cache=False)
    except MemoryError:
        raise
    except Exception as error:  # what a model needs beside text, each finds missing in a way of its own
        raise UsageError(
            f"a model of type {model.config.model_type} cannot be run on text alone: {error}", hint="emo models list"
        ) from error


@contextmanager
def _recorded(model: "nn.Module", calls: list[_Call]) -> Iterator[None]:
    open_calls: list[tuple[nn.Module, int, dict[Slot, Tensor]]] = []
    clock = iter(range(2**62))
    handles = []

    def before(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        open_calls.append((module, next(clock), _states([*enumerate(args), *kwargs.items()])))

    def after(module: Any, args: tuple[Any, ...], output: Any) -> None:
        _, started, taken = open_calls.pop()
        parts = list(enumerate(output)) if isinstance(output, (tuple, list)) else [(None, output)]
        around = tuple(module for module, *_ in open_calls)
        calls.append(_Call(module, around, started, next(clock), taken, _states(parts)))

    try:
        for module in model.modules():
            handles += [module.register_forward_pre_hook(before, with_kwargs=True), module.register_forward_hook(after)]
        yield
    finally:
        for handle in handles:
            handle.remove()


def _states(named: "Sequence[tuple[Any, Any]]") -> "dict[Any, Tensor]":
    """Copies of those that have the form of a state: numbers of a batch of one, of two tokens."""
    import torch

    return {
        name: value.clone()
        for name, value in named
        if isinstance(value, torch.Tensor) and value.is_floating_point() and value.ndim == 3 and value.shape[:2] == (1, 2)
    }
