"""Random draws: a seed, and the names of the compared things."""

import hashlib
from dataclasses import dataclass, replace

import numpy as np

FEWER = 10
"""Nulls whose draws are expensive and decide less take this many times fewer of them."""


def generator(seed: int, *names: str) -> np.random.Generator:
    """The generator of one comparison; it depends on `seed` and names only, so all layers and models share its draws."""
    digest = hashlib.sha256("\0".join([str(seed), *names]).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "big"))


@dataclass(frozen=True)
class Sampling:
    """A seed, the number of draws from each null, and names: the compared datasets, then the measured thing."""

    seed: int
    draws: int
    names: tuple[str, ...]

    def generator(self, *names: str) -> np.random.Generator:
        """The generator of these draws; further names make another one."""
        return generator(self.seed, *self.names, *names)

    def about(self, *names: str) -> "Sampling":
        """The same with further names, so with other draws."""
        return replace(self, names=(*self.names, *names))

    def at_most(self, draws: int) -> "Sampling":
        """The same with fewer draws."""
        return replace(self, draws=min(draws, self.draws))

    def fewer(self) -> "Sampling":
        """The same with a tenth of the draws, at least one."""
        return self.at_most(max(1, self.draws // FEWER))
