"""`emo extract`: activations of datasets under models."""

from emotion_cli.cli import options as o
from emotion_cli.cli.output import format_of, write_records
from emotion_cli.wording import counted


def extract(
    dataset: o.Dataset = None,
    model: o.ModelToRun = None,
    name: o.Name = None,
    layer: o.Layer = None,
    pooling: o.Pooling = None,
    recipe: o.Recipe = None,
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
    cache: o.Cache = None,
    store: o.StoreDir = None,
    force: o.Force = False,
    dry_run: o.DryRun = False,
    format: o.RowFormat = None,
    quiet: o.Quiet = False,
    verbose: o.Verbose = False,
) -> None:
    """Store the residual stream of every prompt at every layer; a killed run goes on where it stopped."""
    settings, console, opened = o.start(
        quiet=quiet,
        verbose=verbose,
        recipe=recipe,
        dataset=dataset,
        model=model,
        name=name,
        layer=layer,
        pooling=pooling,
        words=words,
        strategy=strategy,
        revision=revision,
        device=device,
        dtype=dtype,
        bos=bos,
        attention=attention,
        batch_tokens=batch_tokens,
        max_length=max_length,
        truncate=truncate,
        chat_template=chat_template,
        trust_remote_code=trust_remote_code,
        cache=cache,
        store=store,
    )
    from emotion_cli import pipeline

    wanted = pipeline.stages("audit", "extract")
    job = pipeline.job_with_models(opened, settings, console, forced={"extract"} if force else (), write=not dry_run)
    if dry_run:
        steps = pipeline.plan(job, wanted)
        write_records([{**step._asdict(), "reason": step.reason or "up to date"} for step in steps], format_of(format))
        return
    outcome = pipeline.run(job, wanted)
    done, left = ([task for task in tasks if task.stage == "extract"] for tasks in (outcome.done, outcome.left))
    console.note(f"{counted(len(done), 'extraction')} done, {len(left)} up to date; next: emo vectors")
