"""`emo datasets`: the prompt sets."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from emotion_cli.cli import options as o
from emotion_cli.cli.output import Format, write_records, write_rows
from emotion_cli.errors import MissingError

if TYPE_CHECKING:
    from emotion_cli.prompts.prompt_set import PromptSet

app = typer.Typer(name="datasets", no_args_is_help=True, help="List, show, validate and import prompt sets.")

File = Annotated[Path, typer.Argument(help="Prompts as JSON lines: text, emotion, and if known topic and lang.")]
Name = Annotated[str, typer.Argument(help="The dataset's name.")]
Role = Annotated[str, typer.Option("--role", help="train, or test: a test set never makes a vector.")]


@app.command("list")
def list_(store: o.StoreDir = None, format: o.RowFormat = Format.table) -> None:
    """List the sets that ship and those in the store, with their labels and sizes."""
    _, _, opened = o.start(store=store)
    from emotion_cli.prompts.shipped import shipped_prompt_set, shipped_sets
    from emotion_cli.stages.scope import known_datasets, newest_version

    rows = []
    for name in known_datasets(opened):
        version = newest_version(opened, name)
        partition = opened.partition("prompts", dataset=name, prompts_sha256=version.prompts_sha256)
        stored = partition.manifest() is not None
        columns = partition.read(["emotion"]).to_pydict() if stored else shipped_prompt_set(name).columns()
        rows.append({
            "dataset": name,
            "role": version.role,
            "prompts": len(columns["emotion"]),
            "emotions": ", ".join(sorted(set(columns["emotion"]))),
            "in_store": stored,
            "about": shipped_sets()[name].about if name in shipped_sets() else "imported",
        })  # fmt: skip
    write_records(rows, format)


@app.command()
def show(
    dataset: Name,
    store: o.StoreDir = None,
    format: o.RowFormat = Format.table,
    formulas: o.Formulas = False,
    output: o.Output = None,
) -> None:
    """Print the prompts of a set: its newest version in the store, else as it ships."""
    _, console, opened = o.start(store=store)
    from emotion_cli.prompts.shipped import shipped_prompt_set
    from emotion_cli.stages.scope import newest_version
    from warehouse.store import table_of

    version = newest_version(opened, dataset)
    partition = opened.partition("prompts", dataset=dataset, prompts_sha256=version.prompts_sha256)
    columns = ["emotion", "topic", "text", "n_copies"]
    if partition.manifest() is None:
        rows = table_of("prompts", shipped_prompt_set(dataset).columns()).select(columns)
    else:
        rows = partition.read(columns)
    write_rows(rows, format, output, formulas=formulas, note=console.note)


@app.command()
def validate(file: File, role: Role = "train", quiet: o.Quiet = False) -> None:
    """Check a file of prompts and name every fault with its line; imports nothing."""
    _, console, _ = o.start(quiet=quiet)
    from emotion_cli.prompts.reading import read_prompt_set

    prompt_set = read_prompt_set(file, file.stem, role=role)
    console.note(f"{file}: {_summary(prompt_set)}; no fault was found")


@app.command("import")
def import_(
    file: File,
    dataset: Annotated[str | None, typer.Option("--dataset", "-d", help="Name of the set.", show_default=False)] = None,
    role: Role = "train",
    store: o.StoreDir = None,
    quiet: o.Quiet = False,
) -> None:
    """Import a file of prompts under a name; if any row is at fault, all faults are named and nothing is imported."""
    _, console, opened = o.start(store=store, quiet=quiet)
    from emotion_cli.prompts.reading import read_prompt_set
    from warehouse.store import table_of

    if not dataset:
        raise MissingError("a name is needed for the set", hint=f"emo datasets import {file} --dataset {file.stem}")
    prompt_set = read_prompt_set(file, dataset, role=role)
    partition = opened.partition("prompts", dataset=dataset, prompts_sha256=prompt_set.sha256)
    with partition.hold():
        entry = partition.write([table_of("prompts", prompt_set.columns())])
        partition.commit([entry], {"source": file.name})
    copies = sum(prompt.n_copies - 1 for prompt in prompt_set.prompts)
    repeated = f"; {copies} repeated rows are kept once, with their count" if copies else ""
    console.note(f"imported {dataset}: {_summary(prompt_set)}{repeated}; next: emo run -d {dataset}")


def _summary(prompt_set: "PromptSet") -> str:
    return f"{len(prompt_set.prompts)} prompts, labels {', '.join(prompt_set.emotions)}, role {prompt_set.role}"
