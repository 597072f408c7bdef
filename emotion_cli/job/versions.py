"""Versions of the packages that can change a number."""

from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass


PACKAGES = ("emo", "torch", "transformers", "tokenizers", "numpy", "pyarrow")
"""Packages whose version can change an activation."""


@cache
def versions() -> dict[str, str]:
    """Versions of the packages that can change a number."""
    return {package: version(package) for package in PACKAGES}
