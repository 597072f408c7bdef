"""`emo plot`: the figures."""

from emotion_cli.cli.options import VECTORS, Force, Start, takes
from emotion_cli.cli.output import write_lines


@takes(*VECTORS, "layer", needs_store="yes")
def plot(start: Start, force: Force = False) -> None:
    """Draw the figures of each model and across models (PNG and SVG), and print their paths."""
    from emotion_cli import pipeline
    from warehouse.artifacts import Artifacts

    forced = {"plot"} if force else ()
    job = pipeline.job_in_store(start.store, start.settings, start.console, forced=forced, vectors_suffice=True)
    pipeline.refuse_controls_alone(job)
    outcome = pipeline.run(job, pipeline.stages("vectors", "plot"))
    folders = sorted(task.writes for task in outcome.of("plot").tasks)
    manifests = [(folder, Artifacts(folder).manifest()) for folder in folders]
    write_lines(str(folder / entry.name) for folder, manifest in manifests if manifest for entry in manifest.files)
