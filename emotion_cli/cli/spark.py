"""A line of numbers over layers as a line of blocks."""

from collections.abc import Sequence
from itertools import pairwise

BLOCKS = "▁▂▃▄▅▆▇█"
SIGNS = "_.:-=+*#"
"""For terminals that know ASCII only."""

UNDEFINED = " "


def sparkline(values: Sequence[float | None], low: float, high: float, width: int, *, blocks: str = BLOCKS) -> str:
    """A sign a value, or a bin of neighbours where there are more than `width`; `low` and less is the first sign.

    A bin shows its highest value; a bin without a number is blank.
    """
    n_signs = min(len(values), max(width, 1))
    ends = [len(values) * i // n_signs for i in range(n_signs + 1)] if n_signs else [0]
    signs = []
    for start, end in pairwise(ends):
        numbers = [value for value in values[start:end] if value is not None]
        signs.append(blocks[_place(max(numbers), low, high, len(blocks))] if numbers else UNDEFINED)
    return "".join(signs)


def _place(value: float, low: float, high: float, n: int) -> int:
    share = (value - low) / (high - low)
    return min(max(int(share * n), 0), n - 1)
