"""`emo patch`: at which layers does a model hold what a text has told?"""

from typing import Annotated

import typer

from emotion_cli.cli.options import MODEL_TO_RUN, DryRun, Force, Start, takes
from emotion_cli.job.patching import CONTROLS, SITES, SUFFIX, Patching, checked
from emotion_cli.settings import as_options
from emotion_cli.wording import counted

OPTIONS = (
    *(
        "dataset",
        "model",
        "name",
        "pooling",
        "words",
        "reference",
        "neutral",
        "over_layers",
        "revision",
        "device",
        "dtype",
        "bos",
    ),
    *("attention", "max_length", "truncate", "chat_template", "trust_remote_code", "seed", "draws", "cache", "store"),
    *("format", "everything", "quiet", "verbose"),
)

COLUMNS = (
    *("dataset", "model", "test_set", "site", "emotion", "layer", "positions", "head", "effect", "share", "beyond_neutral"),
    *("first_layer", "half_layer", "p_value", "q_value", "attribution", "r", "slope", "verdict"),
)
"""Columns that are printed."""

On = Annotated[list[str] | None, typer.Option("--on", help="Test set whose texts are paired, repeatable; heldout if not given.")]
Suffix = Annotated[
    str | None, typer.Option("--suffix", metavar="TEXT", help=f"What stands behind every text; '{SUFFIX}' if not given.")
]
Site = Annotated[str, typer.Option("--site", help=f"What is carried: {', '.join(SITES)}. Default: {SITES[0]}.")]
LayerOption = Annotated[
    str | None,
    typer.Option(
        "--layer",
        metavar="LAYERS",
        help="Where: all, or layers such as 8,12-16, or best, the highest AUROC in training. All if not given; "
        "best for --site direction --real.",
    ),
]
Positions = Annotated[
    str | None,
    typer.Option(
        "--positions",
        metavar="NAMES",
        help="Which tokens: places from the end such as -1,-2; suffix, all of it; for directions also text, their mean there.",
    ),
]
Real = Annotated[bool, typer.Option("--real", help="Carry states; else effects are known to first order only.")]
Controls = Annotated[
    int,
    typer.Option("--controls", min=39, help=f"Directions of permuted labels that are carried, too. Default: {CONTROLS}."),
]


@takes(*OPTIONS, model=MODEL_TO_RUN, words="TOML file with the words of each label; the list that ships if not given.")
def patch(
    start: Start,
    on: On = None,
    suffix: Suffix = None,
    site: Site = SITES[0],
    layer: LayerOption = None,
    positions: Positions = None,
    real: Real = False,
    controls: Controls = CONTROLS,
    force: Force = False,
    dry_run: DryRun = False,
) -> None:
    """Carry states of emotional texts into neutral ones, layer by layer, and see whether the next word follows."""
    from dataclasses import replace

    from emotion_cli import pipeline
    from warehouse.catalog import Catalog
    from warehouse.library import queries

    settings, console, store, rows = start.settings, start.console, start.store, start.rows
    places = tuple(name.strip() for name in (positions or "").split(",") if name.strip())
    chosen = checked(Patching(site, SUFFIX if suffix is None else suffix, layer, places, real, controls))
    datasets, tests = settings.dataset or ("extended",), tuple(on or ("heldout",))
    pipeline.refuse_other_roles(store, datasets, tests)
    filters = as_options(settings, ("dataset", "model"))
    settings = replace(settings, dataset=(*datasets, *tests))
    job = pipeline.job_with_models(store, settings, console, forced={"patch"} if force else (), write=not dry_run)
    stages = pipeline.patching(chosen)
    if dry_run:
        rows.write_records([step.row() for step in pipeline.plan(job, stages)])
        return
    outcome = pipeline.run(job, stages)
    ids = [task.writes.name.partition("=")[2] for task in outcome.tasks]
    query = "patching_verdicts_by_emotion"
    rows.write(Catalog(store).select(query, COLUMNS, run_id=ids), queries()[query].grain)
    done = f"{counted(len(outcome.done), 'run')} done, {len(outcome.left)} up to date"
    console.note(f"{done}; see: emo sql patching_cells_by_layer{filters}")
