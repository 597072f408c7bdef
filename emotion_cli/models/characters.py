"""Which characters of a text each of its tokens stands for."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from emotion_cli.errors import UsageError
from emotion_cli.models.tokens import TEXTS_AT_ONCE, starts_of, wrapped

if TYPE_CHECKING:
    from emotion_cli.models.loaded import LoadedModel

Characters = tuple[int, int] | None
"""Index of the first character and one past the last, in code points; None for a token outside of the text."""


def characters_of(
    loaded: "LoadedModel", texts: Sequence[str], ids: Sequence[Sequence[int]], *, chat_template: bool = False
) -> list[list[Characters]]:
    """The characters [token] of each text, given the ids that `tokenize` made of the whole text.

    Tokens that each hold some bytes of one character all stand for that character. BOS, and what a chat template adds, stand
    for none. UsageError for a tokenizer that does not say.
    """
    tokenizer, name = loaded.tokenizer, loaded.source.name
    if not tokenizer.is_fast:
        raise UsageError(
            f"{name}: its tokenizer does not say which characters a token stands for", hint="a model with a tokenizer.json"
        )
    read = wrapped(tokenizer, name, texts) if chat_template else texts
    starts = starts_of(texts, read)
    spans: list[list[Characters]] = []
    for begin in range(0, len(texts), TEXTS_AT_ONCE):
        some = slice(begin, begin + TEXTS_AT_ONCE)
        encoded = tokenizer(list(read[some]), add_special_tokens=False, return_offsets_mapping=True)
        for offsets, row, text, start in zip(encoded["offset_mapping"], ids[some], texts[some], starts[some], strict=True):
            # what was put first is no part of the text
            before: list[Characters] = [None] * (len(row) - len(offsets))
            spans.append(before + [_within(first - start, stop - start, len(text)) for first, stop in offsets])
    return spans


def _within(first: int, stop: int, length: int) -> Characters:
    first, stop = max(first, 0), min(stop, length)
    return (first, stop) if first < stop else None
