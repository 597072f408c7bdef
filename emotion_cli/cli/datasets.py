"""`emo datasets`: the prompt sets."""

from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

from emotion_cli.cli import options as o
from emotion_cli.cli.output import Format, format_of, write_heading, write_records, write_rows
from emotion_cli.errors import CheckFailedError, UsageError
from emotion_cli.settings import Settings
from emotion_cli.wording import counted

if TYPE_CHECKING:
    from emotion_cli.prompts.prompt_set import PromptSet
    from emotion_cli.prompts.reading.columns import Columns

app = typer.Typer(name="datasets", no_args_is_help=True, help="List, show, validate, import and audit prompt sets.")

Files = Annotated[
    list[Path],
    typer.Argument(
        help="Prompts as .jsonl, .csv, .tsv, .parquet or .json, or a folder of such files: text, emotion (or label), "
        "and if known topic and lang.",
        show_default=False,
    ),
]
Name = Annotated[str, typer.Argument(help="The dataset's name, or a file or folder of prompts.")]
SetReference = Annotated[
    str | None, typer.Option("--reference", help="The label that the others are to be measured against: one of the set.")
]
TextColumn = Annotated[str | None, typer.Option("--text-column", help="The column or key that holds texts, if not `text`.")]
LabelColumn = Annotated[
    str | None, typer.Option("--label-column", help="The column or key that holds labels, if not `emotion` or `label`.")
]
TopicColumn = Annotated[str | None, typer.Option("--topic-column", help="The column or key that holds topics, if not `topic`.")]
LabelNames = Annotated[
    str | None,
    typer.Option(
        "--label-names", metavar="FILE|A,B,C", help="Labels are numbers from 0: their names, or a file with one a line."
    ),
]
LabelColumns = Annotated[
    str | None,
    typer.Option("--label-columns", metavar="A,B,C", help="Each label is a column of 0 and 1: the columns; a row has one label."),
]
IgnoreOthers = Annotated[
    bool,
    typer.Option("--ignore-other-columns", help="Leave out columns and keys that are not known, which are faults otherwise."),
]
AcceptLabels = Annotated[
    bool, typer.Option("--accept-labels", help="Take labels, topics and texts that look alike for different ones, as they stand.")
]
Replace = Annotated[
    bool,
    typer.Option("--replace", help="Let the set stand for the one of that name that ships, in this store, until it is removed."),
]
Role = Annotated[str, typer.Option("--role", help="train, or test: a test set never makes a vector.")]


@app.command("list")
def list_(store: o.StoreDir = None, format: o.RowFormat = None) -> None:
    """List the sets that ship and those in the store, with their labels and sizes."""
    _, _, opened = o.start(store=store, reads=store is not None)
    from emotion_cli.job.datasets import known_datasets, newest_version
    from emotion_cli.prompts.shipped import shipped_prompt_set, shipped_sets

    rows = []
    for name in known_datasets(opened):
        version = newest_version(opened, name)
        partition = opened.partition("prompts", dataset=name, prompts_sha256=version.prompts_sha256)
        stored = partition.manifest() is not None
        columns = partition.read(["emotion"]).to_pydict() if stored else shipped_prompt_set(name).columns()
        rows.append(
            {
                "dataset": name,
                "role": version.role,
                "prompts": len(columns["emotion"]),
                "emotions": ", ".join(sorted(set(columns["emotion"]))),
                "in_store": stored,
                "about": shipped_sets()[name].about if name in shipped_sets() else "imported",
            }
        )
    write_records(rows, format_of(format))


@app.command()
def show(
    dataset: Name,
    store: o.StoreDir = None,
    format: o.RowFormat = None,
    formulas: o.Formulas = False,
    output: o.Output = None,
    text_column: TextColumn = None,
    label_column: LabelColumn = None,
    topic_column: TopicColumn = None,
    label_names: LabelNames = None,
    label_columns: LabelColumns = None,
    ignore_other_columns: IgnoreOthers = False,
    force: o.Overwrite = False,
) -> None:
    """Print the prompts of a set: its newest version in the store, else as it ships; or those of a file."""
    format = format_of(format, output, force=force)
    _, console, opened = o.start(store=store, reads=store is not None)
    from emotion_cli.job.datasets import newest_version
    from emotion_cli.prompts.reading import READERS, read_prompt_set
    from emotion_cli.prompts.shipped import shipped_prompt_set
    from warehouse.store import table_of

    columns = ["emotion", "topic", "text", "n_copies"]
    if Path(dataset).suffix.lower() in READERS or Path(dataset).is_dir():
        asked = _columns(text_column, label_column, topic_column, label_names, label_columns, ignore_other_columns)
        prompt_set = read_prompt_set([Path(dataset)], dataset, columns=asked, accept_labels=True, note=console.note)
        rows = table_of("prompts", prompt_set.columns()).select(columns)
        write_rows(rows, format, output, formulas=formulas, note=console.note)
        return
    version = newest_version(opened, dataset)
    partition = opened.partition("prompts", dataset=dataset, prompts_sha256=version.prompts_sha256)
    if partition.manifest() is None:
        rows = table_of("prompts", shipped_prompt_set(dataset).columns()).select(columns)
    else:
        rows = partition.read(columns)
    write_rows(rows, format, output, formulas=formulas, note=console.note)


