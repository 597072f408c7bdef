"""What single tokens of any text score along an extraction's directions, beside what neutral training tokens score."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from shlex import quote
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from emotion_cli.errors import MissingError, UsageError
from emotion_cli.job.datasets import Version
from emotion_cli.job.extractions import CONTENT, DEFAULT_POOLINGS, LAST, MEAN, WORD, Extraction, depth, pairs_of
from emotion_cli.job.job import Job
from emotion_cli.job.layers import read_layer
from emotion_cli.job.membership import membership_of
from emotion_cli.job.variants import Variant, checked_labels
from emotion_cli.measures.directions import DEFAULT_METHODS
from emotion_cli.measures.inference.sampling import generator
from emotion_cli.measures.labels import OTHERS, Labels
from emotion_cli.measures.scoring.crossfit import folds_of, out_of_fold, with_folds
from emotion_cli.measures.scoring.scale import Scale, is_sink
from emotion_cli.prompts.words import last_word
from emotion_cli.settings import as_options
from warehouse.store import Partition, Store, content_hash

if TYPE_CHECKING:
    from emotion_cli.models.characters import Characters
    from emotion_cli.models.projecting import Projected
    from emotion_cli.models.reader import Reader

METHOD = DEFAULT_METHODS[0]

MOST_SINGLE = 16
"""Texts that are read one at a time; for more of them a faster way is proven first."""


@dataclass(frozen=True)
class Scoring:
    """An extraction whose directions give scores: its pooling, the neutral label, and the emotions, sorted."""

    extraction: Extraction
    pooling: str
    neutral: str
    emotions: tuple[str, ...]

    @property
    def references(self) -> tuple[str, str]:
        """What directions run from: neutral text says whether a text is emotional, the other emotions say which."""
        return self.neutral, OTHERS

    @property
    def columns(self) -> list[tuple[str, str]]:
        """Reference and emotion of each direction, in the order of all arrays over directions."""
        return [(reference, emotion) for reference in self.references for emotion in self.emotions]

    def partition(self, store: Store, table: str, test: Version | None = None) -> Partition:
        """Its part of a table: about the texts of a test set, or about its own neutral training texts."""
        identity = {
            "extraction_id": self.extraction.extraction_id,
            "method": METHOD,
            "pooling": self.pooling,
            "neutral": self.neutral,
            "texts": test and [test.dataset, test.prompts_sha256],
        }
        keys = {"dataset": self.extraction.dataset, "model": self.extraction.model}
        return store.partition(table, **keys, score_id=content_hash(identity)[:16])

    def labels(self, job: Job, prompt_ids: Sequence[str], labels: Sequence[str]) -> Labels:
        """The training prompts' labels with their topics."""
        member = membership_of([self.extraction.prompts(job.store)], prompt_ids)
        variant = Variant(METHOD, self.neutral, self.pooling)
        checked_labels(labels, member.topics, job.settings, variant, self.extraction.subject)
        return Labels(labels, member.topics, self.emotions, self.neutral, member.clusters)


def scoring_of(job: Job) -> Scoring:
    """What the settings ask for of the job's one extraction; MissingError for a pooling that it lacks."""
    (extraction,), settings = job.extractions, job.settings
    stored = pairs_of(extraction.partition(job.store, "activations"))
    poolings = list(settings.pooling) or [pooling for pooling in DEFAULT_POOLINGS if pooling in stored] or sorted(stored)
    if len(poolings) > 1:
        raise UsageError(f"--pooling: one at a time, and {len(poolings)} are given", hint=f"--pooling {poolings[0]}")
    if WORD in poolings:
        raise UsageError("--pooling word: which words are an emotion's is known in labelled prompts only", hint="--pooling last")
    if poolings[0] not in stored:
        hint = f"emo extract -d {quote(extraction.dataset)} -m {quote(extraction.model)} --pooling {poolings[0]}"
        raise MissingError(f"{extraction.subject}: no activations with pooling {poolings[0]}", hint=hint)
    neutral = settings.reference if "reference" in settings.sources and settings.reference != OTHERS else settings.neutral
    labels = {*extraction.prompts(job.store).read(["emotion"])["emotion"].to_pylist()}
    return Scoring(extraction, poolings[0], neutral, tuple(sorted(labels - {neutral, settings.neutral})))


