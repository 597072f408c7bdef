"""`emo heads`: which heads and MLPs write an emotion's direction?"""

from typing import Annotated, Any

import typer

from emotion_cli.cli.lens import Layer, as_option, number_of
from emotion_cli.cli.options import Start, takes
from emotion_cli.errors import UsageError
from emotion_cli.settings import as_options

TOP = 5
"""Parts of each direction that people are shown; other formats have all."""

On = Annotated[str, typer.Option("--on", metavar="DATASET", help="The test set whose texts are read.")]
Force = Annotated[bool, typer.Option("--force", help="Redo the work even if it is up to date.")]


@takes(
    *("dataset", "model", "name", "extraction", "emotion", "pooling", "reference", "neutral", "recipe", "device"),
    *("seed", "draws", "trust_remote_code", "cache", "store", "format", "columns", "everything", "quiet", "verbose"),
    needs_store="yes",
    dataset=typer.Option(None, "--dataset", "-d", help="Prompt set whose directions are used; extended if not given."),
    model=typer.Option(None, "--model", "-m", help="Model that reads the texts: Hub id, folder, .gguf file or alias."),
)
def heads(start: Start, on: On, layer: Layer = "best", force: Force = False) -> None:
    """Split the state that a direction is read from into what each head and MLP wrote: a description, not a cause."""
    number = number_of(layer)
    from emotion_cli import pipeline
    from emotion_cli.job.datasets import ensure_imported
    from emotion_cli.job.scoring import chosen_layers, scoring_of
    from emotion_cli.stages.heads import figure_folder, rows_of

    test = ensure_imported(start.store, on, "--on")
    if test.role != "test":
        raise UsageError(f"--on {on}: it is a training set; its texts made the directions", hint="--on heldout")
    job = pipeline.job_with_model(start.store, start.settings, start.console, forced={"heads"} if force else ())
    scoring = scoring_of(job)
    layers = chosen_layers(job, scoring, number)
    pipeline.run(job, pipeline.heads_stages(scoring, layers, test, chosen=number is not None))
    rows = rows_of(job, scoring, test, layers)
    shown = _largest(rows) if start.rows.for_people else rows
    start.rows.write_records([_record(row) for row in shown], _COLUMNS, KEYS)
    drawn = figure_folder(job, scoring, test, layers, chosen=number is not None).folder
    filters = as_options(start.settings, ("dataset", "model", "emotion")) + as_option(number)
    start.console.note(f"figures: {drawn}; more: emo sql parts_by_block{filters}; what a part does is another question")


KEYS = ("emotion", "reference", "layer", "component", "block", "head")
_COLUMNS = (*KEYS, "value", "ci_low", "ci_high", "share", "p_value", "n")


def _record(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in _COLUMNS}


def _largest(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The whole of each direction, then the parts that are furthest from 0."""
    shown = []
    for emotion, reference in dict.fromkeys((row["emotion"], row["reference"]) for row in rows):
        members = [row for row in rows if (row["emotion"], row["reference"]) == (emotion, reference)]
        parts = sorted((row for row in members if row["component"] != "total"), key=lambda row: -abs(row["value"] or 0))
        shown += [*(row for row in members if row["component"] == "total"), *parts[:TOP]]
    return shown
