"""`emo import`: activations that another engine made, and vectors that `emo export` wrote."""

from collections.abc import Sequence
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

from emotion_cli.cli.console import Console
from emotion_cli.cli.options import Start, takes
from emotion_cli.errors import UsageError

if TYPE_CHECKING:
    from warehouse.store import Store

Files = Annotated[
    list[Path],
    typer.Argument(help="Parquet files of one extraction (docs/import.md lists the columns), or files of emo export."),
]
DatasetName = Annotated[str | None, typer.Option("--dataset", "-d", help="Prompt set that the rows are of.")]
ModelName = Annotated[str | None, typer.Option("--model", "-m", help="What the model is called in the store.")]
NLayers = Annotated[int | None, typer.Option("--n-layers", help="Decoder blocks of the model; unknown if not given.")]
Create = Annotated[bool, typer.Option("--create-dataset", help="Make the dataset from the texts, if no dataset has that name.")]
Role = Annotated[str | None, typer.Option("--role", help="Role of a dataset that is made: train (if not given) or test.")]
Dtype = Annotated[str | None, typer.Option("--dtype", help="Number format of the forward pass, if known.")]
Bos = Annotated[str | None, typer.Option("--bos", help="Rule of the beginning-of-sequence token, if known: auto, always, never.")]
Template = Annotated[
    bool | None, typer.Option("--chat-template/--no-chat-template", help="Whether prompts were wrapped as user turns, if known.")
]
Revision = Annotated[str | None, typer.Option("--revision", help="Commit of the weights on the Hub, if known.")]


@takes("store", "quiet")
def import_(
    start: Start,
    files: Files,
    dataset: DatasetName = None,
    model: ModelName = None,
    n_layers: NLayers = None,
    create_dataset: Create = False,
    role: Role = None,
    dtype: Dtype = None,
    bos: Bos = None,
    chat_template: Template = None,
    revision: Revision = None,
) -> None:
    """Import activations from Parquet files, or vectors from files of emo export; a fault is named and nothing is imported."""
    console, store = start.console, start.store
    from emotion_cli.exchange.importing import Declared, import_activations
    from emotion_cli.exchange.vector_files import ENDINGS

    if any(file.suffix.lower() in ENDINGS for file in files):
        declared = (dataset, model, n_layers, create_dataset or None, role, dtype, bos, chat_template, revision)
        _import_vectors(store, files, ENDINGS, any(value is not None for value in declared), console)
        return
    if not dataset or not model:
        raise UsageError(
            f"--{'model' if dataset else 'dataset'} is needed",
            hint=f"emo import {files[0]} --dataset {dataset or 'NAME'} --model {model or 'NAME'}",
        )
    imported = import_activations(
        store,
        files,
        dataset=dataset,
        model=model,
        create_dataset=create_dataset,
        role=role,
        listener=console,
        declared=Declared(n_layers=n_layers, dtype=dtype, bos=bos, chat_template=chat_template, revision=revision),
    )
    extraction, pairs = imported.extraction, imported.pairs
    contents = ", ".join(f"{pooling} at {len(layers)} layers" for pooling, layers in pairs.items())
    if not imported.is_new:
        console.note(f"{extraction.subject}: these activations are already in the store (extraction {extraction.extraction_id})")
        return
    depth = "" if n_layers else "; the model's depth is unknown, so there is no relative depth (--n-layers)"
    console.note(
        f"imported {extraction.subject}: {imported.n_prompts} prompts x {imported.d_model}, {contents}, "
        f"extraction {extraction.extraction_id}{depth}; next: emo vectors -d {quote(dataset)} -m {quote(model)}"
    )


def _import_vectors(store: "Store", files: list[Path], endings: Sequence[str], declared: bool, console: Console) -> None:
    from emotion_cli.exchange.importing_vectors import import_vectors

    not_vectors = [file for file in files if file.suffix.lower() not in endings]
    if not_vectors:
        raise UsageError(
            f"{not_vectors[0]}: import activations and vectors in separate commands", hint=f"emo import {not_vectors[0]}"
        )
    if declared:
        raise UsageError(
            "files of vectors state their dataset and model themselves: give only --store and --quiet",
            hint=f"emo import {files[0]}",
        )
    for extraction, n_vectors, n_new in import_vectors(store, files):
        if not n_new:
            console.note(
                f"{extraction.subject}: these {n_vectors} vectors are already in the store "
                f"(extraction {extraction.extraction_id})"
            )
            continue
        console.note(
            f"imported {extraction.subject}: {n_new} vectors, extraction {extraction.extraction_id}, without activations; "
            f"next: emo plot -d {quote(extraction.dataset)} -m {quote(extraction.model)}"
        )
