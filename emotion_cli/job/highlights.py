"""What a run says to who waits for it: first results, the answer in brief, and the files to open."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from emotion_cli.job.job import Job
from emotion_cli.job.outputs import figures, rows
from emotion_cli.job.variants import shown_variant
from emotion_cli.reporting.report import ANSWERED_BY, Facts, answer_in_brief
from emotion_cli.settings import Settings
from warehouse.catalog import Catalog

N_PICTURES = 2
"""Figures that are named: with the report they are three files."""

PICTURES = ("more_than_words", "direction_quality", "aligned_cosine_", "emotion_similarity")
"""How the names of figures begin that are named, the most telling first."""

LANGUAGE = Settings().lang
"""Notes are in one language, whatever that of the report is."""


def first_results(job: Job, dataset: str, model: str) -> list[str]:
    """A line an emotion: how well its direction separates, beside chance and words; of one model on one set."""
    best = [row for row in _best(job) if (row["dataset"], row["model"]) == (dataset, model) and row["control"] is None]
    return [_line(row) for row in _first_of_each(best)]


def sentences(job: Job) -> list[str]:
    """The answer of the job's report, in brief; nothing where there is none."""
    if not job.with_activations:
        return []
    variant = shown_variant(job, job.with_activations)
    facts = Facts(rows(job, variant, ANSWERED_BY), variant._asdict(), settings={})
    return answer_in_brief(facts, LANGUAGE)


def to_open(job: Job, report: Path | None) -> list[Path]:
    """The report and two figures."""
    drawn = [
        folder.artifacts.folder / entry.name
        for folder in figures(job)
        for manifest in [folder.artifacts.manifest()]
        for entry in (manifest.files if manifest else ())
        if entry.name.endswith(".png")
    ]
    chosen = [next((path for path in drawn if path.name.startswith(name)), None) for name in PICTURES]
    return [path for path in (report, *filter(None, chosen)) if path is not None][: 1 + N_PICTURES]


def _best(job: Job) -> list[dict[str, Any]]:
    variant = shown_variant(job, job.with_activations)._asdict()
    where = {name: [value] for name, value in variant.items()}
    return Catalog(job.store).dicts("best_layers_by_emotion", **where)


def _first_of_each(best: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row of each emotion of a model and set: a row stands there for every test set."""
    known: dict[tuple[str, str, str], dict[str, Any]] = {}
    for row in best:
        known.setdefault((row["dataset"], row["model"], row["emotion"]), row)
    return [known[key] for key in sorted(known)]


def _line(row: dict[str, Any]) -> str:
    words = "" if row["auroc_words"] is None else f", words alone {row['auroc_words']:.3f}"
    beside = f"chance at its best {row['max_null_high']:.3f}{words}"
    return f"{row['emotion']}: AUROC {row['auroc']:.3f} at layer {row['layer']} ({beside})"
