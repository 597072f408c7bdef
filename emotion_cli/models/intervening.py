"""Forward passes of a causal model whose residual stream is changed on the way, and what they give: log-probabilities, texts.

One row of a batch is one change. Rows share the tokens that they read, so the blocks below the changed layer need to run once
only: a hook behind them repeats the state (the fork). Which positions are changed is said in absolute positions, and a counter
kept here says where in the text a pass is. With a cache each pass sees a part of the text, and its length says nothing.
"""

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from emotion_cli.models.checks import PROBES
from emotion_cli.models.refusals import RefusedError, refusal_of
from emotion_cli.models.residual import at_layers, residual_stream
from emotion_cli.models.rotary import as_it_was, regimes
from emotion_cli.models.tokens import tokenize

if TYPE_CHECKING:
    from torch import Tensor

    from emotion_cli.models.loaded import LoadedModel

LOGITS = 2**26
"""Logits of one pass that are in memory at once: tokens times the size of the vocabulary."""

MOST_TOKENS = 1024
"""Tokens of one pass; more were not faster on a CPU."""

TOLERANCE = {"float32": 1e-4, "float16": 5e-2, "bfloat16": 2e-1}
"""Largest difference of a token's log-probability at which a faster way of running rows counts as equal to the plain one."""


FEW_ROWS = 8
"""Fewer rows than this are run for several texts at once, if need be without a fork."""


class Passage(NamedTuple):
    """Token ids of a text with what stands before it; tokens from place `first` on are scored, 1 at least."""

    ids: tuple[int, ...]
    first: int = 1


POSITIONS: dict[str, Callable[[Passage], range]] = {
    "all": lambda passage: range(1, len(passage.ids)),
    "prompt": lambda passage: range(1, passage.first),
    "last": lambda passage: range(max(1, passage.first - 1), passage.first),
    # what predicts the first token of the continuation is its first position
    "continuation": lambda passage: range(max(1, passage.first - 1), len(passage.ids)),
}
"""Which positions of a passage are changed; never position 0, an attention sink whose change breaks the model."""


def places_of(passage: Passage, positions: str) -> np.ndarray:
    """Whether each position of a passage is changed [token]."""
    return np.isin(np.arange(len(passage.ids)), list(POSITIONS[positions](passage)))


class Scores(NamedTuple):
    """Of each row and passage: mean log-probability of the scored tokens, and mean KL(unchanged || changed), in nats a token.

    `unchanged` is the log-probability without a change, from the same batch.
    """

    log_prob: np.ndarray
    kl: np.ndarray
    unchanged: np.ndarray


@dataclass(frozen=True)
class Edit:
    """A change of one layer in several rows: `added` [row, d_model] is added to every state that may change."""

    layer: int
    added: np.ndarray

    def rows(self, chosen: Sequence[int]) -> "Edit":
        """The same of some rows."""
        return Edit(self.layer, self.added[list(chosen)])

    def __len__(self) -> int:
        return len(self.added)

    def change(self, loaded: "LoadedModel") -> "Callable[[Tensor, Tensor], Tensor]":
        """The change as it is applied to states of these rows."""
        import torch

        added = torch.as_tensor(self.added, dtype=getattr(torch, loaded.dtype), device=loaded.device)[:, None, :]
        return lambda states, may_change: torch.where(may_change[..., None], states + added, states)


class Counter:
    """How many tokens of the current text were run through the model: the absolute position of the next one."""

    def __init__(self) -> None:
        self.position = 0


