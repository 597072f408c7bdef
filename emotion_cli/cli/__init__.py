"""The command line: the Typer app, a file for each command, and the only writers to stdout and stderr."""
