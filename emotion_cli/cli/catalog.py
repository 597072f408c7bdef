"""`emo catalog`: the store as one DuckDB file, for other programs."""

from pathlib import Path
from typing import Annotated

import typer

from emotion_cli.cli.options import Start, takes
from emotion_cli.cli.output import write_lines
from emotion_cli.errors import UsageError

SUFFIX = ".duckdb"

File = Annotated[
    Path | None, typer.Argument(metavar="FILE.duckdb", help="The file; STORE/emo.duckdb if not given.", show_default=False)
]
Materialize = Annotated[bool, typer.Option("--materialize", help="Copy all rows into the file, so that it can be moved.")]
Overwrite = Annotated[bool, typer.Option("--force", help="Overwrite the file.")]


@takes("store", needs_store="yes")
def catalog(start: Start, file: File = None, materialize: Materialize = False, force: Overwrite = False) -> None:
    """Write a DuckDB file with all tables and queries, for any DuckDB client, and print its path."""
    from warehouse.database import FILE, write_database

    path = file or start.settings.store / FILE
    if path.is_dir():
        raise UsageError(f"{path}: is a folder", hint=f"emo catalog {path / FILE}")
    if path.suffix != SUFFIX:
        raise UsageError(f"{path}: the name of a DuckDB file ends in {SUFFIX}", hint=f"emo catalog {path.with_suffix(SUFFIX)}")
    if path.exists() and not force:
        raise UsageError(f"{path}: already exists", hint="--force overwrites it")
    if not path.parent.is_dir():
        raise UsageError(f"{path}: there is no folder {path.parent}", hint=f"mkdir -p {path.parent}")
    write_database(start.store, path, materialize=materialize)
    write_lines([str(path)])
