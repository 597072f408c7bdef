"""`emo vectors`: emotion vectors per layer."""

from typing import Annotated

import typer

from emotion_cli.cli.filters import rows_of_vectors
from emotion_cli.cli.options import REDO, ROWS, VECTORS, Start, takes
from emotion_cli.errors import UsageError
from emotion_cli.settings import as_options

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
    "d_prime",
    "auroc_surface",
    "auroc_words",
    "auroc_gain",
    "gain_ci_low",
    "gain_ci_high",
    "test_set",
    "heldout_auroc",
    "heldout_ci_low",
    "heldout_ci_high",
    "heldout_p_value",
    "heldout_words",
    "heldout_gain",
    "heldout_gain_ci_low",
    "heldout_gain_ci_high",
)
"""The query that --best prints, and its columns."""

Best = Annotated[bool, typer.Option("--best", help="Print the layer that separates each emotion best, with its statistics.")]


@takes(*VECTORS, "seed", "draws", *ROWS, needs_store="yes", overwrite=REDO)
def vectors(start: Start, best: Best = False) -> None:
    """Make each emotion's direction at every layer of the stored activations."""
    settings, console, store, rows = start.settings, start.console, start.store, start.rows
    if rows.output and not best:
        raise UsageError(f"--output {rows.output}: without --best no rows are printed", hint=f"--best --output {rows.output}")
    from emotion_cli import pipeline

    job = pipeline.job_in_store(store, settings, console, forced={"vectors", "quality"} if start.is_forced else ())
    filters = as_options(settings, ("dataset", "model", "emotion"))
    outcome = pipeline.run(job, pipeline.stages("vectors", "quality" if best else "vectors"))
    if best:
        from emotion_cli.measures.directions import METHODS
        from warehouse.catalog import Catalog
        from warehouse.library import queries

        found = rows_of_vectors(Catalog(store), BEST, COLUMNS, settings, job.listed)
        if not found.num_rows and METHODS[settings.method].classifies:
            where = f"emo sql direction_quality_by_method{filters}"
            console.note(f"{settings.method} has no null, so no layer is called the best; see: {where}")
            return
        rows.write(found, queries()[BEST].grain)
    made = outcome.of("vectors")
    console.note(f"{len(made.done)} done, {len(made.left)} up to date; see: emo sql vector_norms_by_layer{filters}")
