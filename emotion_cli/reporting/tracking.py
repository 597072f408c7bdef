"""The record of a run in MLflow: parameters, metrics and figures, once; the only importer of mlflow."""

import logging
import os
import re
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from emotion_cli.errors import EmoError, MissingError

if TYPE_CHECKING:
    from mlflow import MlflowClient

EXPERIMENT = "emo"
"""Name of the experiment where MLFLOW_EXPERIMENT_NAME names none."""

KEY_TAG = "emo.content_sha256"
"""The tag that makes a run the record of one content."""

LONGEST_NAME = 250
"""Characters of a metric's name that MLflow allows."""

BATCH = 1000
"""Metrics that MLflow takes in one request."""

Row = Mapping[str, Any]


class Metric(NamedTuple):
    """One value; `step` is the layer, or 0 where the value is over layers."""

    name: str
    step: int
    value: float


@dataclass(frozen=True)
class Family:
    """Metrics of one query: a value for each row, named by the columns of `path`, at the step of a column."""

    name: str
    query: str
    column: str
    path: tuple[str, ...]
    step: str | None = None


_WITHIN = ("dataset", "model", "emotion_a", "emotion_b")
_CROSS = ("dataset", "model_a", "model_b", "emotion")
_SHIFT = ("dataset_a", "dataset_b", "model", "emotion")

FAMILIES = (
    Family("l2_norm", "vector_norms_by_layer", "l2_norm", ("dataset", "model", "emotion"), "layer"),
    Family("relative_norm", "vector_norms_by_layer", "relative_norm", ("dataset", "model", "emotion"), "layer"),
    Family("cosine_similarity", "within_model_similarity_by_layer", "cosine_similarity", _WITHIN, "layer"),
    *(
        Family(name, "within_model_similarity_by_model", name, _WITHIN)
        for name in ("mean_cosine_similarity", "null_low", "null_high", "p_value", "equidistance")
    ),
    Family("cross_model_cosine_similarity", "cross_model_similarity_by_layer", "cosine_similarity", _CROSS, "layer"),
    *(
        Family(name, "cross_model_similarity_by_emotion", name, _CROSS)
        for name in (
            "avg_cosine_similarity",
            "cosine_stddev_pop",
            "min_cosine_similarity",
            "max_cosine_similarity",
            "chance_stddev",
        )
    ),
    Family("dataset_shift_cosine_unbiased", "dataset_shift_by_layer", "cosine_unbiased", _SHIFT, "layer"),
)
"""What is logged; a new family is a line here."""

READS = tuple(sorted({family.query for family in FAMILIES}))
"""The queries whose rows `metrics` wants."""


class Logged(NamedTuple):
    """The run that holds a record, and whether it existed before."""

    run_id: str
    experiment: str
    existed: bool


def metrics(rows: Mapping[str, Sequence[Row]]) -> list[Metric]:
    """The metrics of rows by query; an undefined value is not a metric."""
    return [
        Metric(
            metric_name(family.name, *(row[column] for column in family.path)),
            row[family.step] if family.step else 0,
            float(row[family.column]),
        )
        for family in FAMILIES
        for row in rows[family.query]
        if row[family.column] is not None
    ]


def metric_name(*parts: str) -> str:
    """A name `part/part/...` in the characters that MLflow allows: all others, `/` and `:` too, become `:XX` (hex of UTF-8).

    Two different lists of parts have different names; what is longer than MLflow allows ends with a hash of the whole.
    """
    name = "/".join(map(_spelled, parts))
    if len(name) <= LONGEST_NAME:
        return name
    return f"{name[: LONGEST_NAME - 17]}-{sha256(name.encode()).hexdigest()[:16]}"


def log(
    key: str, params: Mapping[str, str], values: Sequence[Metric], files: Mapping[str, Path], *, uri: str, artifacts: Path | None
) -> Logged:
    """Log a record to the server or database at `uri`, unless a finished run with this key exists.

    `files` by their path in the run; `artifacts` is where a new experiment keeps files (None: where the server says). A
    run that is incomplete is removed first. EmoError when MLflow refuses or cannot be reached.
    """
    with _quiet(uri) as client:
        experiment, name = _experiment(client, artifacts)
        runs = client.search_runs([experiment], f"tags.`{KEY_TAG}` = '{key}'")
        finished = [run for run in runs if run.info.status == "FINISHED"]
        if finished:
            return Logged(finished[0].info.run_id, name, True)
        for run in runs:
            client.delete_run(run.info.run_id)
        tags = {KEY_TAG: key, "mlflow.source.name": "emo track"}
        run_id = client.create_run(experiment, tags=tags, run_name=f"emo-{key[:12]}").info.run_id
        _fill(client, run_id, params, values)
        for path, file in sorted(files.items()):
            client.log_artifact(run_id, str(file), path.rpartition("/")[0] or None)
        client.set_terminated(run_id, "FINISHED")
        return Logged(run_id, name, False)


def _fill(client: "MlflowClient", run_id: str, params: Mapping[str, str], values: Sequence[Metric]) -> None:
    from mlflow.entities import Metric as Value
    from mlflow.entities import Param

    client.log_batch(run_id, params=[Param(name, value) for name, value in params.items()])
    now = int(time.time() * 1000)
    entities = [Value(metric.name, metric.value, now, metric.step) for metric in values]
    for start in range(0, len(entities), BATCH):
        client.log_batch(run_id, metrics=entities[start : start + BATCH])


def _experiment(client: "MlflowClient", artifacts: Path | None) -> tuple[str, str]:
    name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or EXPERIMENT
    location = artifacts.resolve().as_uri() if artifacts else None
    experiment = client.get_experiment_by_name(name)
    if experiment and location and experiment.artifact_location != location:
        # the store was moved: MLflow binds an experiment to its old folder for good, so the new folder gets a new experiment
        name = f"{name}-{sha256(location.encode()).hexdigest()[:8]}"
        experiment = client.get_experiment_by_name(name)
    if experiment and experiment.lifecycle_stage == "active":
        return experiment.experiment_id, name
    if experiment:
        raise EmoError(
            f"the MLflow experiment {name} was deleted", hint=f"mlflow experiments restore -x {experiment.experiment_id}"
        )
    return client.create_experiment(name, artifact_location=location), name


@contextmanager
def _quiet(uri: str) -> "Iterator[MlflowClient]":
    """A client that reports to nobody else and keeps its notes about databases to itself."""
    # read by mlflow as it is imported: without them it sends usage data over the network
    os.environ |= {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "ERROR")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from mlflow import MlflowClient
            from mlflow.exceptions import MlflowException
    except ModuleNotFoundError as error:
        raise MissingError(f"tracking needs the package mlflow ({error})", hint='pip install "emotion-cli[track]"') from error
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield MlflowClient(tracking_uri=uri)
    except (MlflowException, OSError) as error:
        raise EmoError(
            without_password(f"MLflow at {uri}: {error}"), hint="unset MLFLOW_TRACKING_URI, or start the server"
        ) from error


def without_password(uri: str) -> str:
    """Text without the names and passwords in its addresses."""
    return re.sub(r"(?<=://)[^/@]*@", "", uri)


def _spelled(part: str) -> str:
    # a part of dots only would be a step up or none when names are used as paths
    spelled_out = r"[^A-Za-z0-9_\-. ]" if part.strip(".") else r"."
    return re.sub(spelled_out, lambda character: "".join(f":{byte:02X}" for byte in character[0].encode()), part)
