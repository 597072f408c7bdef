"""`emo report`: the page that says what was found."""

from emotion_cli.cli import options as o
from emotion_cli.cli.output import write_lines


def report(
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
    store: o.StoreDir = None,
    force: o.Force = False,
    quiet: o.Quiet = False,
    verbose: o.Verbose = False,
) -> None:
    """Write report.md and report.html (one file that needs nothing else) into the store, and print their paths."""
    settings, console, opened = o.start(
        quiet=quiet, verbose=verbose, recipe=recipe, dataset=dataset, model=model, emotion=emotion, pooling=pooling,
        method=method, reference=reference, over_layers=over_layers, neutral=neutral, extraction=extraction,
        seed=seed, draws=draws, store=store,
    )  # fmt: skip
    from emotion_cli import pipeline

    job = pipeline.job_in_store(opened, settings, console, forced={"report"} if force else ())
    pipeline.run(job, pipeline.stages("vectors", "report", without=("track",)))
    write_lines(str(settings.store / f"report.{ending}") for ending in ("md", "html"))
