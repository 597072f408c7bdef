"""States carried from one text's pass into another's, and what that does to the word that comes next.

One row of a batch is one patch. What a patch puts in place is given as numbers, so whole states, parts of them and states
that are changed along a direction are carried in the same way. Tokens in front of the first changed one are run once and kept
in the cache, and so are the blocks below the lowest changed layer, where the model is proven to allow that.
"""

import copy
import inspect
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from emotion_cli.errors import EmoError, UsageError
from emotion_cli.models.intervening import TOLERANCE, Engine
from emotion_cli.models.parts import Block, n_heads_of, writers_of
from emotion_cli.models.refusals import RefusedError, refusal_of
from emotion_cli.models.residual import at_layers
from emotion_cli.models.rotary import regimes

if TYPE_CHECKING:
    from torch import Tensor

RESIDUAL, HEAD, MLP = "residual", "head", "mlp"
"""What is carried: the residual stream, what one head gives to the attention's projection, what an MLP writes."""

ROWS_AT_ONCE = 64
"""Patches of one pass; more of them share fewer blocks."""

Key = tuple[str, int]
"""A site and its layer; of a head or an MLP the layer that its block makes."""

States = Mapping[Key, "Tensor"]
"""States, or what belongs to each of them, by site and layer."""


class Patch(NamedTuple):
    """What is put in place at one site and layer: `values` [position, width] at absolute positions, none of them 0."""

    site: str
    layer: int
    positions: tuple[int, ...]
    values: "Tensor"
    head: int | None = None

    @property
    def depth(self) -> int:
        """The last layer that is as it was."""
        return self.layer if self.site == RESIDUAL else self.layer - 1


class Reading(NamedTuple):
    """A text as the model read it: its states [token, width] by site and layer, and the log-odds of each label [label]."""

    ids: tuple[int, ...]
    states: States
    log_odds: np.ndarray


class Way(NamedTuple):
    """How rows are run: whether what stands before the first change is cached, and blocks below it run once."""

    cached: bool
    forked: bool


WAYS = (Way(True, True), Way(True, False), Way(False, True))
"""Ways that are tried, the fastest first; else each row is run as a whole."""

PLAIN = Way(False, False)


