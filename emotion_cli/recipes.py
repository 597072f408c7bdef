"""Named settings as data: those that ship (recipes.toml), and the user's in a settings file or in separate files."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from emotion_cli.errors import UsageError
from emotion_cli.suggestions import unknown

DEFAULT = "default"


@dataclass(frozen=True)
class Recipe:
    """Values of settings under a name, one sentence about them, and the file that they come from."""

    name: str
    about: str
    values: Mapping[str, Any]
    source: str


@cache
def shipped() -> dict[str, Recipe]:
    """The recipes that ship, by name."""
    text = files("emotion_cli").joinpath("recipes.toml").read_text(encoding="utf-8")
    return recipes_of(tomllib.loads(text), "ships")


def recipes_of(tables: Mapping[str, Any], source: str) -> dict[str, Recipe]:
    """Recipes from TOML tables by name; UsageError for a recipe that is not a table."""
    for name, table in tables.items():
        if not isinstance(table, dict):
            raise UsageError(f"{source}: the recipe {name!r} is not a table", hint=f"[recipe.{name}]")
    return {name: _recipe(name, table, source) for name, table in tables.items()}


def recipe_of_file(source: str, path: Path) -> Recipe:
    """The recipe in a separate file: settings at the top level, named after the file."""
    try:
        return _recipe(path.stem, tomllib.loads(path.read_text(encoding="utf-8")), path.name)
    except (ValueError, OSError) as error:
        raise UsageError(f"{source}: {path}: not readable as TOML: {error}", hint="emo info --recipes") from error


def find(source: str, name: str, of_user: Mapping[str, Recipe]) -> Recipe:
    """The recipe of a name, the user's before those that ship, or of a .toml file.

    UsageError that names `source`, the option, variable or file that asked for it, when there is none.
    """
    if name.endswith(".toml"):
        return recipe_of_file(source, Path(name).expanduser())
    known = {**shipped(), **of_user}
    if name not in known:
        raise unknown(source, name, known, hint="emo info --recipes")
    return known[name]


def _recipe(name: str, table: Mapping[str, Any], source: str) -> Recipe:
    return Recipe(name, str(table.get("about", "")), {key: value for key, value in table.items() if key != "about"}, source)
