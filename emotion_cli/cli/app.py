"""The Typer app, and `main`: the only place where errors become exit codes."""

import os
import shlex
import signal
import sys
import traceback
from typing import Annotated, Any

import typer

from emotion_cli import __version__
from emotion_cli.cli import datasets, models
from emotion_cli.cli.catalog import catalog
from emotion_cli.cli.compare import compare
from emotion_cli.cli.console import Console
from emotion_cli.cli.export import export
from emotion_cli.cli.extract import extract
from emotion_cli.cli.heads import heads
from emotion_cli.cli.help import Command, Group, help_if_alone
from emotion_cli.cli.import_ import import_
from emotion_cli.cli.info import info
from emotion_cli.cli.lens import lens
from emotion_cli.cli.next_step import mended, store_of
from emotion_cli.cli.output import write_lines
from emotion_cli.cli.patch import patch
from emotion_cli.cli.plot import plot
from emotion_cli.cli.report import report
from emotion_cli.cli.rm import rm
from emotion_cli.cli.run import run
from emotion_cli.cli.score import score
from emotion_cli.cli.show import show
from emotion_cli.cli.sql import sql
from emotion_cli.cli.steer import steer
from emotion_cli.cli.tables import tables
from emotion_cli.cli.track import track
from emotion_cli.cli.usage import usage_error
from emotion_cli.cli.vectors import vectors
from emotion_cli.cli.verify import verify
from emotion_cli.errors import EmoError, ExitCode
from warehouse.errors import NameInvalidError, NotInStoreError, QueryError, StoreError

app = typer.Typer(
    name="emo",
    cls=Group,
    pretty_exceptions_enable=False,
    help="Find emotion directions in language models, measure them against their nulls, and query them with SQL.",
)
for command in (run, extract, vectors, compare, steer, patch, plot, track, report, show, score, lens, heads):
    app.command(cls=Command)(command)
for command in (sql, tables, catalog, export, verify, rm, info):
    app.command(cls=Command)(command)
app.command("import", cls=Command)(import_)
app.add_typer(datasets.app, name="datasets")
app.add_typer(models.app, name="models")

STORE_ERRORS = {NotInStoreError: ExitCode.MISSING, QueryError: ExitCode.USAGE, NameInvalidError: ExitCode.USAGE}
"""Exit codes of the store's errors, by class; all others are failures."""


def _version(is_requested: bool) -> None:
    if is_requested:
        write_lines([f"emo {__version__}"])
        raise typer.Exit


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the Python traceback of errors.")] = False,
) -> None:
    """Options before the command."""
    help_if_alone(context)


def main() -> None:
    """Run the command line; exits with a code of `ExitCode`."""
    # a batch system's SIGTERM ends a command as Ctrl-C does
    signal.signal(signal.SIGTERM, _interrupt)
    sys.exit(_exit_code(sys.argv[1:]))


def _interrupt(number: int, frame: Any) -> None:
    raise KeyboardInterrupt


def _exit_code(arguments: list[str]) -> int:
    debug = "--debug" in arguments
    # the flag may stand anywhere on the line
    arguments = [*(["--debug"] if debug else []), *(argument for argument in arguments if argument != "--debug")]
    command = typer.main.get_command(app)
    try:
        code = command.main(arguments, prog_name="emo", standalone_mode=False) or ExitCode.OK
        if code == ExitCode.INTERRUPTED:  # what Typer makes of a KeyboardInterrupt
            raise KeyboardInterrupt
        return code
    except BrokenPipeError:
        # the reader (`| head`) has seen enough; keep the interpreter from flushing into the closed pipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.OK
    except (typer.Abort, KeyboardInterrupt):
        Console().error("interrupted; finished parts are kept", hint=f"to resume: {shlex.join(['emo', *arguments])}")
        return ExitCode.INTERRUPTED
    except typer.TyperException as error:
        return _reported(usage_error(error, arguments, command), arguments)
    except Exception as error:
        if debug:
            traceback.print_exc()
        return _reported(error, arguments)


def _reported(error: Exception, arguments: list[str]) -> int:
    console = Console(store=store_of(arguments))
    if isinstance(error, EmoError):
        console.error(str(error), (mended(arguments, *error.instead) if error.instead else None) or error.hint)
        return error.exit_code
    if isinstance(error, StoreError):
        console.error(str(error), error.hint)
        return STORE_ERRORS.get(type(error), ExitCode.FAILED)
    if isinstance(error, MemoryError):
        console.error(f"not enough memory: {error}".removesuffix(": "), hint="free memory, then rerun the command")
        return ExitCode.FAILED
    kind = type(error).__name__
    console.error(f"{kind}: {error}", hint="rerun it with --debug to see where, and please report it as a bug")
    return ExitCode.FAILED
