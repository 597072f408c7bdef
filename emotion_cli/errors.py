"""The errors that `emo` reports: one kind for each exit code.

Every error carries a message that names the file, line, option or row at fault, and a hint: the next command to type.
Only `emotion_cli.cli.app.main` turns an error into an exit code.
"""

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of every `emo` command."""

    OK = 0
    FAILED = 1
    USAGE = 2
    MISSING = 3
    CHECK_FAILED = 4
    INTERRUPTED = 130


class EmoError(Exception):
    """Something failed while running; the base of every error that a user is meant to read."""

    exit_code = ExitCode.FAILED

    def __init__(self, message: str, *, hint: str | None = None, instead: tuple[str, str] | None = None) -> None:
        super().__init__(message)
        self.hint = hint
        self.instead = instead
        """A word of the command line that is wrong, and the one that was probably meant."""


def short_of_memory(subject: object, error: BaseException) -> EmoError:
    """The error to raise where memory does not suffice to read a file, which may be sound."""
    return EmoError(
        f"{subject}: not enough memory to read it: {error}",
        hint="free memory, then rerun the command; a small file that needs so much memory is damaged",
    )


class UsageError(EmoError):
    """An option, a setting or an input file is wrong."""

    exit_code = ExitCode.USAGE


class MissingError(EmoError):
    """Something that is needed does not exist yet; the hint is the command that makes it."""

    exit_code = ExitCode.MISSING


class InterruptedByUserError(EmoError):
    """A person broke off a question; nothing was done."""

    exit_code = ExitCode.INTERRUPTED


class CheckFailedError(EmoError):
    """A check found bad rows."""

    exit_code = ExitCode.CHECK_FAILED
