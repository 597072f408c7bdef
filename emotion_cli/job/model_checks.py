"""Verdicts of `emo models check`, stored by weights and number format; extract refuses a model that failed."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from emotion_cli.errors import CheckFailedError
from emotion_cli.job.listener import Listener
from emotion_cli.job.loading import load_model
from emotion_cli.job.versions import versions
from emotion_cli.settings import Settings
from warehouse.store import Partition, Store, table_of

if TYPE_CHECKING:
    from emotion_cli.models.checks import Check
    from emotion_cli.models.loaded import LoadedModel
    from emotion_cli.models.sources.finding import ModelSource


def check(store: Store, settings: Settings, source: "ModelSource", listener: Listener) -> "Sequence[Check]":
    """Load a model, check it in the number format of the settings, and keep the verdict; failed checks are rows as well."""
    from emotion_cli.models.checks import check_model

    listener.note(f"loading {source.name}")
    loaded = load_model(source, settings, listener.note, prove=False)
    checks = check_model(loaded)
    partition = _partition(store, source, loaded.dtype)
    with partition.hold(wait=True):
        entry = partition.write(
            [
                table_of(
                    "model_checks",
                    {
                        "check_name": [check.name for check in checks],
                        "value": [check.value for check in checks],
                        "bound": [check.bound for check in checks],
                        "passed": [check.passed for check in checks],
                        "detail": [check.detail for check in checks],
                        "versions": [json.dumps(versions(), sort_keys=True)] * len(checks),
                        "created_at": [datetime.now(UTC)] * len(checks),
                    },
                )
            ]
        )
        partition.commit([entry], {})
    return checks


def refuse_unsound(store: Store, loaded: "LoadedModel") -> None:
    """CheckFailedError for a model whose stored check failed, or, where none is stored, whose tokens are at fault.

    Loading proves the layers, and each extraction its batches; what is left costs no forward pass.
    """
    from emotion_cli.models.checks import tokens

    partition = _partition(store, loaded.source, loaded.dtype)
    if partition.manifest():
        rows = partition.read(["check_name", "passed", "detail"]).to_pylist()
        failed = [f"{row['check_name']} ({row['detail']})" for row in rows if not row["passed"]]
    else:
        failed = [f"{check.name} ({check.detail})" for check in tokens(loaded) if not check.passed]
    if failed:
        raise CheckFailedError(
            f"{loaded.source.name} in {loaded.dtype} failed its check: {', '.join(failed)}",
            hint=f"emo models check {loaded.source.given} --dtype {loaded.dtype}",
        )


def verdicts(store: Store) -> dict[tuple[str, str], str]:
    """The verdict on each checked model, by name and weights: `passed`, or the failed checks, in each number format."""
    verdicts_of: dict[tuple[str, str], list[str]] = {}
    for partition in store.partitions("model_checks"):
        rows = partition.read(["check_name", "passed"]).to_pylist()
        failed = ", ".join(row["check_name"] for row in rows if not row["passed"])
        verdict = f"{partition.keys['dtype']}: {f'failed {failed}' if failed else 'passed'}"
        verdicts_of.setdefault((partition.keys["model"], partition.keys["weights_sha256"]), []).append(verdict)
    return {model: "; ".join(sorted(set(lines))) for model, lines in verdicts_of.items()}


def _partition(store: Store, source: "ModelSource", dtype: str) -> Partition:
    return store.partition(
        "model_checks",
        model=source.name,
        weights_sha256=source.weights_sha256,
        tokenizer_sha256=source.tokenizer_sha256,
        dtype=dtype,
    )
