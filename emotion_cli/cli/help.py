"""How `--help` looks: panels of commands and options that can be read at 80 columns, and examples that run."""

import shutil
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from emotion_cli.cli.examples import EXAMPLES
from emotion_cli.cli.layout import wrapped

WIDEST = 100
"""Columns of the help in a wider terminal: longer lines are hard to read."""

NARROWEST = 40
FLAGS = 0.35
"""Share of a line that flags take at most; the help of a longer one begins in the next line."""

COMMANDS = {
    "Make results": ("run", "extract", "vectors", "compare", "steer", "patch", "plot", "report", "track"),
    "Look at results": ("show", "sql", "tables", "info"),
    "Read texts": ("score", "lens", "heads"),
    "Data in and out": ("datasets", "models", "import", "export", "catalog"),
    "Look after the store": ("verify", "rm"),
}
"""The panels of `emo --help`; a command that is in none of them comes first."""

OPTIONS = {
    "What to work on": ("dataset", "on", "model", "extraction", "emotion", "layer"),
    "How directions are measured": (
        *("pooling", "recipe", "words", "method", "reference", "over_layers", "neutral", "controls", "no_controls"),
        *("seed", "draws", "all_layers", "subspaces", "lang"),
    ),
    "How a model is changed": ("alpha", "unit", "site", "positions", "prefix", "suffix", "screen", "real"),
    "How models are read": (
        *("name", "revision", "device", "dtype", "bos", "strategy", "attention", "batch_tokens", "max_length", "truncate"),
        *("chat_template", "trust_remote_code", "cache"),
    ),
    "Names of columns": (
        *("text_column", "label_column", "topic_column", "cluster_column", "label_names", "label_columns"),
        "ignore_other_columns",
    ),
    "Rows, notes and the store": (
        *("store", "format", "columns", "everything", "formulas", "output", "overwrite", "quiet", "verbose"),
    ),
}
"""The panels of a command's help, and their options; those in none of them come first."""


def help_if_alone(context: typer.Context) -> None:
    """Print the help of a group of commands where none of them is named, and exit with 0."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit


class Command(TyperCommand):
    """A command whose help is in panels."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help to the formatter."""
        formatter.write("\n".join(_page(self, ctx)))


class Group(TyperGroup):
    """A group of commands whose help is in panels."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help to the formatter."""
        formatter.write("\n".join(_page(self, ctx)))


def _page(command: Any, ctx: Any) -> list[str]:
    width = min(max(shutil.get_terminal_size().columns, NARROWEST), WIDEST)
    lines = [*wrapped(command.get_usage(ctx).replace("\n", " "), width), ""]
    for paragraph in (command.help or "").split("\n\n"):
        lines += [*wrapped(" ".join(paragraph.split()), width), ""]
    parameters = [parameter for parameter in command.get_params(ctx) if not getattr(parameter, "hidden", False)]
    arguments = [parameter for parameter in parameters if not _is_option(parameter)]
    entries = [(parameter.name.upper(), _help(parameter)) for parameter in arguments]
    lines += _panel("Arguments", _entries(entries, width), width)
    if hasattr(command, "commands"):
        shown = {
            name: [(name, " ".join((command.commands[name].help or "").split("\n\n")[0].split()))] for name in command.commands
        }
        panels = COMMANDS if ctx.parent is None else {}
        lines += _panels("Commands", panels, shown, width)
    options = {parameter.name: [(_flags(parameter), _help(parameter))] for parameter in parameters if _is_option(parameter)}
    lines += _panels("Options", OPTIONS, options, width)
    path = " ".join(ctx.command_path.split()[1:])
    examples = [
        line for about, example in EXAMPLES[path] for line in [*wrapped(f"{about}:", width - 4), *_shell(example, width - 4)]
    ]
    return [*lines, *_panel("Examples", examples, width)]


def _shell(example: str, width: int) -> list[str]:
    lines = wrapped(example, width - 4)
    # a line that goes on ends so that it can be pasted
    return [f"  {line} \\" for line in lines[:-1]] + [f"  {lines[-1]}"]


def _panels(first: str, panels: dict[str, Sequence[str]], entries: dict[str, list[tuple[str, str]]], width: int) -> list[str]:
    """A panel for what is in none of the panels, then these."""
    placed = {name for names in panels.values() for name in names}
    wanted = {first: [name for name in entries if name not in placed], **panels}
    lines: list[str] = []
    for title, names in wanted.items():
        lines += _panel(title, _entries([entry for name in names for entry in entries.get(name, ())], width), width)
    return lines


def _panel(title: str, lines: Sequence[str], width: int) -> list[str]:
    if not lines:
        return []
    corners = "╭─╮│╰╯" if _has_boxes() else "+-+|++"
    top = f"{corners[0]}{corners[1]} {title} "
    inside = [f"{corners[3]} {line.ljust(width - 4)} {corners[3]}" for line in lines]
    return [f"{top.ljust(width - 1, corners[1])}{corners[2]}", *inside, f"{corners[4]}{corners[1] * (width - 2)}{corners[5]}"]


def _has_boxes() -> bool:
    return (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"


def _entries(entries: Iterable[tuple[str, str]], width: int) -> list[str]:
    """Names and what they mean, side by side."""
    entries = list(entries)
    left = min(max((len(name) for name, _ in entries), default=0), int(FLAGS * (width - 4)))
    lines: list[str] = []
    for name, text in entries:
        said = wrapped(text, width - 4 - left - 2)
        if len(name) > left:
            lines += wrapped(name, width - 4)
            name = ""
        lines += [f"{name if i == 0 else '':{left}}  {line}" for i, line in enumerate(said)]
    return lines


def _is_option(parameter: Any) -> bool:
    return parameter.param_type_name == "option"


def _flags(parameter: Any) -> str:
    short = next((option for option in parameter.opts if not option.startswith("--")), "")
    long = next((option for option in parameter.opts if option.startswith("--")), "")
    if any(option == f"--no-{long[2:]}" for option in parameter.secondary_opts):
        long = f"--[no-]{long[2:]}"
    value = "" if parameter.is_flag else f" {parameter.metavar or parameter.name.rpartition('_')[2].upper()}"
    return f"{f'{short}, ' if short else '    '}{long}{value}"


def _help(parameter: Any) -> str:
    """What a parameter means, with its default; a flag is off unless it is given."""
    text = parameter.help or ""
    default = parameter.default
    if default is None or default is False or callable(default) or default == () or "Default:" in text:
        return f"{text} Required." if parameter.required else text
    return f"{text} Default: {getattr(default, 'value', default)}."
