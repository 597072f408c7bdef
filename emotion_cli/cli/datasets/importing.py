"""`emo datasets validate` and `emo datasets import`."""

from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

from emotion_cli.cli.datasets.columns import names_columns
from emotion_cli.cli.options import Start, takes
from emotion_cli.errors import UsageError
from emotion_cli.settings import Settings
from emotion_cli.suggestions import unknown
from emotion_cli.wording import counted

if TYPE_CHECKING:
    from emotion_cli.prompts.prompt_set import PromptSet
    from emotion_cli.prompts.reading.columns import Columns

Files = Annotated[
    list[Path],
    typer.Argument(
        help="Prompts as .jsonl, .csv, .tsv, .parquet or .json, or a folder of such files: text, emotion (or label), "
        "and if known topic, cluster and lang.",
        show_default=False,
    ),
]
DatasetName = Annotated[str | None, typer.Option("--dataset", "-d", help="Name of the set.", show_default=False)]
SetReference = Annotated[
    str | None, typer.Option("--reference", help="The reference: the label that the others are compared with.")
]
AcceptLabels = Annotated[
    bool, typer.Option("--accept-labels", help="Accept labels, topics and texts that look alike as different.")
]
Replace = Annotated[
    bool,
    typer.Option("--replace", help="Let the set take the name of a set that ships, in this store, until it is removed."),
]
SeveralLabels = Annotated[
    str, typer.Option("--several-labels", help="What becomes of texts under more than one label: refuse, or drop.")
]
Role = Annotated[str, typer.Option("--role", help="train, or test: a test set never makes a vector.")]


@takes("quiet")
@names_columns
def validate(
    start: Start,
    columns: "Columns",
    files: Files,
    role: Role = "train",
    reference: SetReference = None,
    accept_labels: AcceptLabels = False,
    several_labels: SeveralLabels = "refuse",
) -> None:
    """Check files of prompts and name every fault with its line; imports nothing."""
    prompt_set = _read(start, files, files[0].stem, role, reference, columns, several_labels, accept_labels=accept_labels)
    start.console.note(f"{' '.join(map(str, files))}: {_summary(prompt_set)}; no fault was found")


@takes("store", "quiet")
@names_columns
def import_(
    start: Start,
    columns: "Columns",
    files: Files,
    dataset: DatasetName = None,
    role: Role = "train",
    reference: SetReference = None,
    accept_labels: AcceptLabels = False,
    several_labels: SeveralLabels = "refuse",
    replace: Replace = False,
) -> None:
    """Import files of prompts as one set; if anything is at fault, all faults are named and nothing is imported."""
    console = start.console
    from warehouse.store import table_of

    if not dataset:
        given = " ".join(map(str, files))
        raise UsageError("--dataset: a name is needed for the set", hint=f"emo datasets import {given} --dataset {files[0].stem}")
    _refuse_shipped(dataset, replace=replace)
    prompt_set = _read(start, files, dataset, role, reference, columns, several_labels, accept_labels=accept_labels)
    partition = start.store.partition("prompts", dataset=dataset, prompts_sha256=prompt_set.sha256)
    with partition.hold():
        entry = partition.write([table_of("prompts", prompt_set.columns())])
        partition.commit([entry], {"source": ", ".join(file.name for file in files)})
    copies = sum(prompt.n_copies - 1 for prompt in prompt_set.prompts)
    repeated = f"; {copies} repeated rows are kept once, with their count" if copies else ""
    console.note(f"imported {dataset}: {_summary(prompt_set)}{repeated}; {_next(prompt_set, reference, start.settings)}")
    if replace:
        console.note(f"in this store {dataset} now means this set, not the set that ships; emo rm --dataset {dataset} undoes it")


def _read(
    start: Start,
    files: list[Path],
    name: str,
    role: str,
    reference: str | None,
    columns: "Columns",
    several_labels: str,
    *,
    accept_labels: bool,
) -> "PromptSet":
    from emotion_cli.prompts.prompt_set import SEVERAL_LABELS
    from emotion_cli.prompts.reading import read_prompt_set

    if several_labels not in SEVERAL_LABELS:
        raise unknown("--several-labels", several_labels, SEVERAL_LABELS)
    return read_prompt_set(
        files,
        name,
        role=role,
        reference=reference,
        columns=columns,
        accept_labels=accept_labels,
        note=start.console.note,
        several_labels=several_labels,
    )


def _refuse_shipped(dataset: str, *, replace: bool) -> None:
    """UsageError for the name of a set that ships, unless it is to be replaced, and for a name that only looks like it."""
    from emotion_cli.prompts.alike import meanings
    from emotion_cli.prompts.shipped import shipped_sets

    if replace and dataset not in shipped_sets():
        raise UsageError(f"--replace: no set that ships is called {dataset}", hint="emo datasets list shows them")
    if replace:
        return
    for shipped in shipped_sets():
        if dataset == shipped:
            raise UsageError(
                f"{dataset} is the name of a set that ships with emo",
                hint=f"emo datasets import FILE --dataset my-{dataset}; with --replace the new set takes that name in this store",
            )
        if shipped in meanings(dataset):
            raise UsageError(f"the name {dataset!a} looks like {shipped}, which ships with emo", hint="choose another name")


def _summary(prompt_set: "PromptSet") -> str:
    n_clusters = len({prompt.cluster for prompt in prompt_set.prompts} - {None})
    clusters = f", {counted(n_clusters, 'cluster')}" if n_clusters else ""
    return (
        f"{counted(len(prompt_set.prompts), 'prompt')}, labels {', '.join(prompt_set.emotions)}{clusters}, role {prompt_set.role}"
    )


def _next(prompt_set: "PromptSet", given: str | None, settings: Settings) -> str:
    """The next step; a set without the reference label can only measure its labels against one another."""
    from emotion_cli.prompts.alike import meanings

    command, reference = f"emo run -d {quote(prompt_set.name)}", given or settings.neutral
    if prompt_set.role == "test":
        return f"a test set makes no vectors; next: emo extract -d {quote(prompt_set.name)}"
    if reference not in prompt_set.emotions:
        # a label that only looks like the usual reference is named
        meant = next((label for label in prompt_set.emotions if set(meanings(label)) & set(meanings(reference))), None)
        if meant:
            return f"{meant!r} is used as the reference; next: {command} --reference {quote(meant)} --neutral {quote(meant)}"
        return (
            f"no label is {reference!r}: name one with --reference LABEL --neutral LABEL, or measure each label against "
            f"the rest; next: {command} --reference others"
        )
    words = "" if reference == settings.neutral == settings.reference else f" --reference {reference} --neutral {reference}"
    return f"next: {command}{words}"
