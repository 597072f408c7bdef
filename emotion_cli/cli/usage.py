"""What Typer refuses, said in the words of all other errors: the place, the value, what was probably meant, the next command."""

import re
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


def usage_error(error: typer.TyperException, arguments: Sequence[str], app: Any) -> UsageError:
    """The error of a command line that Typer cannot read, with the help of the command that was meant as the next step."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else _path(arguments, app)
    hint = f"{path} --help"
    parameters = context.command.params if context is not None else []
    if option := getattr(error, "option_name", None) if type(error).__name__ == "NoSuchOption" else None:
        known = [flag for parameter in parameters for flag in (*parameter.opts, *parameter.secondary_opts) if flag[:1] == "-"]
        # the dashes are alike in all of them
        named = {flag.lstrip("-"): flag for flag in [*known, "--help"]}
        meant = named.get(nearest(option.lstrip("-"), named) or "")
        return UsageError(f"{option}: no such option of {path}{f'; did you mean {meant}?' if meant else ''}", hint=hint)
    if (parameter := getattr(error, "param", None)) is not None:
        return _of_parameter(error, parameter, path, hint)
    for pattern, wording in _WORDING.items():
        if match := re.fullmatch(pattern, error.message, re.DOTALL):
            value = match.groupdict().get("value", "")
            commands = getattr(context.command, "commands", {}) if context is not None else {}
            return UsageError(wording.format(value=value, path=path) + did_you_mean(value, commands), hint=hint)
    return UsageError(error.format_message(), hint=hint)


def _path(arguments: Sequence[str], command: Any) -> str:
    """The command that a command line begins with."""
    words = ["emo"]
    for argument in arguments:
        if argument in (commands := getattr(command, "commands", {})):
            words.append(argument)
            command = commands[argument]
    return " ".join(words)


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
