"""`emo vectors`: emotion vectors per layer."""

from typing import Annotated

import typer

from emotion_cli.cli import options as o
from emotion_cli.cli.output import format_of, write_rows

BEST = "best_layers_by_emotion"
COLUMNS = (
    "dataset",
    "model",
    "reference",
    "pooling",
    "emotion",
    "layer",
    "auroc",
    "max_null_high",
    "max_p_value",
    "auroc_surface",
    "heldout_auroc",
    "heldout_ci_low",
    "heldout_ci_high",
    "heldout_p_value",
)
"""The query that --best prints, and its columns."""


def vectors(
    dataset: o.Dataset = None,
    model: o.Model = None,
    pooling: o.Pooling = None,
    recipe: o.Recipe = None,
    method: o.Method = None,
    reference: o.Reference = None,
    over_layers: o.OverLayers = None,
    neutral: o.Neutral = None,
    extraction: o.Extraction = None,
    best: Annotated[
        bool, typer.Option("--best", help="Print the layer that separates each emotion best, and what it is worth.")
    ] = False,
    emotion: o.Emotion = None,
    seed: o.Seed = None,
    draws: o.Draws = None,
    store: o.StoreDir = None,
    force: o.Force = False,
    format: o.RowFormat = None,
    quiet: o.Quiet = False,
    verbose: o.Verbose = False,
) -> None:
    """Make each emotion's direction at every layer of the stored activations."""
    settings, console, opened = o.start(
        reads=True,
        quiet=quiet,
        verbose=verbose,
        recipe=recipe,
        dataset=dataset,
        model=model,
        pooling=pooling,
        method=method,
        reference=reference,
        over_layers=over_layers,
        neutral=neutral,
        extraction=extraction,
        emotion=emotion,
        seed=seed,
        draws=draws,
        store=store,
    )
    from emotion_cli import pipeline

    job = pipeline.job_in_store(opened, settings, console, forced={"vectors", "quality"} if force else ())
    outcome = pipeline.run(job, pipeline.stages("vectors", "quality" if best else "vectors"))
    if best:
        from warehouse.catalog import Catalog

        rows = Catalog(opened).select(
            BEST,
            COLUMNS,
            extraction_id=[scope.extraction_id for scope in job.with_activations],
            pooling=settings.pooling,
            reference=[settings.reference],
            method=[settings.method],
            emotion=settings.emotion,
        )
        write_rows(rows, format_of(format))
    done, left = ([task for task in tasks if task.stage == "vectors"] for tasks in (outcome.done, outcome.left))
    console.note(f"{len(done)} done, {len(left)} up to date; see: emo sql vector_norms_by_layer")