class Patcher:
    """A causal model whose states can be carried between texts; `words` [label] are the tokens that speak for each label.

    A label's log-odds are the logarithm of the summed probability of its tokens behind a text, minus the mean of the other
    labels'.
    """

    def __init__(self, engine: Engine, words: Sequence[Sequence[int]], sites: Collection[str], layers: Collection[int]) -> None:
        self.engine, self.loaded, self.words = engine, engine.loaded, words
        self._keys: list[Key] = [(site, layer) for site in sites for layer in layers if site == RESIDUAL or layer > 0]
        self._way: Way | None = None

    def read(self, ids: Sequence[int]) -> Reading:
        """One pass over a text."""
        import torch

        self._see(ids)
        states: dict[Key, Tensor] = {}

        def keep(key: Key, state: "Tensor") -> None:
            states[key] = state[0].clone()

        with torch.inference_mode(), self.engine.as_it_was(), self._at(self._keys, keep):
            logits = self._last(self._tensor([ids]))
        return Reading(tuple(ids), states, self._log_odds(logits).double().cpu().numpy()[0])

    def gradients(self, ids: Sequence[int]) -> States:
        """How each label's log-odds behind a text change with the states it is made of [label, token, width]; EmoError if not."""
        import torch

        self._see(ids)
        states: dict[Key, Tensor] = {}

        def visit(key: Key, state: "Tensor") -> "Tensor | None":
            begins = key == (RESIDUAL, 0)
            if begins:
                # no weight is differentiated: the first state is where all gradients begin
                state = state.detach().requires_grad_()
            states[key] = state
            return state if begins else None

        try:
            with torch.enable_grad(), self.engine.as_it_was(), self._at([(RESIDUAL, 0), *self._keys], visit):
                log_odds = self._log_odds(self._last(self._tensor([ids])))[0]
                wanted = [states[key] for key in self._keys]
                found = [torch.autograd.grad(value, wanted, retain_graph=True, allow_unused=True) for value in log_odds[:-1]]
        except Exception as error:  # a model refuses what it was not made for in ways of its own
            raise EmoError(
                f"{self.loaded.source.name}: it cannot be differentiated: {refusal_of(error)}", hint="--attention eager"
            ) from error
        # what nothing reads has no gradient; log-odds add up to 0, so the last label's is known
        of_label = [
            [torch.zeros_like(state[0]) if part is None else part[0] for part, state in zip(parts, wanted, strict=True)]
            for parts in found
        ]
        stacked = [torch.stack(parts).detach() for parts in zip(*of_label, strict=True)]
        return {key: torch.cat([part, -part.sum(0, keepdim=True)]) for key, part in zip(self._keys, stacked, strict=True)}

    def attribution(self, patch: Patch, into: Reading, gradients: States) -> np.ndarray:
        """What a patch does to each label's log-odds [label], to first order."""
        key, places = (patch.site, patch.layer), list(patch.positions)
        change = patch.values - self.part(into.states[key], patch.head)[places]
        slope = self.part(gradients[key], patch.head)[:, places]
        return (slope * change).double().sum((1, 2)).cpu().numpy()

    def part(self, states: "Tensor", head: int | None) -> "Tensor":
        """States [.., width], or the part of them that one head gave."""
        if head is None:
            return states
        width = states.shape[-1] // self.n_heads
        return states[..., head * width : (head + 1) * width]

    @cached_property
    def n_heads(self) -> int:
        """Attention heads of a block; UsageError for a model without them."""
        return n_heads_of(self.loaded)

    def changes(self, ids: Sequence[int], patches: Sequence[Patch]) -> np.ndarray:
        """What each patch does to each label's log-odds behind a text [patch, label]: against the unchanged row of its batch."""
        self._see(ids)
        found = np.full((len(patches), len(self.words)), np.nan)
        for members in _by_start(patches):
            start = min(patches[members[0]].positions)
            way = self._proven(ids, [patches[i] for i in members], start)
            cache = self._beginning(ids[:start]) if way.cached else None
            for chunk in (members[i : i + ROWS_AT_ONCE] for i in range(0, len(members), ROWS_AT_ONCE)):
                found[chunk] = self._rows(ids, [patches[i] for i in chunk], start if way.cached else 0, cache, forked=way.forked)
        return found

    def plain_changes(self, ids: Sequence[int], patches: Sequence[Patch]) -> np.ndarray:
        """The same by passes over the whole text, each row through all blocks."""
        return self._rows(ids, patches, 0, None, forked=False)

    def _proven(self, ids: Sequence[int], patches: Sequence[Patch], start: int) -> Way:
        """The fastest way that gives what plain passes give on a few patches."""
        if self._way is None:
            few = [patches[0], patches[len(patches) // 2], patches[-1]]
            expected = self.plain_changes(ids, few)
            self._way = next((way for way in WAYS if self._agrees(way, ids, few, start, expected)), PLAIN)
        return self._way

    def _agrees(self, way: Way, ids: Sequence[int], patches: Sequence[Patch], start: int, expected: np.ndarray) -> bool:
        # angles that depend on the length of the whole text are not known at its beginning
        if way.cached and regimes(self.loaded):
            return False
        try:
            cache = self._beginning(ids[:start]) if way.cached else None
            found = self._rows(ids, patches, start if way.cached else 0, cache, forked=way.forked)
        except Exception as error:  # a model refuses what it was not made for in ways of its own
            refusal_of(error)
            return False
        # not `<`: NaN does not agree
        return bool(np.abs(found - expected).max() <= TOLERANCE[self.loaded.dtype])

    def _beginning(self, ids: Sequence[int]) -> Any:
        """The cache of what stands before the first changed token."""
        import torch

        with torch.inference_mode(), self.engine.as_it_was():
            output = self.loaded.causal(input_ids=self._tensor([ids]), use_cache=True, **self._kept)
        cache = getattr(output, "past_key_values", None)
        if cache is None:
            raise RefusedError("it keeps no cache of keys and values")
        return cache

    def _rows(self, ids: Sequence[int], patches: Sequence[Patch], start: int, cache: Any, *, forked: bool) -> np.ndarray:
        """Changes [patch, label] of one batch, whose first row is unchanged; tokens before `start` are in the cache."""
        import torch

        n_rows, depth = 1 + len(patches), min(patch.depth for patch in patches)
        by_key: dict[Key, list[tuple[int, Patch]]] = {}
        for row, patch in enumerate(patches, 1):
            by_key.setdefault((patch.site, patch.layer), []).append((row, patch))
        fork = (RESIDUAL, depth) if forked else None

        def visit(key: Key, states: "Tensor") -> "Tensor":
            states = states.repeat_interleave(n_rows, 0) if key == fork else states.clone()
            for row, patch in by_key.get(key, ()):
                self.part(states[row], patch.head)[[place - start for place in patch.positions]] = patch.values.to(states.dtype)
            return states

        kept: dict[str, Any] = {"use_cache": False}
        if cache is not None:
            # a pass adds to the cache that it is given
            cache = copy.deepcopy(cache)
            for layer in cache.layers[depth:] if forked else cache.layers:
                layer.batch_repeat_interleave(n_rows)
            kept = {"past_key_values": cache, "use_cache": True}
        rows = self._tensor([ids[start:]]).repeat_interleave(1 if forked else n_rows, 0)
        with torch.inference_mode(), self.engine.as_it_was(), self._at({*by_key, *filter(None, [fork])}, visit):
            log_odds = self._log_odds(self._last(rows, **kept))
        return (log_odds[1:] - log_odds[:1]).double().cpu().numpy()

    @contextmanager
    def _at(self, keys: Collection[Key], visit: "Callable[[Key, Tensor], Tensor | None]") -> Iterator[None]:
        """While open, passes call `visit` with the states at these sites, and go on with what it returns; always removed."""
        handles = []
        try:
            for site, layer in keys:
                if site == HEAD:
                    hook = _before(visit, (site, layer))
                    handles.append(self._blocks[layer - 1].projection.register_forward_pre_hook(hook))
                elif site == MLP:
                    handles.append(self._blocks[layer - 1].mlp.register_forward_hook(_after(visit, (site, layer))))
            layers = [layer for site, layer in keys if site == RESIDUAL]
            with at_layers(self.loaded, layers, lambda layer, state: visit((RESIDUAL, layer), state)):
                yield
        finally:
            for handle in handles:
                handle.remove()

    def _see(self, ids: Sequence[int]) -> None:
        """Find the modules that write, as a text shows them, where they are needed."""
        if not hasattr(self, "_blocks") and any(site != RESIDUAL for site, _ in self._keys):
            self._blocks: list[Block] = writers_of(self.loaded, ids, self.loaded.n_layers)

    def _last(self, ids: "Tensor", **options: Any) -> "Tensor":
        """Logits [row, vocabulary] behind the last token."""
        return self.loaded.causal(input_ids=ids, **{"use_cache": False, **options}, **self._kept).logits[:, -1]

    @cached_property
    def _kept(self) -> dict[str, int]:
        """What keeps a model from making the logits of all tokens, where it can."""
        return {"logits_to_keep": 1} if "logits_to_keep" in inspect.signature(self.loaded.causal.forward).parameters else {}

    def _log_odds(self, logits: "Tensor") -> "Tensor":
        """Log-odds [row, label]; what all probabilities are divided by cancels."""
        import torch

        of_label = torch.stack([logits[:, list(tokens)].double().logsumexp(-1) for tokens in self.words], 1)
        n = len(self.words)
        return of_label - (of_label.sum(1, keepdim=True) - of_label) / (n - 1)

    def _tensor(self, values: Any) -> "Tensor":
        import torch

        return torch.as_tensor(np.asarray(values), device=self.loaded.device)


def along(into: "Tensor", donor: "Tensor", directions: np.ndarray) -> "Tensor":
    """States [direction, token, d_model] with the donor's component along directions [direction, d_model] of length 1.

    The rest stays as it is.
    """
    units = _like(into, directions)
    return into + ((donor - into) @ units.T).T[..., None] * units[:, None]


def along_mean(into: "Tensor", donor: "Tensor", directions: np.ndarray) -> "Tensor":
    """States [direction, token, d_model], moved along each direction until their mean there is the donor's.

    The donor [other token, d_model] may have another number of tokens.
    """
    units = _like(into, directions)
    return into + ((donor.mean(0) - into.mean(0)) @ units.T)[:, None, None] * units[:, None]


def _like(states: "Tensor", numbers: np.ndarray) -> "Tensor":
    import torch

    return torch.from_numpy(numbers.astype(np.float32)).to(states)


def first_tokens(engine: Engine, words: Sequence[str]) -> list[int]:
    """The first token of each word behind a space."""
    rows = engine.loaded.tokenizer([f" {word}" for word in words], add_special_tokens=False)["input_ids"]
    return [row[0] for row in rows]


def _by_start(patches: Sequence[Patch]) -> list[list[int]]:
    """Patches that begin at the same position, those of lower layers first."""
    starts: dict[int, list[int]] = {}
    for i in sorted(range(len(patches)), key=lambda i: patches[i].depth):
        starts.setdefault(min(patches[i].positions), []).append(i)
    return list(starts.values())


def _before(visit: "Callable[[Key, Tensor], Tensor | None]", key: Key) -> Any:
    def hook(module: Any, args: tuple[Any, ...]) -> Any:
        changed = visit(key, _state(args[0], key))
        return None if changed is None else (changed, *args[1:])

    return hook


def _after(visit: "Callable[[Key, Tensor], Tensor | None]", key: Key) -> Any:
    def hook(module: Any, args: tuple[Any, ...], output: Any) -> Any:
        is_whole = not isinstance(output, (tuple, list))
        changed = visit(key, _state(output if is_whole else output[0], key))
        return None if changed is None else changed if is_whole else type(output)([changed, *output[1:]])

    return hook


def _state(value: Any, key: Key) -> "Tensor":
    if value.ndim != 3:
        raise UsageError(f"--site {key[0]}: block {key[1]} of this model keeps no states by text there", hint="--site residual")
    return value
