"""`emo info`: versions, places, and where each setting came from."""

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated

import typer

from emotion_cli import __version__, recipes
from emotion_cli.cli import options as o
from emotion_cli.cli.output import format_of, write_records
from emotion_cli.settings import SETTINGS, own_recipes

PACKAGES = (
    "torch",
    "transformers",
    "tokenizers",
    "numpy",
    "scipy",
    "pyarrow",
    "duckdb",
    "polars",
    "matplotlib",
    "mlflow",
    "typer",
    "rich",
)


Recipes = Annotated[bool, typer.Option("--recipes", help="List the recipes instead, and what each sets.")]


def info(recipes_: Recipes = False, recipe: o.Recipe = None, store: o.StoreDir = None, format: o.RowFormat = None) -> None:
    """Print versions, and every setting with the place that it came from."""
    if recipes_:
        known = recipes.shipped() | own_recipes(Path.cwd())
        rows = [{"recipe": one.name, "source": one.source, "sets": _sets(one), "about": one.about} for one in known.values()]
        write_records(rows, format_of(format))
        return
    settings, _, _ = o.start(recipe=recipe, store=store)
    rows = [{"what": "emo", "value": __version__, "source": "installed"}]
    rows += [{"what": package, "value": _version(package), "source": "installed"} for package in PACKAGES]
    for name in SETTINGS:
        value = getattr(settings, name)
        text = ", ".join(map(str, value)) if isinstance(value, tuple) else str("" if value is None else value)
        rows.append({"what": name, "value": text, "source": settings.sources.get(name, "default")})
    write_records(rows, format_of(format))


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _sets(recipe: recipes.Recipe) -> str:
    return ", ".join(
        f"{name} {' '.join(map(str, value)) if isinstance(value, list) else value}" for name, value in recipe.values.items()
    )
