"""What Typer refuses, said in the words of all other errors: the place, the value, what was probably meant, the next command."""

import re
import shlex
from collections.abc import Sequence
from typing import Any

import typer

from emotion_cli.errors import UsageError
from emotion_cli.suggestions import did_you_mean, nearest, unknown

_WORDING = {
    r"No such command '(?P<value>.*?)'\..*": "{value!r} is no command of {path}",
    r"Got unexpected extra argument\(s\) \((?P<value>.*)\)": "{path}: {value!r} is too much; quote a text with blanks",
    r"Option '(?P<value>.*)' requires an argument\.": "{value}: a value is missing",
    r"Option '(?P<value>.*)' does not take a value\.": "{value}: it takes no value",
}
"""What each message of Typer becomes."""


SHORT = {"-m": "model", "-d": "dataset"}
"""The settings of short options that some commands take as arguments."""


def usage_error(error: typer.TyperException, arguments: Sequence[str], app: Any) -> UsageError:
    """The error of a command line that Typer cannot read, with the help of the command that was meant as the next step."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else _path(arguments, app)
    hint = f"{path} --help"
    parameters = context.command.params if context is not None else []
    if option := getattr(error, "option_name", None) if type(error).__name__ == "NoSuchOption" else None:
        return _of_option(option, parameters, path, arguments, app)
    if (parameter := getattr(error, "param", None)) is not None:
        return _of_parameter(error, parameter, path, hint)
    for pattern, wording in _WORDING.items():
        if match := re.fullmatch(pattern, error.message, re.DOTALL):
            value = match.groupdict().get("value", "")
            commands = getattr(context.command, "commands", {}) if context is not None else {}
            meant = nearest(value, commands)
            message = wording.format(value=value, path=path) + did_you_mean(value, commands)
            return UsageError(message, hint=hint, instead=(value, meant) if meant else None)
    return UsageError(error.format_message(), hint=hint)


def _of_option(option: str, parameters: Sequence[Any], path: str, arguments: Sequence[str], app: Any) -> UsageError:
    """The error of an option that a command does not have: it may be its argument, or belong behind the command."""
    place = next((i for i, word in enumerate(arguments) if word.partition("=")[0] == option), None)
    if place is not None:
        value, behind = _value_at(arguments, place)
        before = arguments[:place]
        name = SHORT.get(option, option.lstrip("-"))
        if any(parameter.name == name and not parameter.opts[0].startswith("-") for parameter in parameters):
            hint = shlex.join(["emo", *before, *value, *behind])
            return UsageError(f"{option}: {path} takes {name.upper()} as an argument, without an option", hint=hint)
        if " " not in path and any(option in parameter.opts for parameter in _named(behind, app)[-1].params):
            hint = shlex.join(["emo", *before, *behind, option, *value])
            return UsageError(f"{option}: it belongs behind the command", hint=hint)
    known = [flag for parameter in parameters for flag in (*parameter.opts, *parameter.secondary_opts) if flag[:1] == "-"]
    # the dashes are alike in all of them
    named = {flag.lstrip("-"): flag for flag in [*known, "--help"]}
    meant = named.get(nearest(option.lstrip("-"), named) or "")
    said = f"; did you mean {meant}?" if meant else ""
    return UsageError(
        f"{option}: no such option of {path}{said}", hint=f"{path} --help", instead=(option, meant) if meant else None
    )


def _value_at(arguments: Sequence[str], place: int) -> tuple[Sequence[str], Sequence[str]]:
    """The value of the option at a place, in a list, and what follows it."""
    _, equals, value = arguments[place].partition("=")
    return ([value], arguments[place + 1 :]) if equals else (arguments[place + 1 : place + 2], arguments[place + 2 :])


def _path(arguments: Sequence[str], app: Any) -> str:
    """The command that a command line begins with."""
    return " ".join(["emo", *(command.name for command in _named(arguments, app)[1:])])


def _named(arguments: Sequence[str], app: Any) -> list[Any]:
    """The app and the commands that a command line names, each within the one before."""
    commands = [app]
    for argument in arguments:
        if argument in (within := getattr(commands[-1], "commands", {})):
            commands.append(within[argument])
    return commands


def _of_parameter(error: typer.TyperException, parameter: Any, path: str, hint: str) -> UsageError:
    is_option = parameter.opts[0].startswith("-")
    name = max(parameter.opts, key=len) if is_option else parameter.name.upper()
    if type(error).__name__ == "MissingParameter":
        return UsageError(f"{path}: {name} is missing", hint=hint)
    choice = re.search(r"'(?P<value>.*)' is not one of (?P<known>'.*')", error.message)
    if choice:
        return unknown(name, choice["value"], re.findall(r"'(.*?)'", choice["known"]), hint=hint)
    kind = "a whole number is expected" if "valid integer" in error.message else error.message
    return UsageError(f"{name}: {kind}", hint=hint)