def chosen_layers(job: Job, scoring: Scoring, layer: int | None) -> dict[str, int]:
    """The layer of each emotion that is asked for: the one given, else where its AUROC in training is best.

    That was chosen on folds of the training set. MissingError where it was not measured yet.
    """
    extraction, settings = scoring.extraction, job.settings
    emotions = [emotion for emotion in scoring.emotions if emotion in (settings.emotion or scoring.emotions)]
    stored = pairs_of(extraction.partition(job.store, "activations"))[scoring.pooling]
    if layer is not None:
        if layer not in stored:
            last = depth(job.store, extraction)
            raise UsageError(
                f"--layer {layer}: {extraction.model} has layers 0 to {max(stored) if last is None else last}",
                hint=f"--layer {max(stored)}",
            )
        return dict.fromkeys(emotions, layer)
    quality = extraction.partition(job.store, "vector_quality")
    reference = OTHERS if settings.reference == OTHERS else scoring.neutral
    where = {"method": METHOD, "reference": reference, "pooling": scoring.pooling, "measure": "auroc_best"}
    rows = quality.read(["emotion", "layer", "control"], **where).to_pylist() if quality.manifest() else []
    best = {row["emotion"]: row["layer"] for row in rows if row["control"] is None}
    lacking = [emotion for emotion in emotions if emotion not in best]
    if lacking:
        options = f"-d {quote(extraction.dataset)} -m {quote(extraction.model)} --pooling {scoring.pooling}"
        options += f" --reference {quote(reference)}{as_options(settings, ('neutral', 'extraction'))}"
        raise MissingError(
            f"{extraction.subject}: which layer is best in training is not measured yet for {', '.join(lacking)} "
            f"(reference {reference})",
            hint=f"emo vectors --best {options}, or choose one: --layer N",
        )
    return {emotion: best[emotion] for emotion in emotions}


class Trained(NamedTuple):
    """One layer of the training prompts: directions of all, then without each fold [1 + fold, direction, d_model].

    With them the prompts' ids, labels and folds [prompt], and pooled activations [prompt, d_model].
    """

    prompt_ids: list[str]
    labels: Labels
    folds: np.ndarray
    directions: np.ndarray
    activations: np.ndarray


def trained(job: Job, scoring: Scoring, layer: int) -> Trained:
    """The directions of a layer, from the stored activations; folds depend on the prompts and the seed only."""
    rows = read_layer(scoring.extraction.partition(job.store, "activations"), scoring.pooling, layer)
    labels = scoring.labels(job, rows.prompt_ids, rows.labels)
    folds = folds_of(labels, generator(job.settings.seed, scoring.extraction.dataset, "score"))
    made = with_folds(rows.activations, labels, scoring.references, folds)
    return Trained(rows.prompt_ids, labels, folds, made.reshape(len(made), -1, made.shape[-1]), rows.activations)


class Ruler(NamedTuple):
    """What scores at one layer are placed on: directions [direction, d_model], and for each a scale of tokens and one of texts.

    A text's scale holds neutral training texts; of a direction against the other emotions, those of the other emotions.
    """

    layer: int
    directions: np.ndarray
    tokens: list[Scale]
    texts: list[Scale]
    median_norm: float


def ruler(job: Job, scoring: Scoring, layer: int) -> Ruler:
    """The ruler of a layer whose calibration is in the store."""
    made = trained(job, scoring, layer)
    rows = scoring.partition(job.store, "token_scores").read(
        ["text_id", "position", "emotion", "reference", "norm", "projection", "sink"], layer=layer
    )
    emotion, reference, sink = (np.asarray(rows[name].to_pylist()) for name in ("emotion", "reference", "sink"))
    projection = np.array([np.nan if value is None else value for value in rows["projection"].to_pylist()])
    first = (reference == scoring.references[0]) & (emotion == scoring.emotions[0])
    tokens = [Scale(projection[(reference == of_column) & (emotion == name) & ~sink]) for of_column, name in scoring.columns]
    return Ruler(
        layer,
        made.directions[0],
        tokens,
        text_scales(made, scoring),
        float(np.median(np.asarray(rows["norm"].to_pylist())[first])),
    )


def text_scales(made: Trained, scoring: Scoring) -> list[Scale]:
    """What training texts score, each along directions that were made without its fold, for each direction."""
    labels = np.asarray(made.labels.labels)
    scales = []
    for column, (reference, emotion) in enumerate(scoring.columns):
        known = [other for other in scoring.emotions if other != emotion] if reference == OTHERS else [scoring.neutral]
        rows = np.flatnonzero(np.isin(labels, known))
        projections = made.activations[rows].astype(np.float64) @ made.directions[:, column].T
        scales.append(Scale(out_of_fold(projections.T[:, :, None], made.folds[rows])[:, 0]))
    return scales


class TokenText(NamedTuple):
    """A text as the model read it: its name, and each token's characters and states along directions, by layer.

    Position 0 is left out: its state hardly depends on the text.
    """

    text_id: str
    text: str
    characters: "Sequence[Characters]"
    layers: "Mapping[int, Projected]"


