"""`emo datasets`: the prompt sets."""

import typer

from emotion_cli.cli.datasets.audit import audit
from emotion_cli.cli.datasets.importing import import_, validate
from emotion_cli.cli.datasets.showing import list_, show

app = typer.Typer(name="datasets", no_args_is_help=True, help="List, show, validate, import and audit prompt sets.")
app.command("list")(list_)
app.command()(show)
app.command()(validate)
app.command("import")(import_)
app.command()(audit)
