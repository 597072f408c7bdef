"""How `--help` looks: panels of commands and options, and examples that run."""

import typer


def help_if_alone(context: typer.Context) -> None:
    """Print the help of a group of commands where none of them is named, and exit with 0."""
    if context.invoked_subcommand is None:
        context.get_help()
        raise typer.Exit
