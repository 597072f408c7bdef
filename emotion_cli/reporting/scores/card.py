"""One scored text, and its parts as they are shown: whole words, each with the number of its most telling token."""

import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

BAND = (0.025, 0.975)
"""Inside of it are 95 % of neutral training tokens: such a token is shown in grey."""

STRONG = (0.005, 0.995)
"""Outside of it is one neutral training token in a hundred."""

Span = tuple[int, int]
"""First character of a text, and one past the last."""


class TokenScore(NamedTuple):
    """A token's characters (None outside of the text) and numbers; None where they are not defined, as at a sink."""

    position: int
    characters: Span | None
    emotional: float | None
    which: float | None
    z_emotional: float | None
    z_which: float | None
    sink: bool


class EmotionScore(NamedTuple):
    """One emotion of a text: the layer, the two numbers of the whole text, and its tokens."""

    emotion: str
    layer: int
    emotional: float | None
    which: float | None
    tokens: Sequence[TokenScore]

    @property
    def is_emotional(self) -> bool:
        """Whether the text lies above what 97.5 % of neutral training texts have: only then `which` says something."""
        return self.emotional is not None and self.emotional > BAND[1]


class Card(NamedTuple):
    """A scored text: its id, its words (spans that are shown as one), and a score for each emotion."""

    text_id: str
    text: str
    words: Sequence[Span]
    scores: Sequence[EmotionScore]


class About(NamedTuple):
    """What scores are of: the model, the set that made the directions, their pooling, the neutral label.

    `column` says which of a token's numbers is shown with it: `emotional` or `which`.
    """

    model: str
    dataset: str
    pooling: str
    neutral: str
    column: str


class Part(NamedTuple):
    """Characters that are shown together: with a number, as a sink, or as they are (both not)."""

    start: int
    stop: int
    quantile: float | None = None
    sink: bool = False

    @property
    def is_outside(self) -> bool:
        """Whether its number lies outside of what 95 % of neutral training tokens have."""
        return self.quantile is not None and not BAND[0] <= self.quantile <= BAND[1]

    @property
    def strength(self) -> str:
        """`high`, `very high`, `low`, `very low`; empty inside of the band."""
        if self.quantile is None or not self.is_outside:
            return ""
        side = "high" if self.quantile > 0.5 else "low"
        return side if STRONG[0] <= self.quantile <= STRONG[1] else f"very {side}"


def parts_of(card: Card, score: EmotionScore, column: str) -> list[Part]:
    """The text in parts that follow one another, each word one of them; `column` is `emotional` or `which`.

    Tokens that share a character or a word are one part. Its number is that of the token farthest from the middle; a part
    of which every token is a sink has none.
    """
    text = card.text
    tokens = [(token, _trimmed(text, token.characters)) for token in score.tokens if token.characters]
    spans = _joined([*(span for _, span in tokens if span), *card.words])
    parts: list[Part] = []
    end = 0
    for start, stop in spans:
        if end < start:
            parts.append(Part(end, start))
        members = [token for token, span in tokens if span and span[0] < stop and start < span[1]]
        numbers = [number for token in members if (number := getattr(token, column)) is not None]
        quantile = max(numbers, key=lambda number: (abs(number - 0.5), number), default=None)
        parts.append(Part(start, stop, quantile, bool(members) and all(token.sink for token in members)))
        end = stop
    return [*parts, Part(end, len(text))] if end < len(text) else parts


def strongest(card: Card, score: EmotionScore, column: str) -> Part | None:
    """The word with the highest number, the first of several; None where none lies above the neutral 95 %."""
    above = [part for part in parts_of(card, score, column) if part.quantile is not None and part.quantile > BAND[1]]
    return max(above, key=lambda part: (part.quantile, -part.start), default=None)


def _trimmed(text: str, span: Span) -> Span | None:
    """A span without the white space at its ends; None where it is nothing else."""
    start, stop = span
    piece = text[start:stop]
    start, stop = start + len(piece) - len(piece.lstrip()), stop - len(piece) + len(piece.rstrip())
    return (start, stop) if start < stop else None


def _joined(spans: Sequence[Span]) -> list[Span]:
    """Spans in order, those that share a character made one."""
    joined: list[Span] = []
    for start, stop in sorted(set(spans)):
        if joined and start < joined[-1][1]:
            joined[-1] = joined[-1][0], max(stop, joined[-1][1])
        else:
            joined.append((start, stop))
    return joined


def visible(text: str) -> str:
    """A text whose control characters are shown, not obeyed; line ends and tabs stay."""
    return "".join(_shown(character) for character in text)


def _shown(character: str) -> str:
    if unicodedata.category(character) != "Cc" or character in "\n\t":
        return character
    code = ord(character)
    return chr(0x2400 + code) if code < 0x20 else "\u2421" if code == 0x7F else f"\\x{code:02x}"


def read_at(pooling: str) -> str:
    """Which tokens of a text its two numbers are of."""
    return {"last": "the last token of the text, not of the whole", "content": "the last word of the text"}.get(
        pooling, "all tokens of the text but the first"
    )


def number_of_which(score: EmotionScore) -> str:
    """The number `which`, in brackets where it is not to be read."""
    shown = number(score.which)
    return shown if score.is_emotional or score.which is None else f"({shown})"


def number(value: float | None) -> str:
    """A share with three decimals, never rounded to 0 or 1; `-` where it is not defined."""
    if value is None:
        return "-"
    return f"{min(max(value, 0.001), 0.999):.3f}"
