"""Prompts to batches: sorted by length and right-padded, or one by one."""

from collections.abc import Sequence
from typing import NamedTuple


class Batch(NamedTuple):
    """Which prompts run together (indices), and the length (tokens) that they are padded to."""

    prompts: list[int]
    width: int


def sorted_batches(lengths: Sequence[int], budget: int) -> list[Batch]:
    """Batches of at most `budget` padded tokens, longest first; a prompt longer than the budget runs alone."""
    order = sorted(range(len(lengths)), key=lambda i: (-lengths[i], i))
    batches: list[Batch] = []
    for i in order:
        # the longest comes first, so a batch's width is its first prompt's length
        if batches and (len(batches[-1].prompts) + 1) * batches[-1].width <= budget:
            batches[-1].prompts.append(i)
        else:
            batches.append(Batch([i], lengths[i]))
    return batches


def single_batches(lengths: Sequence[int], budget: int) -> list[Batch]:
    """One prompt a batch, unpadded: the plain forward pass that every other strategy must equal."""
    return [Batch([i], length) for i, length in enumerate(lengths)]


STRATEGIES = {"sorted": sorted_batches, "single": single_batches}