@contextmanager
def intervening(
    loaded: "LoadedModel",
    layer: int,
    change: "Callable[[Tensor, Tensor], Tensor]",
    may_change: "Tensor",
    n_rows: int,
    *,
    fork: bool,
    start: int = 0,
) -> Iterator[Counter]:
    """While open, passes are changed at `layer`; `may_change` [text, position] holds absolute positions, of each text.

    With `fork`, a pass takes each text once, and its state is repeated to `n_rows` rows behind `layer`; else a pass takes each
    text `n_rows` times, rows of one text together. `start` is the position of the first token that will be run.
    """
    counter = Counter()
    counter.position = start

    def visit(at: int, states: "Tensor") -> "Tensor":
        n_tokens = states.shape[1]
        if fork:
            states = states.repeat_interleave(n_rows, 0)
        here = may_change[:, counter.position : counter.position + n_tokens]
        counter.position += n_tokens
        by_text = states.unflatten(0, (-1, n_rows))
        return torch.stack([change(rows, places[None]) for rows, places in zip(by_text, here, strict=True)]).flatten(0, 1)

    import torch

    with at_layers(loaded, [layer], visit):
        yield counter


class Engine:
    """A causal model that is run with changes; it proves once which faster ways give the numbers of the plain way."""

    def __init__(self, loaded: "LoadedModel") -> None:
        if loaded.causal is None:
            raise ValueError("the model is loaded without its head")
        self.loaded = loaded

    @cached_property
    def forks(self) -> bool:
        """Whether the blocks below the changed layer may run once for all rows of a text (check `fork`)."""
        return self._agrees(lambda passages, edit, places: self._scored(passages, edit, places, fork=True, alone=True))

    @cached_property
    def forks_together(self) -> bool:
        """The same for several texts in one pass; a mask that is made for each text stands in the way."""
        return self._agrees(lambda passages, edit, places: self._scored(passages, edit, places, fork=True))

    @cached_property
    def caches(self) -> bool:
        """Whether the tokens before the scored ones may be kept in the model's cache (check `cache`)."""
        # angles that depend on the length of the whole text are not known at its beginning
        return not regimes(self.loaded) and self._agrees(
            lambda passages, edit, places: self._continued(passages, edit, places, fork=self.forks)
        )

    def scores(
        self,
        passages: Sequence[Passage],
        edit: Edit,
        places: Sequence[np.ndarray],
        *,
        progress: Callable[[int], None] = lambda passages: None,
    ) -> Scores:
        """Scores of every row of `edit` on every passage; `places` [token] of each passage say which positions are changed.

        Passages that share what stands before the scored tokens share a cache, where the model is proven to allow that.
        """
        if _shared_beginning(passages, places) > 1 and self.caches:
            return self._continued(passages, edit, places, fork=self.forks, progress=progress)
        # few rows of many texts fill a pass better than few rows of one
        alone = not self.forks_together and len(edit) >= FEW_ROWS
        fork = self.forks if alone else self.forks_together
        return self._scored(passages, edit, places, fork=fork, alone=alone, progress=progress)

    def _scored(
        self,
        passages: Sequence[Passage],
        edit: Edit,
        places: Sequence[np.ndarray],
        *,
        fork: bool,
        alone: bool = False,
        progress: Callable[[int], None] = lambda passages: None,
    ) -> Scores:
        """One pass over the whole of each passage; many rows and, unless `alone`, passages at once, padded on the right."""
        scores = _no_scores(len(edit), len(passages))
        for rows, members in self._batches(passages, len(edit), alone=alone):
            # the unchanged model is a row of each batch
            part = _with_unchanged(edit.rows(rows))
            width = max(len(passages[i].ids) for i in members)
            may_change = np.zeros((len(members), width), bool)
            for row, i in enumerate(members):
                may_change[row, : len(places[i])] = places[i]
            logits = self._logits([passages[i].ids for i in members], part, may_change, fork=fork)
            for place, i in enumerate(members):
                own = logits[place, :, passages[i].first - 1 : len(passages[i].ids) - 1]
                self._score(scores, rows, i, own, passages[i].ids[passages[i].first :])
            # the last rows of a passage end its work
            progress(len(members) if rows[-1] == len(edit) - 1 else 0)
        return scores

    def _continued(
        self,
        passages: Sequence[Passage],
        edit: Edit,
        places: Sequence[np.ndarray],
        *,
        fork: bool,
        progress: Callable[[int], None] = lambda passages: None,
    ) -> Scores:
        """The shared beginning once for each batch of rows, kept in the cache; then each passage behind it, one at a time."""
        import torch

        scores = _no_scores(len(edit), len(passages))
        shared = _shared_beginning(passages, places)
        longest = max(len(passage.ids) for passage in passages)
        for rows in _chunks(len(edit), max(1, self._tokens_at_once // longest)):
            part = _with_unchanged(edit.rows(rows))
            n_rows, change = len(part), part.change(self.loaded)
            beginning = self._tensor([passages[0].ids[:shared]])
            may_change = self._tensor([places[0][:shared]])
            with torch.inference_mode(), self.as_it_was():
                with intervening(self.loaded, edit.layer, change, may_change, n_rows, fork=fork):
                    ids = beginning if fork else beginning.repeat_interleave(n_rows, 0)
                    cache = getattr(self.loaded.causal(input_ids=ids, use_cache=True), "past_key_values", None)
                if cache is None:
                    raise RefusedError("it keeps no cache of keys and values")
                for i, passage in enumerate(passages):
                    rest = self._tensor([passage.ids[shared:]])
                    may_change = self._tensor([places[i]])
                    with intervening(self.loaded, edit.layer, change, may_change, n_rows, fork=fork, start=shared):
                        ids = rest if fork else rest.repeat_interleave(n_rows, 0)
                        # a pass adds to the cache that it is given
                        output = self.loaded.causal(input_ids=ids, past_key_values=copy.deepcopy(cache), use_cache=True)
                    own = output.logits[:, passage.first - 1 - shared : -1]
                    self._score(scores, rows, i, own, passage.ids[passage.first :])
                    progress(int(rows[-1] == len(edit) - 1))
        return scores

    def _score(self, scores: Scores, rows: Sequence[int], passage: int, logits: "Tensor", targets: Sequence[int]) -> None:
        """Fill in rows of a passage, of logits [1 + row, token, vocabulary]; the first row is the unchanged model's."""
        import torch

        logits = logits.float()
        totals = logits.logsumexp(-1)
        aimed = torch.tensor(list(targets), device=logits.device)
        log_probs = logits.gather(-1, aimed.expand(len(logits), -1)[..., None])[..., 0] - totals
        base = (logits[0] - totals[0, :, None]).exp()
        # KL = sum p (x - x') + log Z' - log Z, a row at a time so that no copy of all logits is made
        expected = torch.stack([(base * (logits[0] - row)).sum(-1) for row in logits[1:]])
        divergence = expected + totals[1:] - totals[0]
        means = log_probs.double().mean(-1).cpu().numpy()
        scores.log_prob[rows, passage], scores.unchanged[rows, passage] = means[1:], means[0]
        scores.kl[rows, passage] = divergence.double().mean(-1).clamp(min=0).cpu().numpy()

    def _logits(self, rows: Sequence[Sequence[int]], edit: Edit, may_change: np.ndarray, *, fork: bool) -> "Tensor":
        """Logits [text, row, token, vocabulary] of the changed model; texts are padded on the right, which causality hides."""
        import torch

        ids = np.zeros((len(rows), max(map(len, rows))), np.int64)
        for row, filled in zip(rows, ids, strict=True):
            filled[: len(row)] = row
        tokens = self._tensor(ids)
        n_rows = len(edit)
        allowed = self._tensor(may_change)
        hooks = intervening(self.loaded, edit.layer, edit.change(self.loaded), allowed, n_rows, fork=fork)
        with torch.inference_mode(), self.as_it_was(), hooks:
            given = tokens if fork else tokens.repeat_interleave(n_rows, 0)
            logits = self.loaded.causal(input_ids=given, use_cache=False).logits
        return logits.unflatten(0, (len(rows), n_rows))

    def _batches(self, passages: Sequence[Passage], n_rows: int, *, alone: bool = False) -> Iterator[tuple[list[int], list[int]]]:
        """Rows and passages that run together, passages of like length together; alone where angles depend on the length."""
        order = sorted(range(len(passages)), key=lambda i: (len(passages[i].ids), i))
        budget, alone = self._tokens_at_once, alone or bool(regimes(self.loaded))
        while order:
            rows_at_once = max(1, min(n_rows, budget // len(passages[order[0]].ids) - 1))
            members = [order.pop(0)]
            while order and not alone and (len(members) + 1) * (rows_at_once + 1) * len(passages[order[0]].ids) <= budget:
                members.append(order.pop(0))
            for rows in _chunks(n_rows, rows_at_once):
                yield rows, members

    def together(self, passages: Sequence[Passage]) -> list[list[int]]:
        """Passages that run together, one row each."""
        return [members for _, members in self._batches(passages, 1)]

    @cached_property
    def _tokens_at_once(self) -> int:
        """Tokens of one pass, so that its logits fit into memory."""
        vocabulary = self.loaded.model.get_input_embeddings().weight.shape[0]
        return max(1, min(MOST_TOKENS, LOGITS // vocabulary))

    def as_it_was(self) -> AbstractContextManager[None]:
        """While open, a pass may change what the model keeps beside its weights."""
        return as_it_was(self.loaded.causal) if regimes(self.loaded) else nullcontext()

    def _tensor(self, values: Any) -> "Tensor":
        import torch

        return torch.as_tensor(np.asarray(values), device=self.loaded.device)

    def _agrees(self, faster: Callable[[Sequence[Passage], Edit, Sequence[np.ndarray]], Scores]) -> bool:
        """Whether a way of running rows gives what passes of whole texts, row by row, give on a few texts."""
        loaded, layer = self.loaded, self.loaded.n_layers // 2
        ids = tokenize(loaded, list(PROBES[:2]), truncate=True).ids
        shortest = min(map(len, ids))
        # one beginning for both, of which a part is changed
        passages = [Passage((*ids[1][: shortest - 1], *row[1:]), shortest - 1) for row in ids if len(row) > 2]
        places = [np.arange(len(passage.ids)) >= max(1, shortest // 2) for passage in passages]
        try:
            edit = Edit(layer, self._probe(passages[0], layer))
            expected = self._scored(passages, edit, places, fork=False, alone=True)
            found = faster(passages, edit, places)
            # not `<`: NaN does not agree
            return bool(np.abs(expected.log_prob - found.log_prob).max() <= TOLERANCE[loaded.dtype])
        except Exception as error:  # a model refuses what it was not made for in ways of its own
            refusal_of(error)
            return False

    def _probe(self, passage: Passage, layer: int) -> np.ndarray:
        """Two random changes [2, d_model] of a tenth of the length of a passage's states."""
        import torch

        lengths: list[float] = []
        with (
            torch.inference_mode(),
            residual_stream(
                self.loaded,
                [layer],
                lambda _, state: lengths.append(float(state[0, 1:].float().norm(dim=-1).median())),
                stop=True,
            ),
        ):
            self.loaded.causal(input_ids=self._tensor([passage.ids]), use_cache=False)
        directions = np.random.default_rng(0).normal(size=(2, self.loaded.d_model))
        return 0.1 * lengths[0] * directions / np.linalg.norm(directions, axis=1, keepdims=True)


def _no_scores(rows: int, passages: int) -> Scores:
    return Scores(*(np.full((rows, passages), np.nan) for _ in Scores._fields))


def _with_unchanged(edit: Edit) -> Edit:
    """The edit with a first row that adds nothing."""
    return Edit(edit.layer, np.concatenate([np.zeros_like(edit.added[:1]), edit.added]))


def _shared_beginning(passages: Sequence[Passage], places: Sequence[np.ndarray]) -> int:
    """How many tokens all passages begin with and change alike, that end before the token which predicts the first scored one."""
    shared = min(passage.first for passage in passages) - 1
    while shared and any(
        passage.ids[:shared] != passages[0].ids[:shared] or not np.array_equal(changed[:shared], places[0][:shared])
        for passage, changed in zip(passages, places, strict=True)
    ):
        shared -= 1
    return shared


def _chunks(n: int, size: int) -> list[list[int]]:
    return [list(range(start, min(n, start + size))) for start in range(0, n, size)]