def refuse_long(job: Job, scoring: Scoring, texts: Sequence[str], said: Callable[[int], str]) -> None:
    """UsageError for a text beyond the model's context, which `said` names by its place; nothing is read before all are known."""
    reader = _reader(job, scoring)
    truncated = reader.tokens(texts).truncated
    if truncated:
        raise UsageError(
            f"{said(truncated[0])} is longer than the {reader.loaded.max_positions} tokens that {scoring.extraction.model} reads",
            hint="divide it, a paragraph a line, and score the lines: --file FILE",
        )


def _reader(job: Job, scoring: Scoring) -> "Reader":
    from emotion_cli.job.model_checks import refuse_unsound
    from emotion_cli.models.reader import Reader, Reading

    settings, loaded = job.settings, job.loaded(scoring.extraction.model)
    refuse_unsound(job.store, loaded)
    reading = Reading(settings.bos, settings.chat_template, None, True, settings.strategy, settings.batch_tokens)
    return Reader(loaded, reading, notify=job.listener.note)


def token_texts(
    job: Job,
    scoring: Scoring,
    names: Sequence[str],
    texts: Sequence[str],
    directions: Mapping[int, np.ndarray],
    progress: Callable[[int, int], None] = lambda texts, tokens: None,
) -> list[TokenText]:
    """Texts, none of them too long, read by the extraction's model along directions [direction, d_model] of each layer."""
    from emotion_cli.models.characters import characters_of
    from emotion_cli.models.projecting import Projected, token_projections

    reader = _reader(job, scoring)
    loaded, tokens = reader.loaded, reader.tokens(texts)
    strategy = "single" if len(texts) <= MOST_SINGLE else reader.choose(tokens, sorted(directions)).strategy
    projected = token_projections(
        loaded, tokens.ids, directions, strategy=strategy, batch_tokens=reader.batch_tokens, progress=progress
    )
    characters = characters_of(loaded, texts, tokens.ids, chat_template=job.settings.chat_template)
    if any(spans[0] for spans in characters):
        job.listener.note(
            f"{scoring.extraction.model}: no BOS token stands first, so the first token of each text has no number: "
            "the state at position 0 hardly depends on the text"
        )
    return [
        TokenText(
            name, text, spans[1:], {layer: Projected(*(part[1:] for part in at_layer)) for layer, at_layer in layers.items()}
        )
        for name, text, spans, layers in zip(names, texts, characters, projected, strict=True)
    ]


class TokenScores(NamedTuple):
    """A text's tokens at one layer: where each stands, its norm, whether it is a sink [token]; by direction its numbers.

    `projections`, `quantiles` and `z` [token, direction]; the latter two are NaN at a sink. `pooled` [direction] are the
    quantiles of the whole text.
    """

    characters: "Sequence[Characters]"
    norms: np.ndarray
    sinks: np.ndarray
    projections: np.ndarray
    quantiles: np.ndarray
    z: np.ndarray
    pooled: np.ndarray


def scored(text: TokenText, on: Ruler, pooling: str) -> TokenScores:
    """A text's tokens placed on a ruler."""
    along, norms = text.layers[on.layer]
    sinks = is_sink(norms, on.median_norm)
    shown = np.where(sinks[:, None], np.nan, along)
    whole = pooled(along, text.characters, text.text, pooling)
    return TokenScores(
        text.characters,
        norms,
        sinks,
        along,
        _by_column(on.tokens, shown, Scale.quantiles),
        _by_column(on.tokens, shown, Scale.robust_z),
        _by_column(on.texts, whole[None], Scale.quantiles)[0],
    )


def _by_column(scales: Sequence[Scale], values: np.ndarray, place: Callable[[Scale, np.ndarray], np.ndarray]) -> np.ndarray:
    return np.stack([place(scale, values[:, column]) for column, scale in enumerate(scales)], axis=1)


def pooled(along: np.ndarray, characters: "Sequence[Characters]", text: str, pooling: str) -> np.ndarray:
    """The score of a whole text [direction] as its directions' prompts were pooled; NaN where it has no such token."""
    spans = last_word(text) if pooling == CONTENT else []
    positions: dict[str, Sequence[int]] = {
        LAST: range(len(along))[-1:],
        MEAN: range(len(along)),
        CONTENT: [
            place
            for place, token in enumerate(characters)
            if token and any(token[0] < stop and first < token[1] for first, stop in spans)
        ],
    }
    chosen = list(positions[pooling])
    return along[chosen].mean(0) if chosen else np.full(along.shape[1], np.nan)
