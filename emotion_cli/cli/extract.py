"""`emo extract`: activations of datasets under models."""

from emotion_cli.cli.options import EXTRACTION, MODEL_TO_RUN, DryRun, Force, Start, takes
from emotion_cli.settings import as_options
from emotion_cli.wording import counted


@takes(*EXTRACTION, model=MODEL_TO_RUN)
def extract(start: Start, force: Force = False, dry_run: DryRun = False) -> None:
    """Store the residual stream of every prompt at every layer; a run that was stopped resumes where it was."""
    settings, console, store, rows = start.settings, start.console, start.store, start.rows
    from emotion_cli import pipeline

    stages = pipeline.stages("audit", "extract")
    job = pipeline.job_with_models(store, settings, console, forced={"extract"} if force else (), write=not dry_run)
    if dry_run:
        rows.write_records([step.row() for step in pipeline.plan(job, stages)])
        return
    outcome = pipeline.run(job, stages).of("extract")
    filters = as_options(settings, ("dataset", "model"))
    console.note(f"{counted(len(outcome.done), 'extraction')} done, {len(outcome.left)} up to date; next: emo vectors{filters}")
