"""`emo export`: vectors as files that other programs read."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from emotion_cli.cli.options import VECTORS, Start, takes
from emotion_cli.cli.output import write_lines
from emotion_cli.errors import UsageError


class Kind(StrEnum):
    """How vectors are written."""

    safetensors = "safetensors"
    gguf = "gguf"


As = Annotated[Kind, typer.Option("--as", help="safetensors, or gguf: control vectors for llama.cpp, a file an emotion.")]
Folder = Annotated[Path, typer.Option("--output", "-o", help="Folder for the files, below it DATASET/MODEL/.", metavar="DIR")]
Normalize = Annotated[bool, typer.Option("--normalize", help="Divide each vector by its length; it cannot be imported again.")]
Overwrite = Annotated[bool, typer.Option("--force", help="Overwrite files.")]


@takes(*VECTORS, "layer", needs_store="yes")
def export(
    start: Start,
    as_: As = Kind.safetensors,
    output: Folder = Path("exports"),
    normalize: Normalize = False,
    force: Overwrite = False,
) -> None:
    """Write vectors as safetensors or as GGUF control vectors, and print the paths; vectors that are stale are made first."""
    if output.exists() and not output.is_dir():
        raise UsageError(f"--output {output} is a file; a folder is expected", hint=f"--output {output.with_suffix('')}")
    from emotion_cli import pipeline
    from emotion_cli.exchange.exporting import export_vectors

    job = pipeline.job_in_store(start.store, start.settings, start.console, vectors_suffice=True)
    pipeline.run(job, pipeline.stages("vectors", "vectors"))
    write_lines(map(str, export_vectors(job, output, as_, normalize=normalize, force=force)))
