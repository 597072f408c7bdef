"""`emo datasets`: the prompt sets."""

import typer

from emotion_cli.cli.datasets.audit import audit
from emotion_cli.cli.datasets.importing import import_, validate
from emotion_cli.cli.datasets.showing import list_, show
from emotion_cli.cli.help import Command, Group, help_if_alone

app = typer.Typer(name="datasets", cls=Group)
app.command("list", cls=Command)(list_)
app.command(cls=Command)(show)
app.command(cls=Command)(validate)
app.command("import", cls=Command)(import_)
app.command(cls=Command)(audit)


@app.callback(invoke_without_command=True)
def root(context: typer.Context) -> None:
    """List, show, validate, import and audit prompt sets."""
    help_if_alone(context)
