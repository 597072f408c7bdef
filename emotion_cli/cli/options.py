"""A command's options, each built from its declaration, and its start: settings, console, store."""

import inspect
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial, wraps
from inspect import Parameter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Concatenate, Literal, ParamSpec

import typer

from emotion_cli.cli.completion import SUGGESTIONS
from emotion_cli.cli.console import Console
from emotion_cli.cli.layout import Fit
from emotion_cli.cli.output import Format, Rows, format_of
from emotion_cli.errors import MissingError
from emotion_cli.settings import SETTINGS, TYPES, Layers, Names, Settings, flag_of, resolve
from emotion_cli.suggestions import did_you_mean

if TYPE_CHECKING:
    from warehouse.store import Store

Rest = ParamSpec("Rest")

VECTORS = (
    *("dataset", "model", "extraction", "emotion", "pooling", "recipe", "method", "reference", "over_layers", "neutral"),
    *("store", "quiet", "verbose"),
)
"""Options of commands that work on stored extractions and their vectors."""

EXTRACTION = (
    *("dataset", "model", "name", "layer", "pooling", "recipe", "words", "revision", "device", "dtype", "bos", "strategy"),
    *("attention", "batch_tokens", "max_length", "truncate", "chat_template", "trust_remote_code", "cache", "store"),
    *("format", "columns", "everything", "quiet", "verbose"),
)
"""Options of commands that run models over prompts."""

REDO = typer.Option(False, "--force", help="Redo the work even if it is up to date, and let --output overwrite a file.")

ROWS = ("format", "columns", "everything", "formulas", "output", "overwrite")
"""Options of commands that print one table."""

MODEL_TO_RUN = "Hub id, folder, .gguf file or alias, repeatable; the embedded models if not given."

Force = Annotated[bool, typer.Option("--force", help="Redo the work even if it is up to date.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print what would be done and why, and do nothing.")]

OF_ROWS_AND_NOTES: dict[str, tuple[Any, Any]] = {
    "format": (
        Format | None,
        typer.Option(
            None,
            "--format",
            "-f",
            show_default=False,
            metavar="FORMAT",
            help=f"How rows are written: {', '.join(Format)}; table and markdown round. "
            "If not given, the ending of --output says it, else table.",
        ),
    ),
    "columns": (
        str | None,
        typer.Option(None, "--columns", metavar="NAME,NAME", help="Only these columns, in this order.", show_default=False),
    ),
    "everything": (
        bool,
        typer.Option(False, "--all", help="In a table, leave out no column and no row, however narrow the terminal is."),
    ),
    "formulas": (
        bool,
        typer.Option(False, "--formulas", help="In csv and tsv, do not guard texts that begin like a spreadsheet formula."),
    ),
    "output": (
        Path | None,
        typer.Option(
            None,
            "--output",
            "-o",
            metavar="FILE",
            help="Write rows to this file, in the format of its ending: "
            ".csv, .tsv, .json, .jsonl, .md, .parquet, or .txt (table).",
        ),
    ),
    "overwrite": (bool, typer.Option(False, "--force", help="Let --output overwrite a file.")),
    "quiet": (bool, typer.Option(False, "--quiet", "-q", help="Print errors only.")),
    "verbose": (bool, typer.Option(False, "--verbose", "-v", help="Also list what is up to date.")),
}
"""Options that are not settings: how rows are written, and how many notes are printed; type and declaration by name."""


@dataclass(frozen=True)
class Start:
    """What every command starts with; settings are resolved, and the store is imported, at the first use."""

    flags: Mapping[str, Any]
    console: Console
    rows: Rows
    is_forced: bool = False
    arguments: Sequence[str] = ()
    """Settings that the command takes as arguments, without an option."""

    @cached_property
    def settings(self) -> Settings:
        """The settings of this run."""
        settings = resolve(self.flags)
        given = {name: name.upper() for name in self.arguments if settings.sources.get(name) == flag_of(name)}
        return replace(settings, sources={**settings.sources, **given})

    @cached_property
    def store(self) -> "Store":
        """The store that the settings name."""
        from warehouse.store import Store

        return Store(self.settings.store)


def takes(
    *names: str, needs_store: Literal["no", "if named", "yes"] = "no", **instead: Any
) -> Callable[[Callable[Concatenate[Start, Rest], None]], Callable[..., None]]:
    """Give a command, whose first parameter is `start: Start`, the options of these names.

    `instead` holds what an option means to this command where that differs: a declaration of Typer's, or a setting's help.
    MissingError where a command needs a store and none is there; `if named` asks that only of a store named by --store.
    """
    settings = [_of_setting(name, instead.get(name)) for name in SETTINGS if name in names]
    declared = [
        _parameter(name, kind, instead.get(name, declaration))
        for name, (kind, declaration) in OF_ROWS_AND_NOTES.items()
        if name in names
    ]
    if unknown := set(names) - SETTINGS.keys() - OF_ROWS_AND_NOTES.keys():
        raise TypeError(f"no such options: {unknown}")
    arguments = [name for name, declaration in instead.items() if isinstance(declaration, typer.models.ArgumentInfo)]
    return lambda command: expanded(command, "start", partial(_start, needs_store, arguments), settings, declared)


