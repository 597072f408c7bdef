"""`emo plot`: the figures."""

from emotion_cli.cli import options as o
from emotion_cli.cli.output import write_lines


def plot(
    dataset: o.Dataset = None,
    model: o.Model = None,
    emotion: o.Emotion = None,
    layer: o.Layer = None,
    pooling: o.Pooling = None,
    recipe: o.Recipe = None,
    method: o.Method = None,
    reference: o.Reference = None,
    over_layers: o.OverLayers = None,
    neutral: o.Neutral = None,
    extraction: o.Extraction = None,
    store: o.StoreDir = None,
    force: o.Force = False,
    quiet: o.Quiet = False,
    verbose: o.Verbose = False,
) -> None:
    """Draw the figures of each model and across models (PNG and SVG), and print their paths."""
    settings, console, opened = o.start(
        reads=True,
        quiet=quiet,
        verbose=verbose,
        dataset=dataset,
        model=model,
        emotion=emotion,
        layer=layer,
        pooling=pooling,
        recipe=recipe,
        method=method,
        reference=reference,
        over_layers=over_layers,
        neutral=neutral,
        extraction=extraction,
        store=store,
    )
    from emotion_cli import pipeline
    from warehouse.artifacts import Artifacts

    job = pipeline.job_in_store(opened, settings, console, forced={"plot"} if force else (), vectors_suffice=True)
    outcome = pipeline.run(job, pipeline.stages("vectors", "plot"))
    folders = [task.writes for task in (*outcome.done, *outcome.left) if task.stage == "plot"]
    manifests = [(folder, Artifacts(folder).manifest()) for folder in sorted(folders)]
    write_lines(str(folder / entry.name) for folder, manifest in manifests if manifest for entry in manifest.files)
