"""`emo run`: everything that is missing, in order."""

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from emotion_cli.cli.options import EXTRACTION, MODEL_TO_RUN, DryRun, Force, Start, takes
from emotion_cli.errors import UsageError
from emotion_cli.settings import Settings

if TYPE_CHECKING:
    from emotion_cli.cli.console import Console
    from emotion_cli.job.job import Job, Task
    from emotion_cli.pipeline import Outcome

FIRST_LOOK = {"dataset": ["baseline"], "model": ["smollm2-135m"], "draws": 200}
"""What `--quick` takes where nothing else is given."""

Track = Annotated[bool, typer.Option("--track", help="Log parameters, metrics and figures to MLflow, too.")]


Quick = Annotated[
    bool,
    typer.Option("--quick", help="A first look: baseline, SmolLM2, 200 draws, no controls, where nothing else is given."),
]

Causal = Annotated[
    bool,
    typer.Option(
        "--causal", help="Also add directions to the models and carry states between texts, which takes minutes to hours."
    ),
]


NoControls = Annotated[bool, typer.Option("--no-controls", help="Add no controls to the models.")]


@takes(*EXTRACTION, "method", "reference", "over_layers", "neutral", "controls", "seed", "draws", "lang", model=MODEL_TO_RUN)
def run(
    start: Start,
    quick: Quick = False,
    no_controls: NoControls = False,
    track: Track = False,
    causal: Causal = False,
    force: Force = False,
    dry_run: DryRun = False,
) -> None:
    """Plan and do whatever is missing: extract, vectors, compare, plot, with --track an MLflow run, and the report."""
    if quick:
        given = {name: value for name, value in start.flags.items() if value not in (None, [])}
        start, no_controls = replace(start, flags={**start.flags, **FIRST_LOOK, **given}), True
    settings, console, store, rows = start.settings, start.console, start.store, start.rows
    from emotion_cli import pipeline
    from emotion_cli.job import highlights
    from emotion_cli.job.variants import refuse_words_against_a_label

    refuse_words_against_a_label(settings)

    if no_controls and settings.sources.get("controls") == "--controls":
        raise UsageError(
            f"--no-controls and --controls {' '.join(settings.controls)} say the opposite", hint="leave one of them out"
        )
    started = time.monotonic()
    stages = pipeline.stages(
        "audit",
        "report",
        without=[name for name, is_asked in (("track", track), ("steer", causal), ("patch", causal)) if not is_asked],
    )
    forced = {stage.name for stage in stages} if force else set()
    controls = () if no_controls else settings.controls
    job = pipeline.job_with_models(store, settings, console, controls=controls, forced=forced, write=not dry_run)
    pipeline.refuse_unknown_settings(
        store, settings, [extraction for extraction in job.extractions if extraction.role == "train"]
    )
    if dry_run:
        rows.write_records([step.row() for step in pipeline.plan(job, stages)])
        return
    outcome = pipeline.run(job, stages, _FirstResults(job, console))
    for task in outcome.left:
        console.detail(f"{task.stage}: {task.subject} (up to date)")
    if outcome.done and job.with_activations:
        for sentence in highlights.sentences(job):
            console.note(sentence)
        report = next((task.writes for task in outcome.of("report").tasks), None)
        console.note(f"open: {', '.join(map(str, highlights.to_open(job, report)))}")
    console.note(
        f"{len(outcome.done)} tasks done, {len(outcome.left)} up to date, in {time.monotonic() - started:.1f} s; "
        f"store: {settings.store}{''.join(_elsewhere(outcome, settings))}"
    )


def _elsewhere(outcome: "Outcome", settings: Settings) -> Iterator[str]:
    """Where the report is, when it is not the report of everything in the store."""
    for task in outcome.of("report").tasks:
        if task.writes.parent != settings.store:
            yield f"; report of this selection: {task.writes} (of the whole store: emo report)"


class _FirstResults:
    """Says what the first model's directions reach as soon as that is known."""

    def __init__(self, job: "Job", console: "Console") -> None:
        self._job, self._console, self._is_said = job, console, False

    def __call__(self, task: "Task") -> None:
        """Called with each task that was done."""
        from emotion_cli.job import highlights

        models = [extraction for extraction in self._job.with_activations if extraction.subject == task.subject]
        if self._is_said or task.stage != "quality" or not models:
            return
        self._is_said = True
        (extraction,) = models
        self._console.note(f"first results, {task.subject}:")
        for line in highlights.first_results(self._job, extraction.dataset, extraction.model):
            self._console.note(f"  {line}")
