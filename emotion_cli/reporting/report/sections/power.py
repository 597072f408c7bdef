"""What a study could have shown, said beside what it did not show."""

from collections.abc import Sequence

from emotion_cli.reporting.report.language import Language

POWER = 0.8
"""Probability with which a study shows the smallest effects of the queries."""


def power(message: str, smallest: Sequence[float | None], most: float, words: Language, **values: float) -> str:
    """What such a study shows with probability 0.8, given the smallest effect of each row and the most that there can be."""
    known = [value for value in smallest if value is not None]
    if not known:
        return words.text("power_unknown")
    if min(known) > most:
        return words.text("power_nothing")
    return words.text(message, power=POWER, least=min(max(known), most), **values)
