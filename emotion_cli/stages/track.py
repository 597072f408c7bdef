"""Tables and figures to MLflow: one run for each content, named in a small record beside the database."""

import json
import os
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from emotion_cli.job.job import NOT_THERE, Job, Task, why
from emotion_cli.job.outputs import figure_fingerprints, figures, fingerprints, partitions, places, rows
from emotion_cli.job.selection import name_of_report, of_report
from emotion_cli.job.variants import Variant, shown_variant
from emotion_cli.reporting import tracking
from emotion_cli.wording import counted
from warehouse.artifacts import Artifacts
from warehouse.store import content_hash

TRACKING_VERSION = 1
"""Raise it when other things are logged, so that they are logged again."""

RECORD = "run"
"""Stem of the file that names the run of the default report; of another it is that report's name."""

DATABASE = "mlflow.db"


def tasks(job: Job) -> list[Task]:
    """One task for everything that the job is about."""
    if not job.with_activations:
        return []
    variant, uri = shown_variant(job, job.with_activations), _uri(job)
    artifacts = _artifacts(job, variant)
    read = partitions(job, tracking.READS)
    inputs = _inputs(job, variant, uri)
    reason = why(artifacts.manifest(), inputs)
    if not reason and _is_ours(uri) and not _database(job).is_file():
        reason = NOT_THERE
    folders = [partition.folder for partition in read.values()] + [figure.artifacts.folder for figure in figures(job)]

    def run(job: Job) -> None:
        # again, since figures and tables may have been made since
        _log(job, variant, uri, artifacts)

    subject = counted(len(job.with_activations), "extraction")
    return [Task("track", subject, tuple(folders), artifacts.folder, reason, run)]


def current_record(job: Job) -> Mapping[str, Any] | None:
    """The MLflow run of the numbers as they are now, or None where there is none."""
    variant = shown_variant(job, job.with_activations)
    artifacts = _artifacts(job, variant)
    if why(artifacts.manifest(), _inputs(job, variant, _uri(job))):
        return None
    return json.loads((artifacts.folder / _record(artifacts)).read_text(encoding="utf-8"))


def folder(job: Job) -> Path:
    """Where the record is, and the database where no other was named."""
    return job.store.root / "mlflow"


def _log(job: Job, variant: Variant, uri: str, artifacts: Artifacts) -> None:
    found = rows(job, variant, tracking.READS)
    values = tracking.metrics(found)
    params = _params(job, variant)
    files, digests = {}, {}
    for figure in figures(job):
        manifest = figure.artifacts.manifest()
        for entry in manifest.files if manifest else ():
            path = f"{tracking.metric_name('figures', *figure.parts)}/{entry.name}"
            files[path], digests[path] = figure.artifacts.folder / entry.name, entry.sha256
    # the run is known by what is in it: numbers made again that did not change need no second run
    key = content_hash([params, [list(value) for value in values], digests])
    folder(job).mkdir(parents=True, exist_ok=True)
    logged = tracking.log(key, params, values, files, uri=uri, artifacts=folder(job) / "artifacts" if _is_ours(uri) else None)
    names = Counter(name.split("/")[0] for name in {value.name for value in values})
    record = {
        "run_id": logged.run_id,
        "experiment": logged.experiment,
        "uri": _shown(uri),
        "params": params,
        "metrics": {family.name: names[family.name] for family in tracking.FAMILIES if names[family.name]},
        "n_metrics": len(values),
        "n_artifacts": len(files),
    }
    content = json.dumps(record, indent=1, ensure_ascii=False).encode()
    artifacts.commit(
        {_record(artifacts): content}, _inputs(job, variant, uri), reads=places(partitions(job, tracking.READS), variant)
    )
    state = "was there already" if logged.was_there else "logged"
    job.listener.note(
        f"track: run {logged.run_id} {state}: {len(values)} values, {len(files)} files, at {tracking.without_password(uri)}"
    )


def _inputs(job: Job, variant: Variant, uri: str) -> dict[str, Any]:
    return {
        "tracking_version": TRACKING_VERSION,
        "tracking_uri": _shown(uri),
        "experiment": os.environ.get("MLFLOW_EXPERIMENT_NAME") or tracking.EXPERIMENT,
        "params": _params(job, variant),
        "selected": {name: values for name, values in of_report(job, variant).items() if values},
        **fingerprints(partitions(job, tracking.READS), variant),
        **figure_fingerprints(job),
    }


def _params(job: Job, variant: Variant) -> dict[str, str]:
    settings = job.settings
    return {
        "phase": settings.phase,
        "task": settings.task,
        "models": json.dumps(list(dict.fromkeys(scope.model for scope in job.with_activations)), ensure_ascii=False),
        "datasets": json.dumps(list(dict.fromkeys(scope.dataset for scope in job.with_activations)), ensure_ascii=False),
        "extractions": json.dumps([scope.extraction_id for scope in job.with_activations]),
        **variant._asdict(),
        "over_layers": settings.over_layers,
        "neutral": settings.neutral,
        "emotions": json.dumps(list(settings.emotion), ensure_ascii=False) if settings.emotion else "all",
        "seed": str(settings.seed),
        "draws": str(settings.draws),
    }


def _artifacts(job: Job, variant: Variant) -> Artifacts:
    return Artifacts(folder(job), "tracking", name_of_report(job, variant))


def _record(artifacts: Artifacts) -> str:
    return f"{artifacts.part or RECORD}.json"


def _database(job: Job) -> Path:
    return folder(job) / DATABASE


def _uri(job: Job) -> str:
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{_database(job).resolve()}"


def _is_ours(uri: str) -> bool:
    return not os.environ.get("MLFLOW_TRACKING_URI")


def _shown(uri: str) -> str:
    # a store may be moved: its own database is named from the store's folder
    return tracking.without_password(uri) if not _is_ours(uri) else f"sqlite:///mlflow/{DATABASE}"
