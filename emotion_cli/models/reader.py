"""Texts to activations: tokens, a way of packing them that is proven exact, and the forward passes."""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from emotion_cli.models.packing.proof import Choice, choose_strategy
from emotion_cli.models.pooling import POOLINGS, Pooled, pooled_activations
from emotion_cli.models.tokens import Spans, Tokens, tokenize

if TYPE_CHECKING:
    from emotion_cli.models.loaded import LoadedModel


BATCH_TOKENS = {"cpu": 1024}
"""Tokens in a batch where none are asked for; on a CPU more were not faster, elsewhere more keep the device busy."""

BATCH_TOKENS_ELSEWHERE = 8192


class Reading(NamedTuple):
    """How texts are read: whatever can change a number besides the model and the texts."""

    bos: str = "auto"
    chat_template: bool = False
    max_length: int | None = None
    truncate: bool = False
    strategy: str = "auto"
    batch_tokens: int | None = None


class Reader:
    """Reads texts with one model; every command that needs activations goes through it.

    `read` does all of it. An extraction, which writes part by part, calls `tokens`, `choose` and `pool` itself.
    """

    def __init__(
        self, loaded: "LoadedModel", reading: Reading | None = None, *, notify: Callable[[str], None] = lambda _: None
    ) -> None:
        self.loaded, self.reading, self._notify = loaded, reading or Reading(), notify
        self.batch_tokens = self.reading.batch_tokens or BATCH_TOKENS.get(loaded.device, BATCH_TOKENS_ELSEWHERE)
        self._fitting = self.batch_tokens

    def read(
        self,
        texts: Sequence[str],
        spans: Spans | None = None,
        *,
        content: Spans | None = None,
        poolings: Sequence[str] = tuple(POOLINGS)[:1],
        layers: Sequence[int] | None = None,
    ) -> Pooled:
        """Pooled residual stream of each text, at every layer if `layers` is not given.

        `spans` are the characters of each text that the pooling `word` averages over, `content` those of the pooling of that
        name. UsageError for a text that cannot be read as asked, EmoError when no way of packing is exact.
        """
        layers = list(range(self.loaded.n_layers + 1)) if layers is None else layers
        tokens = self.tokens(texts, spans, content)
        return self.pool(tokens, self.choose(tokens, layers), range(len(texts)), poolings=poolings, layers=layers)

    def tokens(self, texts: Sequence[str], spans: Spans | None = None, content: Spans | None = None) -> Tokens:
        """Token ids of each text, and the positions of the tokens in its spans."""
        bos, chat_template, max_length, truncate, *_ = self.reading
        return tokenize(
            self.loaded,
            texts,
            bos=bos,
            chat_template=chat_template,
            max_length=max_length,
            truncate=truncate,
            spans=spans,
            content=content,
        )

    def choose(self, tokens: Tokens, layers: Sequence[int], chunks: Iterable[Sequence[int]] | None = None) -> Choice:
        """The way of packing that is used, proven on these prompts; `chunks` are the places that are packed together."""
        return choose_strategy(
            self.loaded,
            tokens.ids,
            layers=layers,
            batch_tokens=self.batch_tokens,
            requested=self.reading.strategy,
            chunks=chunks,
        )

    def pool(
        self,
        tokens: Tokens,
        choice: Choice,
        places: Sequence[int],
        *,
        poolings: Sequence[str],
        layers: Sequence[int],
        measured: Collection[int] = (),
        progress: Callable[[int, int], None] = lambda prompts, tokens: None,
    ) -> Pooled:
        """Pooled residual stream of the prompts at these places, packed together as chosen.

        The numbers of `measured` are places among these.
        """
        pooled = pooled_activations(
            self.loaded,
            [tokens.ids[place] for place in places],
            poolings=poolings,
            layers=layers,
            batch_tokens=self._fitting,
            strategy=choice.strategy,
            marks=tokens.marks(places),
            measured=measured,
            progress=progress,
            notify=self._notify,
            forward=choice.passes.recall,
        )
        # smaller than asked for when memory ran out; what comes next would run out, too
        self._fitting = pooled.batch_tokens
        return pooled
