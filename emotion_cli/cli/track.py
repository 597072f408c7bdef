"""`emo track`: the record in MLflow."""

from emotion_cli.cli.options import VECTORS, Force, Start, takes
from emotion_cli.settings import as_options


@takes(*VECTORS, "seed", "draws", "phase", "task", needs_store="yes")
def track(start: Start, force: Force = False) -> None:
    """Log parameters, metrics (step = layer) and figures to MLflow: MLFLOW_TRACKING_URI, else a database in the store."""
    from emotion_cli import pipeline

    job = pipeline.job_in_store(start.store, start.settings, start.console, forced={"track"} if force else ())
    for _ in pipeline.run(job, pipeline.stages("vectors", "track")).of("track").left:
        start.console.note(f"track: up to date; see: emo report{as_options(start.settings, ('dataset', 'model'))}")
