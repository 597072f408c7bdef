"""The MLflow record of a job: its place, its contents, and the run that holds the numbers as they are now."""

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from emotion_cli.job.job import Job, why
from emotion_cli.job.outputs import figure_fingerprints, fingerprints, partitions
from emotion_cli.job.selection import name_of_report, of_report
from emotion_cli.job.variants import Variant, shown_variant
from emotion_cli.reporting import tracking
from warehouse.artifacts import Artifacts

RECORD_VERSION = 1
"""Increase it when the logged values change, so that runs are logged again."""

DEFAULT_NAME = "run"
"""Stem of the file that names the run of the default report; of another it is that report's name."""

DATABASE = "mlflow.db"


def folder(job: Job) -> Path:
    """Where the records are, and the database where MLFLOW_TRACKING_URI names no other."""
    return job.store.root / "mlflow"


def database(job: Job) -> Path:
    """The store's own MLflow database."""
    return folder(job) / DATABASE


def has_own_server() -> bool:
    """Whether MLFLOW_TRACKING_URI names a place that is not the store's own database."""
    return bool(os.environ.get("MLFLOW_TRACKING_URI"))


def uri(job: Job) -> str:
    """The address that MLflow logs to."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{database(job).resolve()}"


def shown_uri(job: Job) -> str:
    """The address without passwords; a store may be moved, so its own database is named from the store's folder."""
    return tracking.without_password(uri(job)) if has_own_server() else f"sqlite:///mlflow/{DATABASE}"


def artifacts(job: Job, variant: Variant) -> Artifacts:
    """The stored record of one variant."""
    return Artifacts(folder(job), "tracking", name_of_report(job, variant))


def file_name(stored: Artifacts) -> str:
    """The file of a stored record, in its folder."""
    return f"{stored.part or DEFAULT_NAME}.json"


def current_record(job: Job) -> Mapping[str, Any] | None:
    """The MLflow run of the numbers as they are now, or None where there is none."""
    variant = shown_variant(job, job.with_activations)
    stored = artifacts(job, variant)
    if why(stored.manifest(), inputs(job, variant)):
        return None
    return json.loads((stored.folder / file_name(stored)).read_text(encoding="utf-8"))


def inputs(job: Job, variant: Variant) -> dict[str, Any]:
    """The contents of a record."""
    return {
        "tracking_version": RECORD_VERSION,
        "tracking_uri": shown_uri(job),
        "experiment": os.environ.get("MLFLOW_EXPERIMENT_NAME") or tracking.EXPERIMENT,
        "params": params(job, variant),
        "selected": {name: values for name, values in of_report(job, variant).items() if values},
        **fingerprints(partitions(job, tracking.READS), variant),
        **figure_fingerprints(job),
    }


def params(job: Job, variant: Variant) -> dict[str, str]:
    """The parameters of a run."""
    settings, extractions = job.settings, job.with_activations
    return {
        "phase": settings.phase,
        "task": settings.task,
        "models": _list(dict.fromkeys(extraction.model for extraction in extractions)),
        "datasets": _list(dict.fromkeys(extraction.dataset for extraction in extractions)),
        "extractions": _list(extraction.extraction_id for extraction in extractions),
        **variant._asdict(),
        "over_layers": settings.over_layers,
        "neutral": settings.neutral,
        "emotions": _list(settings.emotion) if settings.emotion else "all",
        "seed": str(settings.seed),
        "draws": str(settings.draws),
    }


def _list(values: Iterable[str]) -> str:
    return json.dumps(list(values), ensure_ascii=False)
