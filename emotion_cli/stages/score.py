"""Texts to scores of their tokens: of the neutral training texts, out of fold, and of a test set, with what they tell apart."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
import pyarrow as pa

from emotion_cli.job.datasets import Version
from emotion_cli.job.job import Job, Task, parts_task, why
from emotion_cli.job.membership import membership_of
from emotion_cli.job.scoring import (
    Ruler,
    Scoring,
    TokenScores,
    TokenText,
    Trained,
    pooled,
    refuse_long,
    ruler,
    scored,
    token_texts,
    trained,
)
from emotion_cli.job.selection import named
from emotion_cli.job.statistics import sampling_of, statistics_table, statistics_task
from emotion_cli.measures.inference.statistic import Statistic
from emotion_cli.measures.labels import OTHERS
from emotion_cli.measures.scoring.crossfit import out_of_fold
from emotion_cli.measures.scoring.places import FLAGGED, ScoredTexts, areas_by_place, flagged
from emotion_cli.measures.scoring.scale import Scale, is_sink
from emotion_cli.reporting import figures
from emotion_cli.reporting.figures.places import place_order
from warehouse.artifacts import Artifacts
from warehouse.catalog import Catalog
from warehouse.store import Partition, quote, table_of

SCORES_VERSION = 1
"""Raised when the same texts give other scores: those that older versions stored are made again."""

FIGURE = "score_by_place"


def calibration(job: Job, scoring: Scoring, layers: Sequence[int]) -> Task:
    """The task that scores the neutral training texts out of fold, at some layers: one part for each."""
    texts = _Lazy(lambda job: _neutral_texts(job, scoring, _with_stored(job, scoring, None, layers)))
    return _scores_task(job, scoring, None, layers, {}, lambda job, layer: _neutral_rows(scoring, *texts(job), layer))


def scores(job: Job, scoring: Scoring, test: Version, layers: Sequence[int]) -> Task:
    """The task that scores the texts of a test set at some layers."""
    reads = {"calibration": scoring.partition(job.store, "token_scores"), f"prompts of {test.dataset}": _prompts(job, test)}
    texts = _Lazy(lambda job: _test_texts(job, scoring, test, _with_stored(job, scoring, test, layers)))
    return _scores_task(job, scoring, test, layers, reads, lambda job, layer: _test_rows(scoring, test, *texts(job), layer))


Made = TypeVar("Made")


class _Lazy(Generic[Made]):
    """What all parts of a task need, made for the first of them: one pass of the model serves every layer."""

    def __init__(self, make: Callable[[Job], Made]) -> None:
        self._make, self._made = make, []

    def __call__(self, job: Job) -> Made:
        self._made = self._made or [self._make(job)]
        return self._made[0]


def statistics(job: Job, scoring: Scoring, test: Version, layers: Sequence[int]) -> Task:
    """The task that measures what a test set's scores tell apart, by place."""
    return statistics_task(
        job,
        "score",
        f"{scoring.extraction.subject}, {test.dataset}",
        scoring.partition(job.store, "score_statistics", test),
        reads={
            "scores": scoring.partition(job.store, "token_scores", test),
            "activations": scoring.extraction.partition(job.store, "activations"),
            f"prompts of {test.dataset}": _prompts(job, test),
        },
        part_names=[_part(layer) for layer in layers],
        make=lambda job, part: _statistics(job, scoring, test, _layer(part)),
        scores_version=SCORES_VERSION,
    )


def figure(job: Job, scoring: Scoring, test: Version, layers: Mapping[str, int], *, chosen: bool) -> Task:
    """The task that draws AUROC by place, each emotion at its layer."""
    partition = scoring.partition(job.store, "score_statistics", test)
    artifacts = figure_folder(job, scoring, test, layers, chosen=chosen)
    manifest = partition.manifest()
    inputs: dict[str, Any] = {
        "figures_version": figures.FIGURES_VERSION,
        "layers": dict(sorted(layers.items())),
        "statistics": manifest.fingerprint if manifest else None,
    }

    def run(job: Job) -> None:
        rows = rows_by_place(job, scoring, test, layers)
        shown = ", ".join(f"{emotion} at layer {layer}" for emotion, layer in layers.items())
        about = f"{scoring.extraction.model}, {scoring.extraction.dataset} on {test.dataset}"
        drawn = figures.scores_by_place(rows, about, f"pooling {scoring.pooling}, {shown}").files()
        artifacts.commit(
            {f"{FIGURE}.{ending}": content for ending, content in drawn.items()}, inputs, reads={"statistics": partition.place}
        )

    reason = why(artifacts.manifest(), inputs)
    return Task("score", f"figure of {test.dataset}", (partition.folder,), artifacts.folder, reason, run)


