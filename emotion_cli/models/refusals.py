"""Errors that a model raises because it cannot do something, separated from bugs of emo."""

import traceback
from pathlib import Path

from emotion_cli.errors import EmoError

LONGEST = 200
"""Characters of a message that are worth a line."""

_OURS = Path(__file__).resolve().parents[1]
_BETWEEN = Path(__file__).with_name("float64.py").resolve()
"""Stands between a model and torch, so what torch raises seems to come from there."""


class RefusedError(Exception):
    """A model does not support an operation, as our own code detects."""


def refusal_of(error: Exception) -> str:
    """The error of a model (its code, or torch) in one line; an error of our own code is raised again."""
    raised_in = [Path(frame.filename).resolve() for frame in traceback.extract_tb(error.__traceback__)]
    raised_in = [path for path in raised_in if path != _BETWEEN]
    ours = raised_in[-1].is_relative_to(_OURS) and not isinstance(error, RefusedError)
    if isinstance(error, EmoError) or ours:
        raise error
    message = " ".join(str(error).split())
    return f"{type(error).__name__}: {message[:LONGEST]}{'...' if len(message) > LONGEST else ''}"
