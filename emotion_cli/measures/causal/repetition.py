"""How much a text repeats itself."""

from collections.abc import Sequence
from itertools import pairwise


def distinct_pairs(ids: Sequence[int]) -> float | None:
    """Different pairs of neighbouring tokens, as a share of all pairs; None for fewer than two tokens.

    Distinct-2 of Li et al. 2016 (https://aclanthology.org/N16-1014), over pairs instead of tokens.
    """
    pairs = list(pairwise(ids))
    return len(set(pairs)) / len(pairs) if pairs else None
