"""`emo run`: everything that is missing, in order."""

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from emotion_cli.cli import options as o
from emotion_cli.cli.output import format_of, write_records
from emotion_cli.settings import Settings

if TYPE_CHECKING:
    from emotion_cli.pipeline import Outcome


def run(
    dataset: o.Dataset = None,
    model: o.ModelToRun = None,
    name: o.Name = None,
    layer: o.Layer = None,
    pooling: o.Pooling = None,
    recipe: o.Recipe = None,
    method: o.Method = None,
    reference: o.Reference = None,
    over_layers: o.OverLayers = None,
    neutral: o.Neutral = None,
    revision: o.Revision = None,
    device: o.Device = None,
    dtype: o.Dtype = None,
    bos: o.Bos = None,
    words: o.Words = None,
    strategy: o.Strategy = None,
    attention: o.Attention = None,
    batch_tokens: o.BatchTokens = None,
    max_length: o.MaxLength = None,
    truncate: o.Truncate = None,
    chat_template: o.ChatTemplate = None,
    trust_remote_code: o.TrustRemoteCode = None,
    seed: o.Seed = None,
    draws: o.Draws = None,
    cache: o.Cache = None,
    store: o.StoreDir = None,
    track: o.Track = False,
    force: o.Force = False,
    dry_run: o.DryRun = False,
    format: o.RowFormat = None,
    quiet: o.Quiet = False,
    verbose: o.Verbose = False,
) -> None:
    """Plan and do whatever is missing: extract, vectors, compare, plot, with --track an MLflow run, and the report."""
    settings, console, opened = o.start(
        quiet=quiet,
        verbose=verbose,
        dataset=dataset,
        model=model,
        name=name,
        layer=layer,
        pooling=pooling,
        recipe=recipe,
        method=method,
        reference=reference,
        over_layers=over_layers,
        neutral=neutral,
        revision=revision,
        device=device,
        dtype=dtype,
        bos=bos,
        words=words,
        strategy=strategy,
        attention=attention,
        batch_tokens=batch_tokens,
        max_length=max_length,
        truncate=truncate,
        chat_template=chat_template,
        trust_remote_code=trust_remote_code,
        seed=seed,
        draws=draws,
        cache=cache,
        store=store,
    )
    from emotion_cli import pipeline
    from emotion_cli.job.variants import refuse_words_against_a_label

    refuse_words_against_a_label(settings)

    started = time.monotonic()
    wanted = pipeline.stages("audit", "report", without=() if track else ("track",))
    forced = {stage.name for stage in wanted} if force else set()
    job = pipeline.job_with_models(opened, settings, console, forced=forced, write=not dry_run)
    pipeline.refuse_unknown_settings(opened, settings, [scope for scope in job.extractions if scope.role == "train"])
    if dry_run:
        steps = pipeline.plan(job, wanted)
        write_records([{**step._asdict(), "reason": step.reason or "up to date"} for step in steps], format_of(format))
        return
    outcome = pipeline.run(job, wanted)
    for task in outcome.left:
        console.detail(f"{task.stage}: {task.subject} (up to date)")
    console.note(
        f"{len(outcome.done)} tasks done, {len(outcome.left)} up to date, in {time.monotonic() - started:.1f} s; "
        f"store: {settings.store}{''.join(_elsewhere(outcome, settings))}"
    )


def _elsewhere(outcome: "Outcome", settings: Settings) -> Iterator[str]:
    """Where the report is, when it is not the one of everything in the store."""
    for task in (*outcome.done, *outcome.left):
        if task.stage == "report" and task.writes.parent != settings.store:
            yield f"; report of this selection: {task.writes} (of everything: emo report)"
