"""Prompts to an audit of their surface, kept by their content hash; it warns and never blocks."""

from collections.abc import Sequence
from itertools import combinations
from typing import Any, NamedTuple

import pyarrow as pa

from emotion_cli.job.extractions import Extraction
from emotion_cli.job.job import Job, Task, fingerprint, why
from emotion_cli.job.statistics import statistic_columns
from emotion_cli.measures.inference.draws import Contrast, draws_of
from emotion_cli.measures.inference.resampling import Null, Statistic
from emotion_cli.measures.surface import surface_of
from emotion_cli.measures.within.quality import surface_auroc
from emotion_cli.prompts.audit import (
    FEATURES,
    Area,
    PromptRow,
    confound,
    counts_by_label,
    failure,
    first_word,
    verdict,
)
from emotion_cli.prompts.words import WordList, read_words
from warehouse.store import Partition, Store, table_of

SURFACE = "surface_auroc"
NOT_TESTED = Null(None, None, None, None, None)


class AuditRow(NamedTuple):
    """One number about one label, or two, and what it means in a sentence where it means something."""

    emotion_a: str
    emotion_b: str | None
    measure: str
    statistic: Statistic
    finding: str | None = None


def tasks(job: Job) -> list[Task]:
    """One task a version of a dataset."""
    versions = dict.fromkeys((scope.dataset, scope.prompts_sha256) for scope in job.scopes)
    return [_task(job, dataset, sha256) for dataset, sha256 in versions]


def audit_partition(store: Store, dataset: str, prompts_sha256: str) -> Partition:
    """Where the audit of a version of a dataset is."""
    return store.partition("prompt_audits", dataset=dataset, prompts_sha256=prompts_sha256)


def areas_of(partition: Partition) -> dict[tuple[str, str], Area]:
    """The surface AUROC of every two labels in a stored audit."""
    rows = partition.read(["emotion_a", "emotion_b", "value", "ci_low", "ci_high"], measure=SURFACE).to_pylist()
    return {(row["emotion_a"], row["emotion_b"]): Area(row["value"], row["ci_low"], row["ci_high"]) for row in rows}


def findings(partition: Partition) -> list[str]:
    """The sentences of a stored audit on what tells two labels apart."""
    rows = partition.read(["emotion_a", "emotion_b", "measure", "finding"]).to_pylist()
    return [row["finding"] for row in rows if row["finding"] and row["emotion_b"]]


def _task(job: Job, dataset: str, prompts_sha256: str) -> Task:
    prompts = job.store.partition("prompts", dataset=dataset, prompts_sha256=prompts_sha256)
    partition = audit_partition(job.store, dataset, prompts_sha256)
    words = read_words(job.settings.words)
    inputs = {"seed": job.settings.seed, "draws": job.settings.draws, "words": words.sha256}

    def run(job: Job) -> None:
        rows = prompts.read(["emotion", "topic", "text", "n_copies"]).to_pylist()
        found = audit([PromptRow(**row) for row in rows], dataset, seed=job.settings.seed, draws=job.settings.draws, words=words)
        with partition.hold(wait=True):
            entry = partition.write([_table(found)])
            partition.commit([entry], {**inputs, "prompts": fingerprint(prompts)}, reads={"prompts": prompts.place})
        job.listener.note(verdict(dataset, areas_of(partition)).text)

    reason = why(partition.manifest(), {**inputs, "prompts": fingerprint(prompts)})
    return Task("audit", dataset, (prompts.folder,), partition.folder, reason, run)


def audit(rows: Sequence[PromptRow], dataset: str, *, seed: int, draws: int, words: WordList) -> list[AuditRow]:
    """Counts of each label, and how well the surface alone tells every two labels apart, feature by feature and in all."""
    found: list[AuditRow] = []
    for one in counts_by_label(rows, words):
        numbers = {
            "n_prompts": one.n_prompts,
            "n_repeated": one.n_repeated,
            "mean_words": one.mean_words,
            "min_words": one.min_words,
            "max_words": one.max_words,
            "final_char_share": one.final_char_share,
            "first_word_share": one.first_word_share,
            "own_word_share": one.own_word_share,
            "complete_topics_share": one.complete_share,
        }
        details = {
            "final_char_share": f"the most frequent final character is {one.final_char!r}",
            "first_word_share": f"the most frequent first word is {one.first_word!r}",
        }
        found += [
            AuditRow(one.emotion, None, name, Statistic(float(value), NOT_TESTED, one.n_prompts), details.get(name))
            for name, value in numbers.items()
        ]
    labels = [row.emotion for row in rows]
    surface = surface_of([row.final_char for row in rows], [first_word(row.text) for row in rows], [row.n_words for row in rows])
    for a, b in combinations(sorted(set(labels)), 2):
        drawn = draws_of(labels, [row.topic for row in rows], [a, b], seed=seed, names=(dataset, "surface"), draws=draws)
        contrast = Contrast(a, drawn)
        for feature in FEATURES:
            statistic = surface_auroc(contrast, surface, (feature,))
            found.append(AuditRow(a, b, f"{feature}_auroc", statistic, confound(feature, rows, a, b, _area(statistic))))
        statistic = surface_auroc(contrast, surface)
        found.append(AuditRow(a, b, SURFACE, statistic, failure(a, b, _area(statistic))))
    return found


def tokens_by_label(job: Job, scope: Extraction, model: str) -> list[dict[str, Any]]:
    """Tokens of each label's prompts of a dataset under a model, BOS included."""
    from emotion_cli.models.tokens import tokenize

    rows = scope.prompts(job.store).read(["emotion", "text"]).to_pydict()
    ids = tokenize(job.loaded(model), rows["text"], bos=job.settings.bos, truncate=True).ids
    lengths: dict[str, list[int]] = {}
    for emotion, row in zip(rows["emotion"], ids, strict=True):
        lengths.setdefault(emotion, []).append(len(row))
    return [
        {
            "dataset": scope.dataset,
            "model": model,
            "emotion": emotion,
            "mean_tokens": sum(own) / len(own),
            "min_tokens": min(own),
            "max_tokens": max(own),
        }
        for emotion, own in sorted(lengths.items())
    ]


def _area(statistic: Statistic) -> Area:
    return Area(statistic.value, *statistic.interval)


def _table(found: Sequence[AuditRow]) -> pa.Table:
    return table_of(
        "prompt_audits",
        {
            "emotion_a": [row.emotion_a for row in found],
            "emotion_b": [row.emotion_b for row in found],
            "measure": [row.measure for row in found],
            "finding": [row.finding for row in found],
            **statistic_columns(row.statistic for row in found),
        },
    )
