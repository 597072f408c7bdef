"""Tables, figures and the MLflow record to the report."""

import json
from pathlib import Path
from typing import Any

from emotion_cli.job import record
from emotion_cli.job.job import Job, Task, why
from emotion_cli.job.outputs import figure_fingerprints, figures, fingerprints, partitions, pictures, places, rows
from emotion_cli.job.selection import name_of_report, of_report
from emotion_cli.job.variants import Variant, shown_variant
from emotion_cli.measures.directions import CENTRED
from emotion_cli.reporting import report
from emotion_cli.settings import Settings
from warehouse.artifacts import Artifacts
from warehouse.store import content_hash

SETTINGS = ("neutral", "over_layers", "seed", "draws")
"""The settings that the report names."""

PAGES = "reports"
"""Folder of the store with every report but the default one."""


def tasks(job: Job) -> list[Task]:
    """One task for everything that the job is about."""
    if not job.with_activations:
        return []
    variant = shown_variant(job, job.with_activations)
    name = ",".join(filter(None, [name_of_report(job, variant), _language(job)]))
    stem = name or "report"
    artifacts = Artifacts(job.store.root / PAGES, "report", name) if name else Artifacts(job.store.root, "report")
    target = artifacts.folder / f"{stem}.html"
    read = [partition.folder for partition in partitions(job, report.READS).values()]
    read += [folder.artifacts.folder for folder in figures(job)]

    def run(job: Job) -> None:
        contents = {f"{stem}{ending}": content for ending, content in pages(job, artifacts.folder).items()}
        artifacts.commit(contents, _inputs(job, variant), reads=places(partitions(job, report.READS), variant))

    subject = target.relative_to(job.store.root).as_posix()
    reason = why(artifacts.manifest(), _inputs(job, variant))
    return [Task("report", subject, (*read, record.folder(job)), target, reason, run)]


def pages(job: Job, folder: Path) -> dict[str, bytes]:
    """The report by the ending of its file (`.md`, `.html`), with links to figures as they are seen from a folder."""
    variant = shown_variant(job, job.with_activations)
    facts = report.Facts(
        rows=rows(job, variant, report.READS),
        variant=variant._asdict(),
        settings={name: getattr(job.settings, name) for name in SETTINGS},
        pictures=pictures(job, folder),
        tracked=record.current_record(job),
        is_centred=variant.method in CENTRED,
    )
    return {Path(name).suffix: content for name, content in report.pages(facts, job.settings.lang).items()}


def _language(job: Job) -> str:
    """The part of a report's name that says its language; none for the default one."""
    lang = job.settings.lang
    return "" if lang == Settings().lang else f"lang={lang}"


def _inputs(job: Job, variant: Variant) -> dict[str, Any]:
    tracked = record.current_record(job)
    return {
        "report_version": report.REPORT_VERSION,
        "variant": variant.part,
        "lang": job.settings.lang,
        "selected": {name: values for name, values in of_report(job, variant).items() if values},
        **{name: getattr(job.settings, name) for name in SETTINGS},
        "tracked": content_hash(json.dumps(tracked)) if tracked else None,
        **fingerprints(partitions(job, report.READS), variant),
        **figure_fingerprints(job),
    }
