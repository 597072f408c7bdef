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
    """A model is not made for what is tried, as code of ours sees."""


def refusal_of(error: Exception) -> str:
    """What a model (its code, or torch below it) raised, in a line; the error is raised again when code of ours raised it."""
    raised_in = [Path(frame.filename).resolve() for frame in traceback.extract_tb(error.__traceback__)]
    raised_in = [path for path in raised_in if path != _BETWEEN]
    ours = raised_in[-1].is_relative_to(_OURS) and not isinstance(error, RefusedError)
    if isinstance(error, EmoError) or ours:
        raise error
    message = " ".join(str(error).split())
    return f"{type(error).__name__}: {message[:LONGEST]}{'...' if len(message) > LONGEST else ''}"
