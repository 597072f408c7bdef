"""Prompts to an audit of their surface and words, kept by their content hash; it warns and never blocks."""

from collections.abc import Sequence
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np

from emotion_cli.job.extractions import Extraction
from emotion_cli.job.job import Job, Task, fingerprint, why
from emotion_cli.job.layers import bag_of
from emotion_cli.job.statistics import MEASURES_VERSION, sampling_of, statistics_table
from emotion_cli.measures.inference.draws import Contrast, draws_of
from emotion_cli.measures.inference.sampling import Sampling
from emotion_cli.measures.inference.statistic import NO_NULL, Statistic, Tail
from emotion_cli.measures.streamed.limits import MOST_LABELS, MOST_SAMPLED, is_large
from emotion_cli.measures.streamed.sample import sample_of
from emotion_cli.measures.within.bag_of_words import Texts
from emotion_cli.measures.within.curves import Curves
from emotion_cli.measures.within.surface import Surface, surface_auroc, surface_of
from emotion_cli.measures.within.words import DRAWS as WORDS_DRAWS
from emotion_cli.measures.within.words import Words, curves_of_words
from emotion_cli.prompts.audit import (
    FEATURES,
    Area,
    PromptRow,
    Verdict,
    confound,
    counts_by_label,
    failure,
    first_word,
    told_by_words,
    verdict,
)
from emotion_cli.prompts.near_duplicates import near_duplicates
from emotion_cli.prompts.words import WordList, read_words
from warehouse.store import Partition, Store

SURFACE, WORDS, NEAR_DUPLICATES = "surface_auroc", "words_auroc", "near_duplicate_topics"


class AuditRow(NamedTuple):
    """One number about one label, or two, and what it means in a sentence where it means something."""

    emotion_a: str
    emotion_b: str | None
    measure: str
    statistic: Statistic
    finding: str | None = None


def tasks(job: Job) -> list[Task]:
    """One task a version of a dataset."""
    versions = dict.fromkeys((extraction.dataset, extraction.prompts_sha256) for extraction in job.extractions)
    return [_task(job, dataset, sha256) for dataset, sha256 in versions]


def audit_partition(store: Store, dataset: str, prompts_sha256: str) -> Partition:
    """Where the audit of a version of a dataset is."""
    return store.partition("prompt_audits", dataset=dataset, prompts_sha256=prompts_sha256)


def verdict_of(partition: Partition, dataset: str) -> Verdict:
    """What a stored audit says of a whole set."""
    return verdict(dataset, _areas_of(partition, SURFACE), _areas_of(partition, WORDS))


def _areas_of(partition: Partition, measure: str) -> dict[tuple[str, str], Area]:
    rows = partition.read(["emotion_a", "emotion_b", "value", "ci_low", "ci_high"], measure=measure).to_pylist()
    return {(row["emotion_a"], row["emotion_b"]): Area(row["value"], row["ci_low"], row["ci_high"]) for row in rows}


def findings(partition: Partition) -> list[str]:
    """The sentences of a stored audit: on the label with most near duplicates, and on what tells two labels apart."""
    rows = partition.read(["emotion_a", "emotion_b", "measure", "value", "finding"]).to_pylist()
    alike = [row for row in rows if row["measure"] == NEAR_DUPLICATES and row["finding"]]
    most = sorted(alike, key=lambda row: -row["value"])[:1]
    return [row["finding"] for row in [*most, *(row for row in rows if row["emotion_b"])] if row["finding"]]


def _task(job: Job, dataset: str, prompts_sha256: str) -> Task:
    prompts = job.store.partition("prompts", dataset=dataset, prompts_sha256=prompts_sha256)
    partition = audit_partition(job.store, dataset, prompts_sha256)
    words = read_words(job.settings.words)
    inputs = {
        "seed": job.settings.seed,
        "draws": job.settings.draws,
        "words": words.sha256,
        "words_draws": WORDS_DRAWS,
        "measures_version": MEASURES_VERSION,
    }

    def run(job: Job) -> None:
        rows = prompts.read([*PromptRow._fields]).to_pylist()
        measured = audit([PromptRow(**row) for row in rows], sampling_of(job, dataset), words, job.settings.neutral)
        with partition.hold(wait=True):
            entry = partition.write([statistics_table("prompt_audits", measured)])
            partition.commit([entry], {**inputs, "prompts": fingerprint(prompts)}, reads={"prompts": prompts.place})
        job.listener.note(verdict_of(partition, dataset).text)

    reason = why(partition.manifest(), {**inputs, "prompts": fingerprint(prompts)})
    return Task("audit", dataset, (prompts.folder,), partition.folder, reason, run)


COUNTS = {
    "n_prompts": "n_prompts",
    "n_repeated": "n_repeated",
    "mean_words": "mean_words",
    "min_words": "min_words",
    "max_words": "max_words",
    "final_char_share": "final_char_share",
    "first_word_share": "first_word_share",
    "own_word_share": "own_word_share",
    "complete_topics_share": "complete_share",
}
"""Measures of one label, and the count that each is."""


