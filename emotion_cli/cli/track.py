"""`emo track`: the record in MLflow."""

from emotion_cli.cli import options as o


def track(
    dataset: o.Dataset = None,
    model: o.Model = None,
    emotion: o.Emotion = None,
    pooling: o.Pooling = None,
    recipe: o.Recipe = None,
    method: o.Method = None,
    reference: o.Reference = None,
    over_layers: o.OverLayers = None,
    neutral: o.Neutral = None,
    extraction: o.Extraction = None,
    seed: o.Seed = None,
    draws: o.Draws = None,
    phase: o.Phase = None,
    task: o.TaskName = None,
    store: o.StoreDir = None,
    force: o.Force = False,
    quiet: o.Quiet = False,
    verbose: o.Verbose = False,
) -> None:
    """Log parameters, metrics (step = layer) and figures to MLflow: MLFLOW_TRACKING_URI, else a database in the store."""
    settings, console, opened = o.start(
        reads=True,
        quiet=quiet,
        verbose=verbose,
        recipe=recipe,
        dataset=dataset,
        model=model,
        emotion=emotion,
        pooling=pooling,
        method=method,
        reference=reference,
        over_layers=over_layers,
        neutral=neutral,
        extraction=extraction,
        seed=seed,
        draws=draws,
        phase=phase,
        task=task,
        store=store,
    )
    from emotion_cli import pipeline

    job = pipeline.job_in_store(opened, settings, console, forced={"track"} if force else ())
    outcome = pipeline.run(job, pipeline.stages("vectors", "track"))
    for left in outcome.left:
        if left.stage == "track":
            console.note("track: up to date; see: emo report")
