"""`emo info`: versions, places, and where each setting came from."""

from pathlib import Path
from typing import Annotated

import typer

from emotion_cli import __version__, recipes
from emotion_cli.cli.options import ROWS, Start, takes
from emotion_cli.settings import SETTINGS, recipes_in

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


@takes("recipe", "store", *ROWS)
def info(start: Start, recipes_: Recipes = False) -> None:
    """Print versions, and every setting with its source."""
    if recipes_:
        known = recipes.shipped() | recipes_in(Path.cwd())
        start.rows.write_records(
            [
                {"recipe": recipe.name, "source": recipe.source, "sets": _sets(recipe), "about": recipe.about}
                for recipe in known.values()
            ]
        )
        return
    rows = [{"what": "emo", "value": __version__, "source": "installed"}]
    rows += [{"what": package, "value": _version(package), "source": "installed"} for package in PACKAGES]
    for name in SETTINGS:
        value = getattr(start.settings, name)
        text = ", ".join(map(str, value)) if isinstance(value, tuple) else str("" if value is None else value)
        rows.append({"what": name, "value": text, "source": start.settings.sources.get(name, "default")})
    start.rows.write_records(rows)


def _version(package: str) -> str:
    # here, for only this command needs it
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _sets(recipe: recipes.Recipe) -> str:
    return ", ".join(
        f"{name} {' '.join(map(str, value)) if isinstance(value, list) else value}" for name, value in recipe.values.items()
    )
