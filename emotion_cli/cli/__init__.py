"""The front door: the Typer app, one file a command, and the only writers to stdout and stderr."""
