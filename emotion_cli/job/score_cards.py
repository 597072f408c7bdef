"""Scores as what is shown of a text: its words, and each emotion's numbers at its layer."""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache

from emotion_cli.job.job import Job
from emotion_cli.job.scoring import Ruler, Scoring, TokenScores, refuse_long, scored, token_texts
from emotion_cli.measures.labels import OTHERS
from emotion_cli.prompts.scripts import marks, word_tokens
from emotion_cli.reporting.scores.card import Card, EmotionScore, Span, TokenScore

AT_ONCE = 64
"""Texts that are read together, so that rows come out while others are still read."""


def cards(
    job: Job, scoring: Scoring, rulers: Mapping[int, Ruler], layers: Mapping[str, int], texts: Sequence[tuple[str, str, str]]
) -> Iterator[Card]:
    """A card for each text, in order: its id, the text, and what an error calls it. UsageError, before any, for one too long."""
    refuse_long(job, scoring, [text for _, text, _ in texts], lambda place: texts[place][2])
    return _cards(job, scoring, rulers, layers, texts)


def _cards(
    job: Job, scoring: Scoring, rulers: Mapping[int, Ruler], layers: Mapping[str, int], texts: Sequence[tuple[str, str, str]]
) -> Iterator[Card]:
    with job.listener.progress("score", texts=len(texts)) as advance:
        for begin in range(0, len(texts), AT_ONCE):
            some = texts[begin : begin + AT_ONCE]
            read = token_texts(
                job,
                scoring,
                [text_id for text_id, _, _ in some],
                [text for _, text, _ in some],
                {layer: on.directions for layer, on in rulers.items()},
            )
            for text in read:
                of_layer = {layer: scored(text, on, scoring.pooling) for layer, on in rulers.items()}
                shown = [_score(scoring, emotion, layer, of_layer[layer]) for emotion, layer in layers.items()]
                yield Card(text.text_id, text.text, word_spans(text.text), shown)
            advance(len(some))


def _score(scoring: Scoring, emotion: str, layer: int, of_text: TokenScores) -> EmotionScore:
    emotional, which = (scoring.columns.index((reference, emotion)) for reference in (scoring.neutral, OTHERS))
    tokens = [
        TokenScore(
            place + 1,
            characters,
            _defined(of_text.quantiles[place, emotional]),
            _defined(of_text.quantiles[place, which]),
            _defined(of_text.z[place, emotional]),
            _defined(of_text.z[place, which]),
            bool(of_text.sinks[place]),
        )
        for place, characters in enumerate(of_text.characters)
    ]
    return EmotionScore(emotion, layer, _defined(of_text.pooled[emotional]), _defined(of_text.pooled[which]), tokens)


def _defined(value: float) -> float | None:
    return float(value) if value == value else None


def word_spans(text: str) -> list[Span]:
    """Where each word stands, and each sign that is made of several characters; one letter where a script has no spaces."""
    spans, end = [], 0
    for word in word_tokens(text):
        start = text.index(word, end)
        end = start + len(word)
        spans.append((start, end))
    return sorted({*spans, *(match.span() for match in _signs().finditer(text))})


@cache
def _signs() -> re.Pattern[str]:
    # a sign with its marks, variants and skin tones, and those that a joiner adds
    on_it = rf"[{marks()}\ufe00-\ufe0f\U0001f3fb-\U0001f3ff]"
    return re.compile(rf"\S{on_it}*(?:\u200d\S{on_it}*)+|\S{on_it}+|[\U0001f1e6-\U0001f1ff]{{2}}")