@app.command()
def validate(
    files: Files,
    role: Role = "train",
    reference: SetReference = None,
    text_column: TextColumn = None,
    label_column: LabelColumn = None,
    topic_column: TopicColumn = None,
    label_names: LabelNames = None,
    label_columns: LabelColumns = None,
    ignore_other_columns: IgnoreOthers = False,
    accept_labels: AcceptLabels = False,
    quiet: o.Quiet = False,
) -> None:
    """Check files of prompts and name every fault with its line; imports nothing."""
    _, console, _ = o.start(quiet=quiet)
    from emotion_cli.prompts.reading import read_prompt_set

    columns = _columns(text_column, label_column, topic_column, label_names, label_columns, ignore_other_columns)
    prompt_set = read_prompt_set(
        files, files[0].stem, role=role, reference=reference, columns=columns, accept_labels=accept_labels, note=console.note
    )
    console.note(f"{' '.join(map(str, files))}: {_summary(prompt_set)}; no fault was found")


@app.command("import")
def import_(
    files: Files,
    dataset: Annotated[str | None, typer.Option("--dataset", "-d", help="Name of the set.", show_default=False)] = None,
    role: Role = "train",
    reference: SetReference = None,
    text_column: TextColumn = None,
    label_column: LabelColumn = None,
    topic_column: TopicColumn = None,
    label_names: LabelNames = None,
    label_columns: LabelColumns = None,
    ignore_other_columns: IgnoreOthers = False,
    accept_labels: AcceptLabels = False,
    replace: Replace = False,
    store: o.StoreDir = None,
    quiet: o.Quiet = False,
) -> None:
    """Import files of prompts as one set; if anything is at fault, all faults are named and nothing is imported."""
    settings, console, opened = o.start(store=store, quiet=quiet)
    from emotion_cli.prompts.reading import read_prompt_set
    from warehouse.store import table_of

    if not dataset:
        given = " ".join(map(str, files))
        raise UsageError("--dataset: a name is needed for the set", hint=f"emo datasets import {given} --dataset {files[0].stem}")
    _refuse_shipped(dataset, replace=replace)
    columns = _columns(text_column, label_column, topic_column, label_names, label_columns, ignore_other_columns)
    prompt_set = read_prompt_set(
        files, dataset, role=role, reference=reference, columns=columns, accept_labels=accept_labels, note=console.note
    )
    partition = opened.partition("prompts", dataset=dataset, prompts_sha256=prompt_set.sha256)
    with partition.hold():
        entry = partition.write([table_of("prompts", prompt_set.columns())])
        partition.commit([entry], {"source": ", ".join(file.name for file in files)})
    copies = sum(prompt.n_copies - 1 for prompt in prompt_set.prompts)
    repeated = f"; {copies} repeated rows are kept once, with their count" if copies else ""
    console.note(f"imported {dataset}: {_summary(prompt_set)}{repeated}; {_next(prompt_set, reference, settings)}")
    if replace:
        console.note(f"in this store {dataset} is this set now, not the one that ships; emo rm --dataset {dataset} undoes it")


AUDIT_LABELS = (
    "dataset",
    "emotion",
    "n_prompts",
    "n_repeated",
    "mean_words",
    "min_words",
    "max_words",
    "final_char_share",
    "first_word_share",
    "own_word_share",
    "complete_topics_share",
)
AUDIT_PAIRS = (
    "dataset",
    "emotion_a",
    "emotion_b",
    "surface_auroc",
    "ci_low",
    "ci_high",
    "final_char_auroc",
    "n_words_auroc",
    "first_word_auroc",
    "passes",
)


