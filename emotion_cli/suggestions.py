"""One sentence for every unknown value: which option, which value, and what was probably meant."""

import difflib
import shlex
from collections.abc import Iterable

from emotion_cli.errors import UsageError

SHOWN = 20
"""Known values that a message lists; of more it says how many there are."""

CLOSE, ALIKE = 0.85, 0.6
"""Shares of equal characters: a known value that is so close is a slip of the given one, and one so alike may be meant by it."""

WORD_ENDS = ("_", "-", "/", " ")


def unknown(option: str, value: object, known: Iterable[object], *, hint: str | None = None) -> UsageError:
    """A UsageError for an unknown value of an option (or variable, or file); it names the nearest known value.

    `hint` is the next command where no known value is near.
    """
    names = list(dict.fromkeys(map(str, known)))
    shown = ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
    meant = nearest(str(value), names)
    among = f"not one of {shown}" if shown else "unknown, and there are no known values yet"
    message = f"{option}: {str(value)!r} is {among}{did_you_mean(str(value), names)}"
    return UsageError(
        message,
        hint=f"{option} {shlex.quote(meant)}" if meant and option.startswith("-") else hint,
        instead=(str(value), meant) if meant else None,
    )


def did_you_mean(value: str, known: Iterable[str]) -> str:
    """The end of a sentence about a wrong value: the nearest known one as a question, or nothing."""
    meant = nearest(value, known)
    return f"; did you mean {meant}?" if meant else ""


def nearest(value: str, known: Iterable[str]) -> str | None:
    """The known value that is most probably meant by a wrong value, or None; case does not count."""
    by_folded = {name.casefold(): name for name in reversed(list(known))}
    folded = value.strip().casefold()

    def close(cutoff: float) -> list[str]:
        return difflib.get_close_matches(folded, by_folded, n=1, cutoff=cutoff)

    # `more_than_words` and `-m smollm2` are beginnings: that of whole words is more than a likeness, that of a word is less
    longer = sorted(name for name in by_folded if len(folded) > 2 and name.startswith(folded))
    of_words = [name for name in longer if name[len(folded) :].startswith(WORD_ENDS)]
    chosen = [*close(CLOSE), *of_words, *close(ALIKE), *longer]
    return by_folded[chosen[0]] if chosen else None
