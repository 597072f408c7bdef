"""What a run found, in few sentences, and where to look: for who waits for it."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from emotion_cli.job.job import Job
from emotion_cli.job.outputs import figures
from emotion_cli.job.variants import shown_variant
from emotion_cli.wording import counted
from warehouse.catalog import Catalog

N_PICTURES = 2
"""Figures that are named: with the report they are three files."""

PICTURES = ("direction_quality", "aligned_cosine_", "emotion_similarity")
"""How the names of figures begin that are named, the most telling first."""


def first_results(job: Job, dataset: str, model: str) -> list[str]:
    """A line an emotion: how well its direction separates, beside chance and words; of one model on one set."""
    rows = [row for row in _best(job) if (row["dataset"], row["model"]) == (dataset, model) and row["control"] is None]
    return [_line(row) for row in _first_of_each(rows)]


def sentences(job: Job) -> list[str]:
    """Two sentences: on single models, and on two of them or on two emotions; none where there is nothing to tell."""
    if not job.with_activations:
        return []
    measured = {extraction.extraction_id for extraction in job.with_activations}
    rows = _first_of_each([row for row in _best(job) if row["extraction_id"] in measured and row["auroc"] is not None])
    if not rows:
        return []
    beyond = sum(row["auroc"] > row["max_null_high"] for row in rows)
    said = [
        f"At its best layer a direction separates better than chance would at its best in {beyond} of {len(rows)} cases "
        f"(AUROC {_range(row['auroc'] for row in rows)}{_of_words(rows)})."
    ]
    where = {name: [value] for name, value in shown_variant(job, job.with_activations)._asdict().items()}
    ids = sorted(measured)
    pairs = Catalog(job.store).dicts(
        "cross_model_alignment_by_emotion", extraction_a=ids, extraction_b=ids, fit=["ridge"], **where
    )
    if pairs:
        return [*said, f"Directions carried between two models: {_verdicts(pairs)}."]
    alike = Catalog(job.store).dicts("within_model_similarity_by_model", extraction_id=ids, **where)
    return [*said, f"Two emotions in one model: {_verdicts(alike)}."] if alike else said


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


def _first_of_each(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row of each emotion of a model and set: a row stands there for every test set."""
    known: dict[tuple[str, str, str], dict[str, Any]] = {}
    for row in rows:
        known.setdefault((row["dataset"], row["model"], row["emotion"]), row)
    return [known[key] for key in sorted(known)]


def _line(row: dict[str, Any]) -> str:
    words = "" if row["auroc_words"] is None else f", words alone {row['auroc_words']:.3f}"
    beside = f"chance at its best {row['max_null_high']:.3f}{words}"
    return f"{row['emotion']}: AUROC {row['auroc']:.3f} at layer {row['layer']} ({beside})"


def _of_words(rows: Sequence[dict[str, Any]]) -> str:
    words = [row["auroc_words"] for row in rows if row["auroc_words"] is not None]
    return f"; words alone {_range(words)}" if words else ""


def _range(values: Iterator[float] | Sequence[float]) -> str:
    known = sorted(values)
    return f"{known[0]:.2f} to {known[-1]:.2f}"


def _verdicts(rows: Sequence[dict[str, Any]]) -> str:
    counts = Counter(row["verdict"] or "not defined" for row in rows)
    return "; ".join(f"{verdict}: {n}" for verdict, n in counts.most_common()) + f" (of {counted(len(rows), 'case')})"
