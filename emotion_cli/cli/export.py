"""`emo export`: vectors as files that other programs read."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from emotion_cli.cli import options as o
from emotion_cli.cli.output import write_lines
from emotion_cli.errors import UsageError


class Kind(StrEnum):
    """How vectors are written."""

    safetensors = "safetensors"
    gguf = "gguf"


As = Annotated[Kind, typer.Option("--as", help="safetensors, or gguf: control vectors for llama.cpp, a file an emotion.")]
Folder = Annotated[Path, typer.Option("--output", "-o", help="Folder for the files, below it DATASET/MODEL/.", metavar="DIR")]
Normalize = Annotated[bool, typer.Option("--normalize", help="Divide each vector by its length; it cannot be imported again.")]
Overwrite = Annotated[bool, typer.Option("--force", help="Write files again that are there.")]


def export(
    recipe: o.Recipe = None,
    as_: As = Kind.safetensors,
    output: Folder = Path("exports"),
    dataset: o.Dataset = None,
    model: o.Model = None,
    emotion: o.Emotion = None,
    layer: o.Layer = None,
    pooling: o.Pooling = None,
    method: o.Method = None,
    reference: o.Reference = None,
    over_layers: o.OverLayers = None,
    neutral: o.Neutral = None,
    extraction: o.Extraction = None,
    normalize: Normalize = False,
    store: o.StoreDir = None,
    force: Overwrite = False,
    quiet: o.Quiet = False,
    verbose: o.Verbose = False,
) -> None:
    """Write vectors as safetensors or as GGUF control vectors, and print the paths; vectors that are stale are made first."""
    if output.exists() and not output.is_dir():
        raise UsageError(f"--output {output}: is a file; a folder is expected", hint=f"--output {output.with_suffix('')}")
    settings, console, opened = o.start(
        reads=True,
        quiet=quiet,
        verbose=verbose,
        recipe=recipe,
        dataset=dataset,
        model=model,
        emotion=emotion,
        layer=layer,
        pooling=pooling,
        method=method,
        reference=reference,
        over_layers=over_layers,
        neutral=neutral,
        extraction=extraction,
        store=store,
    )
    from emotion_cli import pipeline
    from emotion_cli.exchange.exporting import export_vectors

    job = pipeline.job_in_store(opened, settings, console, vectors_suffice=True)
    pipeline.run(job, pipeline.stages("vectors", "vectors"))
    write_lines(map(str, export_vectors(job, output, as_, normalize=normalize, force=force)))