def figure_folder(job: Job, scoring: Scoring, test: Version, layers: Mapping[str, int], *, chosen: bool) -> Artifacts:
    """Where the figure of a test set is; emotions name it, and layers that somebody has chosen."""
    settings, extraction = job.settings, scoring.extraction
    selected = {
        "scores": [test.dataset],
        "reference": [settings.reference],
        "pooling": [scoring.pooling],
        "emotion": sorted(layers) if len(layers) < len(scoring.emotions) else [],
        # where each emotion has its best layer, training says which
        "layer": [str(layer) for layer in sorted({*layers.values()})] if chosen else [],
    }
    return Artifacts(job.store.root.joinpath("figures", quote(extraction.dataset), quote(extraction.model), named(selected)))


def rows_by_place(job: Job, scoring: Scoring, test: Version, layers: Mapping[str, int]) -> list[dict[str, Any]]:
    """Rows of `scores_by_place` for a test set, each emotion at its layer, in the order of the places."""
    rows = _shown(job, scoring, test, layers, "scores_by_place")
    return sorted(rows, key=lambda row: (row["emotion"], row["reference"] == OTHERS, *place_order(row["place"])))


def flags(job: Job, scoring: Scoring, test: Version, layers: Mapping[str, int]) -> list[dict[str, Any]]:
    """How many texts of each kind are flagged, each emotion at its layer."""
    names = (
        "emotion",
        "layer",
        "reference",
        "own",
        "neutral",
        "neutral_low",
        "neutral_high",
        "others",
        "others_low",
        "others_high",
    )
    rows = _shown(job, scoring, test, layers, "scores_by_text_kind")
    ordered = sorted(rows, key=lambda row: (row["emotion"], row["reference"] == OTHERS))
    return [{name: row[name] for name in (*names, "expected")} for row in ordered]


def _shown(job: Job, scoring: Scoring, test: Version, layers: Mapping[str, int], query: str) -> list[dict[str, Any]]:
    score_id = scoring.partition(job.store, "score_statistics", test).keys["score_id"]
    rows = Catalog(job.store).dicts(query, score_id=[score_id], emotion=list(layers))
    return [row for row in rows if row["layer"] == layers[row["emotion"]]]


def _scores_task(
    job: Job,
    scoring: Scoring,
    test: Version | None,
    layers: Sequence[int],
    reads: dict[str, Partition],
    make: Callable[[Job, int], pa.Table],
) -> Task:
    extraction = scoring.extraction
    return parts_task(
        "score",
        f"{extraction.subject}, {test.dataset if test else f'{scoring.neutral} training texts'}",
        scoring.partition(job.store, "token_scores", test),
        reads={
            "activations": extraction.partition(job.store, "activations"),
            "prompts": extraction.prompts(job.store),
            **reads,
        },
        inputs={"seed": job.settings.seed, "scores_version": SCORES_VERSION},
        part_names=[_part(layer) for layer in layers],
        make=lambda job, part: make(job, _layer(part)),
    )


def _with_stored(job: Job, scoring: Scoring, test: Version | None, layers: Sequence[int]) -> list[int]:
    """Layers with those that are stored, which are made again, too, where what they are made of has changed."""
    manifest = scoring.partition(job.store, "token_scores", test).manifest()
    return sorted({*layers, *(_layer(entry.part) for entry in (manifest.files if manifest else ()))})


def _part(layer: int) -> str:
    return f"layer {layer}"


def _layer(part: str) -> int:
    return int(part.removeprefix("layer "))


def _prompts(job: Job, test: Version) -> Partition:
    return job.store.partition("prompts", dataset=test.dataset, prompts_sha256=test.prompts_sha256)


class _Texts(NamedTuple):
    """Prompts of a set: ids, texts and labels."""

    ids: list[str]
    texts: list[str]
    labels: list[str]


