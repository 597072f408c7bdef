"""`emo rm`: removes a dataset, a model or an extraction with all that was derived from it."""

import shlex
import sys
from dataclasses import replace
from typing import Annotated

import typer

from emotion_cli.cli.completion import SUGGESTIONS
from emotion_cli.cli.options import Start, takes
from emotion_cli.errors import InterruptedByUserError, UsageError

Dataset = Annotated[
    list[str] | None,
    typer.Option("--dataset", "-d", help="Prompt set to remove, repeatable.", autocompletion=SUGGESTIONS["dataset"]),
]
Model = Annotated[
    list[str] | None,
    typer.Option(
        "--model", "-m", help="Model to remove; with -d, only its data of that dataset.", autocompletion=SUGGESTIONS["model"]
    ),
]
Extraction = Annotated[list[str] | None, typer.Option("--extraction", help="Extraction by (the start of) its id, repeatable.")]
Version = Annotated[
    str, typer.Option("--prompts-version", help="One version of the dataset, by (the start of) its prompts_sha256.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="List what would be removed, and remove nothing.")]


@takes("store", "format", "columns", "everything", "quiet", needs_store="yes")
def rm(
    start: Start,
    dataset: Dataset = None,
    model: Model = None,
    extraction: Extraction = None,
    prompts_version: Version = "",
    yes: Yes = False,
    dry_run: DryRun = False,
) -> None:
    """Remove a dataset, a model, a model's data of a dataset, or an extraction, with all derived data; asks first."""
    console, store = start.console, start.store
    from emotion_cli.job.known import names_of, refuse_not_made, refuse_unknown_names
    from emotion_cli.prompts.shipped import shipped_sets
    from warehouse.database import outdated
    from warehouse.removal import Filters, left_stale, models_besides, remove, to_remove

    if not (dataset or model or extraction):
        raise UsageError("say what to remove: --dataset, --model or --extraction", hint="emo rm --dry-run --dataset NAME")
    if prompts_version and (not dataset or model or extraction):
        raise UsageError(
            "--prompts-version needs exactly one --dataset and no other filter",
            hint="emo rm --dry-run --dataset NAME --prompts-version SHA",
        )
    named = replace(start.settings, dataset=tuple(dataset or ()), model=tuple(model or ()))
    refuse_unknown_names(store, named)
    refuse_not_made(store, named)
    filters = Filters(dataset or (), names_of(store, named), extraction or (), prompts_version)
    folders = to_remove(store, filters)
    rows = [{"place": folder.place, "rows": folder.rows, "files": len(folder.files), "bytes": folder.size} for folder in folders]
    start.rows.write_records(rows)
    n_rows, n_files, n_bytes = (sum(row[name] for row in rows) for name in ("rows", "files", "bytes"))
    if filters.models and (others := models_besides(folders, filters.models)):
        console.note(
            f"quality and statistics of {', '.join(others)} were measured beside {', '.join(filters.models)}, so they go too; "
            "emo run makes them again"
        )
    total = f"{n_rows:,} rows in {n_files:,} files, {_size(n_bytes)}"
    if dry_run:
        console.note(f"{total} would be removed")
        return
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError(
                f"{total} would be removed, but no terminal is available to confirm it",
                hint=shlex.join(["emo", *sys.argv[1:], "--yes"]),
            )
        if not _agreed(f"remove {total}?"):
            console.note("nothing was removed")
            return
    for kept_folder in remove(store, folders):
        console.note(f"{kept_folder}: kept, because it holds files that emo did not write")
    console.note(f"removed {total}")
    for kind, folder in left_stale(store):
        then = (
            "emo report with the same options updates it"
            if kind == "report"
            else "emo track logs a new run; the logged run stays"
        )
        console.note(f"{folder}: the {kind} still shows what was removed; {then}")
    for file, sentence in outdated(store):
        console.note(f"{file}: {sentence}")
    for name in dataset or ():
        if name in shipped_sets() and not model:
            console.note(f"{name} ships with emo: the next run that needs it writes it into the store again")


def _agreed(question: str) -> bool:
    """The answer on the terminal; EmoError where Ctrl-C or the end of input is the answer."""
    try:
        return typer.confirm(question, err=True)
    except typer.Abort as error:
        raise InterruptedByUserError("nothing was removed", hint="emo rm --dry-run lists what would be removed") from error


def _size(n_bytes: float) -> str:
    for unit in ("bytes", "KiB", "MiB"):
        if n_bytes < 1024:
            return f"{n_bytes:.0f} {unit}"
        n_bytes /= 1024
    return f"{n_bytes:.1f} GiB"
