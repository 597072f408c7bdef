"""Tables, figures and the MLflow record to the report."""

import json
from typing import Any

from emotion_cli.reporting import report
from emotion_cli.stages import track
from emotion_cli.stages.gather import figure_fingerprints, figures, fingerprints, partitions, pictures, places, rows
from emotion_cli.stages.job import Job, Task, why
from emotion_cli.stages.plot import shown_variant
from emotion_cli.stages.vectors import Variant, caveat
from warehouse.artifacts import Artifacts
from warehouse.store import content_hash

SETTINGS = ("neutral", "over_layers", "seed", "draws")
"""The settings that the report names."""


def tasks(job: Job) -> list[Task]:
    """One task for everything that the job is about."""
    if not job.train_scopes:
        return []
    variant = shown_variant(job, job.train_scopes)
    artifacts = Artifacts(job.store.root, "report")
    read = partitions(job, report.READS)
    folders = [partition.folder for partition in read.values()] + [figure.artifacts.folder for figure in figures(job)]
    reason = why(artifacts.manifest(), _inputs(job, variant))
    target = job.store.root / "report.html"

    def run(job: Job) -> None:
        facts = report.Facts(
            rows=rows(job, variant, report.READS),
            variant=variant._asdict(),
            settings={name: getattr(job.settings, name) for name in SETTINGS},
            pictures=pictures(job),
            tracked=track.current_record(job),
            notes=sorted({said for scope in job.train_scopes if (said := caveat(job.store, scope, variant.method))}),
        )
        artifacts.commit(report.pages(facts), _inputs(job, variant), reads=places(partitions(job, report.READS)))

    return [Task("report", target.name, (*folders, track.folder(job)), target, reason, run)]


def _inputs(job: Job, variant: Variant) -> dict[str, Any]:
    tracked = track.current_record(job)
    return {
        "report_version": report.REPORT_VERSION,
        "variant": variant.part,
        "emotion": list(job.settings.emotion),
        **{name: getattr(job.settings, name) for name in SETTINGS},
        "tracked": content_hash(json.dumps(tracked)) if tracked else None,
        **fingerprints(partitions(job, report.READS)),
        **figure_fingerprints(job),
    }