@app.command()
def audit(
    dataset: Annotated[list[str] | None, typer.Argument(help="Prompt sets; all if none is given.", show_default=False)] = None,
    model: o.ModelToRun = None,
    seed: o.Seed = None,
    draws: o.Draws = None,
    cache: o.Cache = None,
    store: o.StoreDir = None,
    force: o.Force = False,
    format: o.RowFormat = None,
    quiet: o.Quiet = False,
) -> None:
    """Check whether labels can be told apart by how texts look; exit code 4 if so (machine formats: pairs of labels only)."""
    settings, console, opened = o.start(
        quiet=quiet, dataset=dataset, model=model, seed=seed, draws=draws, cache=cache, store=store
    )
    format = format_of(format)
    from emotion_cli import pipeline
    from emotion_cli.prompts.audit import verdict as audit_verdict
    from emotion_cli.stages.audit import areas_of, audit_partition, findings
    from warehouse.catalog import Catalog

    job = pipeline.job_on_prompts(opened, settings, console, forced={"audit"} if force else ())
    outcome = pipeline.run(job, pipeline.stages("audit", "audit"))
    catalog = Catalog(opened)
    names = [scope.dataset for scope in job.extractions]
    shas = [scope.prompts_sha256 for scope in job.extractions]
    if format in (Format.table, Format.markdown):
        write_heading("prompt_audit_by_emotion", format)
        write_rows(catalog.select("prompt_audit_by_emotion", AUDIT_LABELS, dataset=names, prompts_sha256=shas), format)
        if model:
            write_heading("\ntokens a prompt", format)
            write_records(pipeline.token_counts(job), format)
        write_heading("\nprompt_audit_by_pair", format)
    write_rows(catalog.select("prompt_audit_by_pair", AUDIT_PAIRS, dataset=names, prompts_sha256=shas), format)
    for task in outcome.left:
        console.detail(f"audit: {task.subject} (up to date)")
    failed = []
    for scope in job.extractions:
        partition = audit_partition(opened, scope.dataset, scope.prompts_sha256)
        for sentence in findings(partition):
            console.note(f"{scope.dataset}: {sentence}")
        verdict = audit_verdict(scope.dataset, areas_of(partition))
        console.note(verdict.text)
        failed += [] if verdict.passes else [scope.dataset]
    if failed:
        raise CheckFailedError(
            f"{', '.join(failed)}: labels differ on the surface of their texts, or may differ",
            hint="emo datasets show " + failed[0],
        )


def _columns(
    text: str | None, label: str | None, topic: str | None, names: str | None, columns: str | None, ignore_others: bool
) -> "Columns":
    from emotion_cli.prompts.reading.columns import Columns, distinct, label_names

    return Columns(
        text,
        label,
        topic,
        label_names(names) if names is not None else (),
        distinct("--label-columns", columns.split(",")) if columns is not None else (),
        ignore_others,
    )


def _refuse_shipped(dataset: str, *, replace: bool) -> None:
    """UsageError for the name of a set that ships, unless it is to be replaced, and for one that only looks like it."""
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
                hint=f"emo datasets import FILE --dataset my-{dataset}; with --replace the new set stands for {dataset} here",
            )
        if shipped in meanings(dataset):
            raise UsageError(f"the name {dataset!a} looks like {shipped}, which ships with emo", hint="choose another name")


def _summary(prompt_set: "PromptSet") -> str:
    return f"{counted(len(prompt_set.prompts), 'prompt')}, labels {', '.join(prompt_set.emotions)}, role {prompt_set.role}"


def _next(prompt_set: "PromptSet", given: str | None, settings: Settings) -> str:
    """How to go on; a set without the reference label can only measure its labels against one another."""
    from emotion_cli.prompts.alike import meanings

    command, reference = f"emo run -d {prompt_set.name}", given or settings.neutral
    if prompt_set.role == "test":
        return f"a test set makes no vectors; next: emo extract -d {prompt_set.name}"
    if reference not in prompt_set.emotions:
        # a label that only looks like the usual one is said by its name
        meant = next((label for label in prompt_set.emotions if set(meanings(label)) & set(meanings(reference))), None)
        if meant:
            return f"{meant!r} is taken for the reference; next: {command} --reference {quote(meant)} --neutral {quote(meant)}"
        return (
            f"no label is {reference!r}: name one with --reference LABEL --neutral LABEL, or measure each label against "
            f"the rest; next: {command} --reference others"
        )
    words = "" if reference == settings.neutral == settings.reference else f" --reference {reference} --neutral {reference}"
    return f"next: {command}{words}"
