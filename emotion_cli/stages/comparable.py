"""Which extractions may be compared: those that were made alike in all that is not the model's own."""

from collections.abc import Mapping
from typing import Any

from emotion_cli.errors import UsageError
from emotion_cli.stages.scope import Scope
from warehouse.store import Store

SETTINGS = ("prompts_sha256", "dtype", "bos", "chat_template", "truncated_at")
"""What must agree. `bos` is the rule, which gives each model its own token; `truncated_at` is NULL where no prompt was cut."""

_COLUMNS = ("prompts_sha256", "dtype", "bos", "chat_template", "max_length", "n_truncated")


def refuse_incomparable(store: Store, a: Scope, b: Scope) -> list[str]:
    """UsageError with both settings where two extractions differ; the settings that one of them does not know (NULL)."""
    of_a, of_b = (_settings(store, scope) for scope in (a, b))
    if of_a is None or of_b is None:
        return []
    differing = [name for name in SETTINGS if None not in (of_a[name], of_b[name]) and of_a[name] != of_b[name]]
    if of_a["truncated_at"] != of_b["truncated_at"] and "truncated_at" not in differing:
        differing.append("truncated_at")
    if differing:
        shown = "; ".join(f"{name} is {of_a[name]} in {_named(a)} and {of_b[name]} in {_named(b)}" for name in differing)
        raise UsageError(f"{a.dataset}: not comparable: {shown}",
                         hint="extract one again with the settings of the other, or choose with --extraction or -m")  # fmt: skip
    return [name for name in SETTINGS[:-1] if None in (of_a[name], of_b[name]) and of_a[name] != of_b[name]]


def refuse_other_vectors(store: Store, a: Scope, b: Scope) -> None:
    """UsageError with both settings where the vectors of two extractions were made unlike (layers averaged, neutral label)."""
    of_a, of_b = (_made_with(store, scope) for scope in (a, b))
    for name in sorted(set(of_a) & set(of_b)):
        if of_a[name] != of_b[name]:
            raise UsageError(
                f"{a.dataset}: vectors are not comparable: {name} is {of_a[name]} in {_named(a)} and {of_b[name]} in {_named(b)}",
                hint=f"emo vectors -d {a.dataset} makes both alike",
            )


def _settings(store: Store, scope: Scope) -> Mapping[str, Any] | None:
    partition = scope.partition(store, "extractions")
    if partition.manifest() is None:
        return None
    row = partition.read(list(_COLUMNS)).to_pylist()[0]
    return (
        {**row, "truncated_at": row["max_length"] or "the model's limit"} if row["n_truncated"] else {**row, "truncated_at": None}
    )


def _made_with(store: Store, scope: Scope) -> Mapping[str, Any]:
    manifest = scope.partition(store, "vectors").manifest()
    return {name: value for name, value in manifest.inputs.items() if name not in manifest.reads} if manifest else {}


def _named(scope: Scope) -> str:
    return f"{scope.model} ({scope.extraction_id})"
