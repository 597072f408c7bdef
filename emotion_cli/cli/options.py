"""The options that commands share, each declared once, and how a command starts: settings, console, store."""

import shlex
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from emotion_cli.cli.console import Console
from emotion_cli.cli.output import Format
from emotion_cli.errors import MissingError
from emotion_cli.settings import SETTINGS, Settings, resolve
from emotion_cli.suggestions import did_you_mean


def _doc(name: str) -> str:
    declared = SETTINGS[name]
    doc, choices = declared.metadata["doc"], declared.metadata["choices"]
    text = f"{doc[0].upper()}{doc[1:]}"
    if choices:
        text += f": {', '.join(choices)}"
    if declared.default not in (None, (), False):
        text += f". Default: {declared.default}" if name != "cache" else ""
    return f"{text}."


StoreDir = Annotated[Path | None, typer.Option("--store", help=_doc("store"), metavar="DIR")]
Dataset = Annotated[list[str] | None, typer.Option("--dataset", "-d", help="Prompt set, repeatable; all if not given.")]
Model = Annotated[list[str] | None, typer.Option("--model", "-m", help="Model, repeatable; all if not given.")]
ModelToRun = Annotated[
    list[str] | None,
    typer.Option("--model", "-m", help="Hub id, folder, .gguf file or alias, repeatable; the embedded models if not given."),
]
Emotion = Annotated[list[str] | None, typer.Option("--emotion", "-e", help="Label to show, repeatable; all if not given.")]
Layer = Annotated[
    list[str] | None,
    typer.Option("--layer", help="Layers, such as 0,3,5-8 or resid_pre; all if not given.", metavar="LAYERS"),
]
Pooling = Annotated[list[str] | None, typer.Option("--pooling", help="last, mean or word, repeatable.")]
Recipe = Annotated[
    str | None, typer.Option("--recipe", help="Named settings (emo info --recipes), or a .toml file of them.", metavar="NAME")
]
Words = Annotated[Path | None, typer.Option("--words", help=_doc("words"), metavar="FILE")]
Strategy = Annotated[str | None, typer.Option("--strategy", help=_doc("strategy"))]
Method = Annotated[str | None, typer.Option("--method", help=_doc("method"))]
Reference = Annotated[str | None, typer.Option("--reference", help=_doc("reference"))]
OverLayers = Annotated[str | None, typer.Option("--over-layers", help=_doc("over_layers"))]
Neutral = Annotated[str | None, typer.Option("--neutral", help=_doc("neutral"))]
Extraction = Annotated[
    list[str] | None,
    typer.Option("--extraction", help="Extraction by (the start of) its id, repeatable; the newest if not given."),
]
Name = Annotated[str | None, typer.Option("--name", help=_doc("name"))]
Revision = Annotated[str | None, typer.Option("--revision", help=_doc("revision"))]
Device = Annotated[str | None, typer.Option("--device", help=_doc("device"))]
Dtype = Annotated[str | None, typer.Option("--dtype", help=_doc("dtype"))]
Bos = Annotated[str | None, typer.Option("--bos", help=_doc("bos"))]
Attention = Annotated[str | None, typer.Option("--attention", help=_doc("attention"))]
BatchTokens = Annotated[int | None, typer.Option("--batch-tokens", help=_doc("batch_tokens"))]
MaxLength = Annotated[int | None, typer.Option("--max-length", help=_doc("max_length"))]
Truncate = Annotated[bool | None, typer.Option("--truncate/--no-truncate", help=_doc("truncate"))]
ChatTemplate = Annotated[bool | None, typer.Option("--chat-template/--no-chat-template", help=_doc("chat_template"))]
TrustRemoteCode = Annotated[
    bool | None, typer.Option("--trust-remote-code/--no-trust-remote-code", help=_doc("trust_remote_code"))
]
Cache = Annotated[Path | None, typer.Option("--cache", help=_doc("cache"), metavar="DIR")]
Seed = Annotated[int | None, typer.Option("--seed", help=_doc("seed"))]
Draws = Annotated[int | None, typer.Option("--draws", help=_doc("draws"))]
Phase = Annotated[str | None, typer.Option("--phase", help=_doc("phase"))]
TaskName = Annotated[str | None, typer.Option("--task", help=_doc("task"))]
Track = Annotated[bool, typer.Option("--track", help="Log parameters, metrics and figures to MLflow, too.")]
AllLayers = Annotated[bool | None, typer.Option("--all-layers/--no-all-layers", help=_doc("all_layers"))]
Subspaces = Annotated[bool | None, typer.Option("--subspaces/--no-subspaces", help=_doc("subspaces"))]
Force = Annotated[bool, typer.Option("--force", help="Do it again although it is up to date.")]
Overwrite = Annotated[bool, typer.Option("--force", help="Let --output write over a file that is there.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print what would be done and why, and do nothing.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say errors only.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Say what is left alone, too.")]
RowFormat = Annotated[
    Format | None,
    typer.Option(
        "--format",
        "-f",
        show_default=False,
        help="How rows are written; table and markdown round. If not given, the ending of --output says it, else table.",
    ),
]
Formulas = Annotated[
    bool,
    typer.Option("--formulas", help="In csv and tsv, leave texts that begin like a spreadsheet formula as they are."),
]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="Write rows to this file, in the format of its ending: .csv, .tsv, .json, .jsonl, .md, .parquet, or .txt (table).",
    ),
]


class Start(NamedTuple):
    """What every command begins with."""

    settings: Settings
    console: Console
    store: Any  # warehouse.store.Store, which is imported when a command runs, not when help is shown


def start(*, quiet: bool = False, verbose: bool = False, reads: bool = False, **flags: Any) -> Start:
    """Resolve the settings from a command's flags, and open its store; MissingError where it only `reads` and none is there."""
    from warehouse.store import Store

    settings = resolve(flags)
    if reads:
        refuse_no_store(settings)
    return Start(settings, Console(quiet=quiet, verbose=verbose, store=flags.get("store")), Store(settings.store))


def refuse_no_store(settings: Settings) -> None:
    """MissingError when there is no folder at the store's place: nothing can be read from it, and a name may be mistyped."""
    if settings.store.exists():
        return
    beside = [path.name for path in settings.store.parent.iterdir() if path.is_dir()] if settings.store.parent.is_dir() else []
    meant = did_you_mean(settings.store.name, sorted(beside))
    source = settings.sources.get("store", "--store")
    hint = f"name one with --store DIR, or make it: emo run --store {shlex.quote(str(settings.store))}"
    raise MissingError(f"{source}: there is no store at {settings.store}{meant}", hint=hint)
