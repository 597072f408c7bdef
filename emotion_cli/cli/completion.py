"""What the shell completes: the values of options and arguments, taken from the store and from what ships."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

import typer

from emotion_cli.settings import SETTINGS, resolve

Suggest = Callable[[typer.Context, str], list[str]]


def _completing(known: Callable[[Any], Iterable[str]]) -> Suggest:
    """A callback of Typer's; `known` gets the store that the command line, the environment or a file names."""

    def suggest(ctx: typer.Context, incomplete: str) -> list[str]:
        # a shell that asks is not the place for an error: the command itself says it
        with suppress(Exception):
            from warehouse.store import Store

            store = Store(resolve({"store": ctx.params.get("store")}).store)
            return [name for name in known(store) if name.startswith(incomplete)]
        return []

    return suggest


def _datasets(store: Any) -> Iterable[str]:
    from emotion_cli.job.known import stored_names
    from emotion_cli.prompts.shipped import shipped_sets

    return dict.fromkeys([*shipped_sets(), *stored_names(store, "dataset")])


def _models(store: Any) -> Iterable[str]:
    from emotion_cli.job.known import stored_names
    from emotion_cli.models.sources.embedded import EMBEDDED

    return dict.fromkeys([*EMBEDDED, *stored_names(store, "model")])


def _labels(store: Any) -> Iterable[str]:
    from emotion_cli.prompts.shipped import shipped_prompt_set, shipped_sets

    stored = [partition.read(["emotion"])["emotion"].unique().to_pylist() for partition in store.partitions("prompts")]
    return sorted({label for labels in stored for label in labels}) or sorted(
        {label for name in shipped_sets() for label in shipped_prompt_set(name).emotions}
    )


def _queries(store: Any) -> Iterable[str]:
    from warehouse.library import queries

    return sorted(queries())


def _tables(store: Any) -> Iterable[str]:
    from warehouse.schema import TABLES

    return [*TABLES, *_queries(store)]


def _methods(store: Any) -> Iterable[str]:
    from emotion_cli.measures.directions import METHODS

    return METHODS


def _poolings(store: Any) -> Iterable[str]:
    from emotion_cli.job.known import POOLINGS

    return POOLINGS


def _references(store: Any) -> Iterable[str]:
    from emotion_cli.measures.labels import OTHERS

    return [OTHERS, *_labels(store)]


def _recipes(store: Any) -> Iterable[str]:
    from pathlib import Path

    from emotion_cli import recipes
    from emotion_cli.settings import recipes_in

    return recipes.shipped() | recipes_in(Path.cwd())


def _choices(name: str) -> Suggest:
    return _completing(lambda store: SETTINGS[name].metadata["choices"])


SUGGESTIONS: dict[str, Suggest] = {
    name: _choices(name) for name, declared in SETTINGS.items() if declared.metadata["choices"]
} | {
    "dataset": _completing(_datasets),
    "model": _completing(_models),
    "emotion": _completing(_labels),
    "neutral": _completing(_labels),
    "reference": _completing(_references),
    "method": _completing(_methods),
    "pooling": _completing(_poolings),
    "recipe": _completing(_recipes),
    "query": _completing(_queries),
    "table": _completing(_tables),
}
"""The callback of each setting whose values can be listed, and of the names of queries and tables."""
