"""Directions through the final norm and the head: whether they point to their labels' words, and the tokens nearest to them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from emotion_cli.errors import UsageError
from emotion_cli.job.extractions import Extraction, pairs_of
from emotion_cli.job.job import Job, Task, parts_task
from emotion_cli.job.layers import averaged_layers, read_layer
from emotion_cli.job.scoring import METHOD, Scoring
from emotion_cli.job.statistics import sampling_of, statistics_table, statistics_task
from emotion_cli.measures.inference.draws import Contrast, draws_of
from emotion_cli.measures.inference.statistic import Statistic, Tail
from emotion_cli.measures.labels import OTHERS
from emotion_cli.measures.scoring.crossfit import unit_directions
from emotion_cli.measures.within.lens import OWN_WORDS, LayerWords, own_words
from emotion_cli.prompts.words import WordList, read_words
from emotion_cli.wording import counted
from warehouse.store import table_of

if TYPE_CHECKING:
    from emotion_cli.models.unembedding import Unembedding

LENS_VERSION = 1
"""Raised when the same directions give other scores."""

TOKENS_VERSION = 2
"""Raised when the same tokens are written otherwise."""

NEAREST = 20
"""Tokens that are kept of each direction."""


def statistics(job: Job, scoring: Scoring) -> Task:
    """The task that measures whether directions point to their labels' words, at every layer."""
    words = read_words(job.settings.words)
    extraction = scoring.extraction
    return statistics_task(
        job,
        "lens",
        extraction.subject,
        extraction.partition(job.store, "lens_statistics"),
        reads=_reads(job, extraction),
        part_names=[_part(scoring)],
        make=lambda job, part: _statistics(job, scoring, words),
        words_sha256=words.sha256,
        lens_version=LENS_VERSION,
    )


def tokens(job: Job, scoring: Scoring) -> Task:
    """The task that lists the tokens nearest to each direction, at every layer."""
    extraction = scoring.extraction
    return parts_task(
        "lens",
        f"{extraction.subject}, nearest tokens",
        extraction.partition(job.store, "lens_tokens"),
        reads=_reads(job, extraction),
        inputs={"lens_version": LENS_VERSION, "tokens_version": TOKENS_VERSION},
        part_names=[_part(scoring)],
        make=lambda job, part: _tokens(job, scoring),
    )


def _reads(job: Job, extraction: Extraction) -> dict:
    return {"activations": extraction.partition(job.store, "activations"), "prompts": extraction.prompts(job.store)}


def _part(scoring: Scoring) -> str:
    return f"{scoring.neutral}/{scoring.pooling}"


def _unembedding(job: Job, scoring: Scoring) -> "Unembedding":
    from emotion_cli.models.unembedding import Unembedding

    return Unembedding(job.loaded_with_head(scoring.extraction.model))


class _Row(NamedTuple):
    emotion: str
    reference: str
    layer: int | None
    measure: str
    statistic: Statistic


def _statistics(job: Job, scoring: Scoring, words: WordList) -> pa.Table:
    head, extraction = _unembedding(job, scoring), scoring.extraction
    ids = _single_tokens(job, scoring, words, head)
    activations = extraction.partition(job.store, "activations")
    layers = pairs_of(activations)[scoring.pooling]
    stored = [read_layer(activations, scoring.pooling, layer) for layer in layers]
    labels = scoring.labels(job, stored[0].prompt_ids, stored[0].labels)
    seen = [
        LayerWords(
            rows.activations,
            {label: head.of_tokens(_state(rows.activations, rows.labels, scoring), of_label) for label, of_label in ids.items()},
        )
        for rows in stored
    ]
    averaged = averaged_layers(job.store, job.settings, extraction, layers)
    found: list[_Row] = []
    for reference, emotion in scoring.columns:
        concerned = sorted(scoring.emotions if reference == OTHERS else {emotion, reference})
        if len(concerned) < 2:
            continue
        sampling = sampling_of(job, extraction.dataset, "lens", reference)
        draws = draws_of(labels.labels, labels.topics, concerned, sampling, labels.clusters)
        curves = own_words(Contrast(emotion, draws), seen)
        if curves is not None:
            for layer, statistic in curves.statistics(layers, averaged, Tail.UPPER):
                found.append(_Row(emotion, reference, layer, OWN_WORDS, statistic))
    return statistics_table("lens_statistics", found, pooling=scoring.pooling)


def _single_tokens(job: Job, scoring: Scoring, words: WordList, head: "Unembedding") -> dict[str, list[int]]:
    """The tokens of each emotion's words, as far as these are one token; UsageError for a word of two labels."""
    ids: dict[str, list[int]] = {}
    label_of: dict[int, tuple[str, str]] = {}
    for emotion in scoring.emotions:
        of_label = words.words.get(emotion, ())
        single = head.single_tokens(of_label) if of_label else {}
        for word, token in single.items():
            other, other_word = label_of.setdefault(token, (emotion, word))
            if other != emotion:
                raise UsageError(
                    f"--words: {word!r} of {emotion} and {other_word!r} of {other} are the same token",
                    hint="leave the word out of one of the two",
                )
        ids[emotion] = sorted({*single.values()})
        left_out = len(of_label) - len(single)
        job.listener.note(
            f"{scoring.extraction.model}, {emotion}: {counted(len(single), 'word')} of one token"
            + (f"; {left_out} of several are left out" if left_out else "")
        )
    if sum(map(bool, ids.values())) < 2:
        raise UsageError(
            f"{scoring.extraction.subject}: fewer than two labels have words that are one token; "
            f"labels are {', '.join(scoring.emotions)}",
            hint='--words FILE.toml, with label = ["word", "another"]',
        )
    return ids


def _state(activations: np.ndarray, labels: Sequence[str], scoring: Scoring) -> np.ndarray:
    """The mean state of the neutral training prompts, at which the final norm is taken as linear."""
    return activations[np.asarray(labels) == scoring.neutral].mean(0, dtype=np.float64)


def _tokens(job: Job, scoring: Scoring) -> pa.Table:
    head, extraction = _unembedding(job, scoring), scoring.extraction
    activations = extraction.partition(job.store, "activations")
    rows = []
    for layer in pairs_of(activations)[scoring.pooling]:
        stored = read_layer(activations, scoring.pooling, layer)
        labels = scoring.labels(job, stored.prompt_ids, stored.labels)
        made = unit_directions(stored.activations, labels, scoring.references).reshape(-1, stored.activations.shape[1])
        state = _state(stored.activations, stored.labels, scoring)
        for (reference, emotion), direction in zip(scoring.columns, made, strict=True):
            if np.isfinite(direction).all():
                nearest = head.nearest(state, direction, NEAREST)
                rows += [(reference, emotion, layer, rank, *token) for rank, token in enumerate(nearest, 1)]
    names = ("reference", "emotion", "layer", "rank", "token", "z")
    columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)) if rows else {name: [] for name in names}
    return table_of("lens_tokens", columns | {"pooling": [scoring.pooling] * len(rows), "method": [METHOD] * len(rows)})
