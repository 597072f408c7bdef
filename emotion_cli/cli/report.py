"""`emo report`: the page of results."""

from pathlib import Path
from typing import Annotated

import typer

from emotion_cli.cli.options import VECTORS, Start, takes
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
    bool, typer.Option("--force", help="Redo the report even if it is up to date, and let --output overwrite a file.")
]


@takes(*VECTORS, "seed", "draws", "lang", needs_store="yes")
def report(start: Start, output: Page = None, force: Force = False) -> None:
    """Write the report into the store as Markdown and as one HTML file that needs nothing else, and print the paths.

    A report of everything with the default settings is report.md and report.html; any other is reports/NAME.md and .html.
    """
    if output is not None:
        _refuse_page(output, force=force)
    from emotion_cli import pipeline

    job = pipeline.job_in_store(start.store, start.settings, start.console, forced={"report"} if force else ())
    pipeline.refuse_controls_alone(job)
    if output is not None:
        from emotion_cli.stages.report import pages

        pipeline.run(job, pipeline.stages("vectors", "plot"))
        write_file(output, pages(job, output.resolve().parent)[output.suffix.lower()])
        write_lines([str(output)])
        return
    outcome = pipeline.run(job, pipeline.stages("vectors", "report", without=("track",)))
    written = [task.writes for task in outcome.of("report").tasks]
    write_lines(f"{path.parent / path.stem}{ending}" for path in written for ending in ENDINGS)


def _refuse_page(output: Path, *, force: bool) -> None:
    """UsageError where the ending is of no kind of page, or the file exists and --force was not given."""
    if output.suffix.lower() not in ENDINGS:
        raise UsageError(f"--output {output}: a report ends in {' or '.join(ENDINGS)}", hint=f"--output {output}.html")
    refuse_there(output, force=force)
