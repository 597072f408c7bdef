"""`emo report`: the page that says what was found."""

from pathlib import Path
from typing import Annotated

import typer

from emotion_cli.cli import options as o
from emotion_cli.cli.output import refuse_there, write_file, write_lines
from emotion_cli.errors import UsageError

ENDINGS = (".md", ".html")

Page = Annotated[
    Path | None,
    typer.Option(
        "--output", "-o", metavar="FILE", help="Write the report to this .md or .html file instead, not into the store."
    ),
]
Force = Annotated[
    bool, typer.Option("--force", help="Do it again although it is up to date, and let --output write over a file that is there.")
]


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
    output: Page = None,
    store: o.StoreDir = None,
    force: Force = False,
    quiet: o.Quiet = False,
    verbose: o.Verbose = False,
) -> None:
    """Write the report into the store as Markdown and as one HTML file that needs nothing else, and print the paths.

    Of everything in the usual way it is report.md and report.html; of a selection or another way reports/NAME.md and .html.
    """
    if output is not None:
        _refuse_page(output, force=force)
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
        store=store,
    )
    from emotion_cli import pipeline

    job = pipeline.job_in_store(opened, settings, console, forced={"report"} if force else ())
    if output is not None:
        from emotion_cli.stages.report import pages

        pipeline.run(job, pipeline.stages("vectors", "plot"))
        write_file(output, pages(job, output.resolve().parent)[output.suffix.lower()])
        write_lines([str(output)])
        return
    outcome = pipeline.run(job, pipeline.stages("vectors", "report", without=("track",)))
    written = [task.writes for task in (*outcome.done, *outcome.left) if task.stage == "report"]
    write_lines(f"{path.parent / path.stem}.{ending}" for path in written for ending in ("md", "html"))


def _refuse_page(output: Path, *, force: bool) -> None:
    """UsageError where the ending says no kind of page, or a file is there that is not to be written over."""
    if output.suffix.lower() not in ENDINGS:
        raise UsageError(f"--output {output}: a report is one of {', '.join(ENDINGS)}", hint=f"--output {output}.html")
    refuse_there(output, force=force)
