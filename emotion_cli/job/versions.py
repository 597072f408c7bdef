"""Versions of the packages that can change a number."""

from functools import cache
from importlib.metadata import version

from emotion_cli import __version__

PACKAGES = ("torch", "transformers", "tokenizers", "numpy", "pyarrow")
"""Packages whose version can change an activation."""


@cache
def versions(packages: tuple[str, ...] = PACKAGES) -> dict[str, str]:
    """The version of this program (as `emo`) and of each of the packages."""
    return {"emo": __version__} | {package: version(package) for package in packages}
