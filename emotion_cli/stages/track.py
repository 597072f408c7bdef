"""Tables and figures to MLflow: one run for each content, named in a small record beside the database."""

import json
from collections import Counter

from emotion_cli.job import record
from emotion_cli.job.job import NOT_THERE, Job, Task, why
from emotion_cli.job.outputs import figures, partitions, places, rows
from emotion_cli.job.variants import Variant, shown_variant
from emotion_cli.reporting import tracking
from emotion_cli.wording import counted
from warehouse.store import content_hash


def tasks(job: Job) -> list[Task]:
    """One task for everything that the job is about."""
    if not job.with_activations:
        return []
    variant = shown_variant(job, job.with_activations)
    stored = record.artifacts(job, variant)
    reason = why(stored.manifest(), record.inputs(job, variant))
    if not reason and not record.has_own_server() and not record.database(job).is_file():
        reason = NOT_THERE
    read = [partition.folder for partition in partitions(job, tracking.READS).values()]
    read += [folder.artifacts.folder for folder in figures(job)]
    subject = counted(len(job.with_activations), "extraction")
    return [Task("track", subject, tuple(read), stored.folder, reason, lambda job: _log(job, variant))]


def _log(job: Job, variant: Variant) -> None:
    values = tracking.metrics(rows(job, variant, tracking.READS))
    params = record.params(job, variant)
    files, digests = {}, {}
    for drawn in figures(job):
        manifest = drawn.artifacts.manifest()
        for entry in manifest.files if manifest else ():
            path = f"{tracking.metric_name('figures', *drawn.parts)}/{entry.name}"
            files[path], digests[path] = drawn.artifacts.folder / entry.name, entry.sha256
    # the run is known by what is in it: numbers made again that did not change need no second run
    key = content_hash([params, [list(value) for value in values], digests])
    folder, uri = record.folder(job), record.uri(job)
    folder.mkdir(parents=True, exist_ok=True)
    artifact_folder = None if record.has_own_server() else folder / "artifacts"
    logged = tracking.log(key, params, values, files, uri=uri, artifacts=artifact_folder)
    names = Counter(name.split("/")[0] for name in {value.name for value in values})
    content = {
        "run_id": logged.run_id,
        "experiment": logged.experiment,
        "uri": record.shown_uri(job),
        "params": params,
        "metrics": {family.name: names[family.name] for family in tracking.FAMILIES if names[family.name]},
        "n_metrics": len(values),
        "n_artifacts": len(files),
    }
    stored = record.artifacts(job, variant)
    stored.commit(
        {record.file_name(stored): json.dumps(content, indent=1, ensure_ascii=False).encode()},
        record.inputs(job, variant),
        reads=places(partitions(job, tracking.READS), variant),
    )
    state = "already exists" if logged.existed else "logged"
    job.listener.note(
        f"track: run {logged.run_id} {state}: {len(values)} values, {len(files)} files, at {tracking.without_password(uri)}"
    )
