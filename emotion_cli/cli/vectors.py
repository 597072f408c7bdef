"""`emo vectors`: emotion vectors per layer."""

from emotion_cli.cli import options as o


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
    store: o.StoreDir = None,
    force: o.Force = False,
    quiet: o.Quiet = False,
    verbose: o.Verbose = False,
) -> None:
    """Make each emotion's direction at every layer of the stored activations."""
    settings, console, opened = o.start(
        quiet=quiet, verbose=verbose, recipe=recipe, dataset=dataset, model=model, pooling=pooling, method=method,
        reference=reference, over_layers=over_layers, neutral=neutral, extraction=extraction, store=store,
    )  # fmt: skip
    from emotion_cli import pipeline

    job = pipeline.job_in_store(opened, settings, console, forced={"vectors"} if force else ())
    outcome = pipeline.run(job, pipeline.stages("vectors", "vectors"))
    console.note(f"{len(outcome.done)} done, {len(outcome.left)} up to date; see: emo sql vector_norms_by_layer")