def _texts(prompts: Partition, *labels: str) -> _Texts:
    rows = sorted(
        (row["prompt_id"], row["text"], row["emotion"])
        for row in prompts.read(["prompt_id", "text", "emotion"]).to_pylist()
        if not labels or row["emotion"] in labels
    )
    return _Texts(*(list(column) for column in zip(*rows, strict=True)))


def _read(job: Job, scoring: Scoring, texts: _Texts, directions: dict[int, np.ndarray], title: str) -> list[TokenText]:
    refuse_long(job, scoring, texts.texts, lambda place: f"{title}: prompt {texts.ids[place]}")
    with job.listener.progress(title, texts=len(texts.texts)) as advance:
        return token_texts(
            job,
            scoring,
            texts.ids,
            texts.texts,
            directions,
            progress=lambda n_texts, _: advance(n_texts),
        )


def _neutral_texts(job: Job, scoring: Scoring, layers: Sequence[int]) -> tuple[list[TokenText], dict[int, Trained]]:
    """The neutral training texts along the directions of all prompts and without each fold, with what made these."""
    made = {layer: trained(job, scoring, layer) for layer in layers}
    texts = _texts(scoring.extraction.prompts(job.store), scoring.neutral)
    # a prompt that the pooling reads no token of made no direction
    known = {prompt_id for at_layer in made.values() for prompt_id in at_layer.prompt_ids}
    kept = [i for i, prompt_id in enumerate(texts.ids) if prompt_id in known]
    texts = _Texts(*([column[i] for i in kept] for column in texts))
    directions = {layer: at_layer.directions.reshape(-1, at_layer.directions.shape[-1]) for layer, at_layer in made.items()}
    return _read(job, scoring, texts, directions, scoring.extraction.subject), made


def _neutral_rows(scoring: Scoring, read: Sequence[TokenText], made: Mapping[int, Trained], layer: int) -> pa.Table:
    n_folds, n_columns, _ = made[layer].directions.shape
    fold_of = dict(zip(made[layer].prompt_ids, made[layer].folds.tolist(), strict=True))
    along = np.concatenate([text.layers[layer].along for text in read]).reshape(-1, n_folds, n_columns).transpose(1, 0, 2)
    norms = np.concatenate([text.layers[layer].norms for text in read])
    sinks = is_sink(norms, float(np.median(norms)))
    folds = np.repeat([fold_of[text.text_id] for text in read], [len(text.characters) for text in read])
    projections = out_of_fold(along, folds, ~sinks)
    shown = np.where(sinks[:, None], np.nan, projections)
    scales = [Scale(column) for column in shown.T]
    quantiles, z = (
        np.stack([place(scale, column) for scale, column in zip(scales, shown.T, strict=True)], axis=1)
        for place in (Scale.quantiles, Scale.robust_z)
    )
    ends = np.cumsum([len(text.characters) for text in read])
    return _table(
        scoring,
        None,
        layer,
        [
            (text, TokenScores(text.characters, norms[at], sinks[at], projections[at], quantiles[at], z[at], np.empty(0)))
            for text, at in zip(
                read, (slice(stop - len(text.characters), stop) for text, stop in zip(read, ends, strict=True)), strict=True
            )
        ],
    )


def _test_texts(job: Job, scoring: Scoring, test: Version, layers: Sequence[int]) -> tuple[list[TokenText], dict[int, Ruler]]:
    rulers = {layer: ruler(job, scoring, layer) for layer in layers}
    directions = {layer: on.directions for layer, on in rulers.items()}
    return _read(job, scoring, _texts(_prompts(job, test)), directions, f"{test.dataset}, {scoring.extraction.model}"), rulers


def _test_rows(scoring: Scoring, test: Version, read: Sequence[TokenText], rulers: Mapping[int, Ruler], layer: int) -> pa.Table:
    return _table(scoring, test, layer, [(text, scored(text, rulers[layer], scoring.pooling)) for text in read])