def audit(rows: Sequence[PromptRow], sampling: Sampling, words: WordList, against: str | None = None) -> list[AuditRow]:
    """Counts of each label, and how well surface features, each and all, and words alone tell every two labels apart.

    Of more labels than `MOST_LABELS` each is told from the label `against` only. Two labels of many prompts are told apart on a
    sample of them.
    """
    measured: list[AuditRow] = []
    for counts in counts_by_label(rows, words):
        details = {
            "final_char_share": f"the most frequent final character is {counts.final_char!r}",
            "first_word_share": f"the most frequent first word is {counts.first_word!r}",
        }
        for measure, name in COUNTS.items():
            statistic = Statistic(float(getattr(counts, name)), NO_NULL, counts.n_prompts)
            measured.append(AuditRow(counts.emotion, None, measure, statistic, details.get(measure)))
    measured += [_near_duplicates(label, rows) for label in sorted({row.emotion for row in rows})]
    labels, topics = [row.emotion for row in rows], [row.topic for row in rows]
    clusters = tuple(row.cluster for row in rows) if any(row.cluster is not None for row in rows) else None
    surface = surface_of([row.final_char for row in rows], [first_word(row.text) for row in rows], [row.n_words for row in rows])
    sampling, texts = sampling.about("surface"), bag_of([row.text for row in rows])
    names = sorted(set(labels))
    for a, b in combinations(names, 2):
        if len(names) > MOST_LABELS and against not in (a, b):
            continue
        of_pair, n_sampled = np.flatnonzero(np.isin(labels, [a, b])), None
        if is_large(len(of_pair), 2):
            part = [labels[i] for i in of_pair.tolist()], [topics[i] for i in of_pair.tolist()]
            of_pair = of_pair[sample_of(*part, MOST_SAMPLED, sampling).places]
            n_sampled = len(of_pair)
        if is_large(len(rows), len(names)):
            # few of many prompts: what is kept of words is of these alone
            kept = Pair(
                tuple(labels[i] for i in of_pair.tolist()),
                tuple(topics[i] for i in of_pair.tolist()),
                None if clusters is None else tuple(clusters[i] for i in of_pair.tolist()),
                surface.of(of_pair),
                texts.of(of_pair),
            )
        else:
            kept = Pair(tuple(labels), tuple(topics), clusters, surface, texts)
        measured += _of_pair(rows, a, b, kept, sampling, n_sampled)
    return measured


class Pair(NamedTuple):
    """Labels, topics, clusters, surface and words of the prompts among which two labels are told apart."""

    labels: tuple[str, ...]
    topics: tuple[str | None, ...]
    clusters: tuple[str | None, ...] | None
    surface: Surface
    texts: Texts


def _of_pair(rows: Sequence[PromptRow], a: str, b: str, kept: Pair, sampling: Sampling, n_sampled: int | None) -> list[AuditRow]:
    """How well surface features, each and all, and words tell two labels apart."""
    measured: list[AuditRow] = []
    contrast = Contrast(a, draws_of(kept.labels, kept.topics, [a, b], sampling, kept.clusters))
    for feature in FEATURES:
        statistic = _without_layer(surface_auroc(contrast, kept.surface, [feature]))
        finding = confound(feature, rows, a, b, _area(statistic))
        measured.append(AuditRow(a, b, f"{feature}_auroc", statistic, finding))
    statistic = _without_layer(surface_auroc(contrast, kept.surface, FEATURES))
    measured.append(AuditRow(a, b, SURFACE, statistic, failure(a, b, _area(statistic))))
    words_of_pair = Words(kept.texts, kept.labels, kept.topics, a, (a, b), sampling, kept.clusters)
    statistic = _without_layer(curves_of_words(words_of_pair).auroc)
    measured.append(AuditRow(a, b, WORDS, statistic, told_by_words(a, b, _area(statistic))))
    return [row._replace(statistic=row.statistic._replace(n_sampled=n_sampled)) for row in measured]


def _near_duplicates(label: str, rows: Sequence[PromptRow]) -> AuditRow:
    told = [row for row in rows if row.emotion == label and row.topic is not None]
    found = near_duplicates([row.text for row in told], [row.topic or "" for row in told], [row.cluster for row in told])
    return AuditRow(label, None, NEAR_DUPLICATES, Statistic(float(found.n_pairs), NO_NULL, found.n_topics), found.finding(label))


def tokens_by_label(job: Job, extraction: Extraction, model: str) -> list[dict[str, Any]]:
    """Tokens of each label's prompts of a dataset under a model, BOS included."""
    from emotion_cli.models.tokens import tokenize

    rows = extraction.prompts(job.store).read(["emotion", "text"]).to_pydict()
    ids = tokenize(job.loaded(model), rows["text"], bos=job.settings.bos, truncate=True).ids
    lengths: dict[str, list[int]] = {}
    for emotion, row in zip(rows["emotion"], ids, strict=True):
        lengths.setdefault(emotion, []).append(len(row))
    return [
        {
            "dataset": extraction.dataset,
            "model": model,
            "emotion": emotion,
            "mean_tokens": sum(numbers) / len(numbers),
            "min_tokens": min(numbers),
            "max_tokens": max(numbers),
        }
        for emotion, numbers in sorted(lengths.items())
    ]


def _without_layer(curves: Curves) -> Statistic:
    ((_, statistic),) = curves.statistics([], [], Tail.UPPER)
    return statistic


def _area(statistic: Statistic) -> Area:
    return Area(statistic.value, *statistic.interval)