def expanded(
    command: Callable[..., None],
    name: str,
    make: Callable[..., Any],
    before: Sequence[Parameter],
    after: Sequence[Parameter] = (),
) -> Callable[..., None]:
    """The command with other parameters, before and after the rest, from which `make` makes the value of that name."""
    remaining = [parameter for parameter in inspect.signature(command).parameters.values() if parameter.name != name]
    made_of = [parameter.name for parameter in (*before, *after)]

    @wraps(command)
    def run(**given: Any) -> None:
        made = make(**{part: given.pop(part) for part in made_of})
        command(**{name: made}, **given)

    parameters = [parameter.replace(kind=Parameter.KEYWORD_ONLY) for parameter in (*before, *remaining, *after)]
    run.__dict__["__signature__"] = inspect.Signature(parameters)
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run


def refuse_no_store(settings: Settings) -> None:
    """MissingError when there is no folder at the store's place: nothing can be read from it, and a name may be mistyped."""
    if settings.store.exists():
        return
    beside = [path.name for path in settings.store.parent.iterdir() if path.is_dir()] if settings.store.parent.is_dir() else []
    meant = did_you_mean(settings.store.name, sorted(beside))
    source = settings.sources.get("store", "--store")
    hint = f"give one with --store DIR, or make it: emo run --store {shlex.quote(str(settings.store))}"
    raise MissingError(f"{source}: there is no store at {settings.store}{meant}", hint=hint)


def _start(
    needs_store: str,
    arguments: Sequence[str],
    *,
    quiet: bool = False,
    verbose: bool = False,
    format: Format | None = None,
    columns: str | None = "",
    everything: bool = False,
    formulas: bool | None = None,
    output: Path | None = None,
    overwrite: bool = False,
    **flags: Any,
) -> Start:
    """What a command starts with, from the command line's values."""
    console = Console(quiet=quiet, verbose=verbose, store=flags.get("store"))
    rows = Rows(
        format_of(format, output, force=overwrite),
        output,
        # a command without --formulas does not name it
        formulas=formulas,
        note=console.note,
        columns=[name.strip() for name in columns.split(",")] if columns else (),
        everything=everything,
        # a command without --columns does not name it
        ways=Fit.ways if columns != "" else Fit.ways[1:],
    )
    start = Start(flags, console, rows, is_forced=overwrite, arguments=arguments)
    if needs_store == "yes" or (needs_store == "if named" and flags["store"] is not None):
        refuse_no_store(start.settings)
    return start


def _of_setting(name: str, instead: Any) -> Parameter:
    is_list = TYPES[name] in (Names, Layers)
    if instead is None or isinstance(instead, str):
        flag, metadata = flag_of(name), SETTINGS[name].metadata
        if TYPES[name] is bool:
            flag += f"/--no-{flag.removeprefix('--')}"
        flags = [flag, *filter(None, [metadata["short"]])]
        is_number = TYPES[name] in (int, int | None)
        instead = typer.Option(
            None,
            *flags,
            help=instead or _help(name),
            metavar=metadata["metavar"] or ("N" if is_number else name.rpartition("_")[2].upper()),
            autocompletion=SUGGESTIONS.get(name),
        )
    return _parameter(name, list[str] | None if is_list else _KINDS.get(TYPES[name], TYPES[name]) | None, instead)


_KINDS: dict[Any, Any] = {int: str, int | None: str}
"""Numbers are read by `emotion_cli.settings`, which says where a wrong one stands."""


def _parameter(name: str, kind: Any, declared: Any) -> Parameter:
    return Parameter(name, Parameter.KEYWORD_ONLY, default=declared, annotation=kind)


def _help(name: str) -> str:
    declared = SETTINGS[name]
    doc, choices, otherwise = (declared.metadata[key] for key in ("doc", "choices", "otherwise"))
    text = f"{doc[0].upper()}{doc[1:]}"
    text += "" if all(choice in doc for choice in choices) else f": {', '.join(choices)}"
    text += ", repeatable" if TYPES[name] == Names else ""
    if otherwise:
        return f"{text}; {otherwise} if not given."
    has_default = declared.default not in (None, ()) and declared.default is not False
    return f"{text}. Default: {declared.default}." if has_default else f"{text}."