def _table(scoring: Scoring, test: Version | None, layer: int, texts: Sequence[tuple[TokenText, TokenScores]]) -> pa.Table:
    n_columns = len(scoring.columns)
    columns: dict[str, list[Any]] = {name: [] for name in ("text_id", "position", "token", "start", "stop")}
    for text, of_text in texts:
        for place, characters in enumerate(of_text.characters):
            start, stop = characters or (None, None)
            token = text.text[start:stop] if characters else None
            for name, value in zip(columns, (text.text_id, place + 1, token, start, stop), strict=True):
                columns[name] += [value] * n_columns
    n_tokens = len(columns["text_id"]) // n_columns
    numbers = {
        name: _nulls(np.concatenate([getattr(of_text, attribute).ravel() for _, of_text in texts]))
        for name, attribute in (("projection", "projections"), ("quantile", "quantiles"), ("z_robust", "z"))
    }
    constant = {
        "extraction_id": scoring.extraction.extraction_id,
        "pooling": scoring.pooling,
        "test_set": test and test.dataset,
        "layer": layer,
    }
    return table_of(
        "token_scores",
        columns
        | {name: [value] * (n_tokens * n_columns) for name, value in constant.items()}
        | {
            "reference": [reference for reference, _ in scoring.columns] * n_tokens,
            "emotion": [emotion for _, emotion in scoring.columns] * n_tokens,
            "norm": np.repeat(np.concatenate([of_text.norms for _, of_text in texts]), n_columns).tolist(),
            "sink": np.repeat(np.concatenate([of_text.sinks for _, of_text in texts]), n_columns).tolist(),
            **numbers,
        },
    )


def _nulls(values: np.ndarray) -> list[float | None]:
    return [value if value == value else None for value in values.tolist()]


class _Row(NamedTuple):
    emotion: str
    reference: str
    place: str
    measure: str
    statistic: Statistic


def _statistics(job: Job, scoring: Scoring, test: Version, layer: int) -> pa.Table:
    prompts = _texts(_prompts(job, test))
    labels, ids = prompts.labels, prompts.ids
    member = membership_of([_prompts(job, test)], ids)
    along = _by_text(scoring.partition(job.store, "token_scores", test), scoring, layer, ids)
    on = ruler(job, scoring, layer)
    rows: list[_Row] = []
    whole = np.stack(
        [
            pooled(of_text.along, of_text.characters, text, scoring.pooling)
            for of_text, text in zip(along, prompts.texts, strict=True)
        ]
    )
    for column, (reference, emotion) in enumerate(scoring.columns):
        sampling = sampling_of(job, test.dataset, "score", reference, emotion)
        texts = ScoredTexts(labels, *member, [of_text.shown[:, column] for of_text in along])
        others = [other for other in scoring.emotions if other != emotion]
        against = others if reference == OTHERS else [scoring.neutral]
        rows += [_Row(emotion, reference, *placed) for placed in areas_by_place(texts, emotion, against, sampling)]
        quantiles = on.texts[column].quantiles(whole[:, column])
        for kind, of_kind in (("own", [emotion]), ("neutral", [scoring.neutral]), ("others", others)):
            statistic = flagged(quantiles, labels, *member, of_kind, sampling.about(kind))
            rows.append(_Row(emotion, reference, scoring.pooling, f"{FLAGGED}_{kind}", statistic))
    return statistics_table(
        "score_statistics",
        rows,
        extraction_id=scoring.extraction.extraction_id,
        pooling=scoring.pooling,
        test_set=test.dataset,
        layer=layer,
    )


class _Along(NamedTuple):
    """A stored text: its tokens' characters; projections [token, direction], as they are and NaN at sinks."""

    characters: list[tuple[int, int] | None]
    along: np.ndarray
    shown: np.ndarray


def _by_text(partition: Partition, scoring: Scoring, layer: int, ids: Sequence[str]) -> list[_Along]:
    names = ["text_id", "position", "emotion", "reference", "start", "stop", "projection", "sink"]
    stored = partition.read(names, layer=layer).to_pylist()
    column_of = {column: i for i, column in enumerate(scoring.columns)}
    by_text: dict[str, list[dict[str, Any]]] = {prompt_id: [] for prompt_id in ids}
    for row in stored:
        by_text[row["text_id"]].append(row)
    made = []
    for rows in by_text.values():
        length = max((row["position"] for row in rows), default=0)
        along, shown = np.full((2, length, len(column_of)), np.nan)
        characters: list[tuple[int, int] | None] = [None] * length
        for row in rows:
            place, column = row["position"] - 1, column_of[row["reference"], row["emotion"]]
            value = np.nan if row["projection"] is None else row["projection"]
            along[place, column], shown[place, column] = value, np.nan if row["sink"] else value
            characters[place] = None if row["start"] is None else (row["start"], row["stop"])
        made.append(_Along(characters, along, shown))
    return made
