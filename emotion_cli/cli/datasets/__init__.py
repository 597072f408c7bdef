"""`emo datasets`: the prompt sets."""

import typer

from emotion_cli.cli.datasets.audit import audit
from emotion_cli.cli.datasets.importing import import_, validate
from emotion_cli.cli.datasets.showing import list_, show
from emotion_cli.cli.help import help_if_alone

app = typer.Typer(name="datasets")
app.command("list")(list_)
app.command()(show)
app.command()(validate)
app.command("import")(import_)
app.command()(audit)


@app.callback(invoke_without_command=True)
def root(context: typer.Context) -> None:
    """List, show, validate, import and audit prompt sets."""
    help_if_alone(context)
