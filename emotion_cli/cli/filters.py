"""Which columns of a bundled query the settings filter, and its rows for the vectors that a command works on."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from emotion_cli.settings import Settings

if TYPE_CHECKING:
    import pyarrow as pa

    from emotion_cli.job.extractions import Extraction
    from warehouse.catalog import Catalog


OF_BOTH_SIDES = ("extraction",)
"""Settings that stand for what a command works on: both sides of a comparison are of it."""


def columns_by_setting(catalog: "Catalog", query: str) -> dict[str, list[str]]:
    """The columns of a query by the setting that filters them: `model` filters model, or both model_a and model_b."""
    columns = catalog.rows(f'select column_name from (describe "{query}")')["column_name"].to_pylist()
    filtered: dict[str, list[str]] = {}
    for column in columns:
        filtered.setdefault(re.sub("_(a|b|id)$", "", column), []).append(column)
    return filtered


def matches(filters: Mapping[str, tuple[Sequence[str], Sequence[Any]]]) -> tuple[str, list[Any]]:
    """A WHERE over bound values, and the values: for each setting the columns that it filters, and the values asked for.

    Where two columns are filtered, one value may stand on either side; of several values, both sides must be among them.
    """
    clauses: list[str] = []
    bound: list[Any] = []
    for setting, (columns, chosen) in filters.items():
        within = [f'"{column}" in ({", ".join("?" * len(chosen))})' for column in columns]
        either = len(chosen) == 1 and setting not in OF_BOTH_SIDES
        clauses.append(f"({(' or ' if either else ' and ').join(within)})")
        bound += list(chosen) * len(columns)
    return (f" where {' and '.join(clauses)}" if clauses else ""), bound


def rows_of_vectors(
    catalog: "Catalog",
    query: str,
    columns: Sequence[str],
    settings: Settings,
    extractions: Iterable["Extraction"],
    **more: Sequence[Any],
) -> "pa.Table":
    """Columns of a query, of these extractions and of the directions that the settings ask for."""
    values = {
        "extraction": [extraction.extraction_id for extraction in extractions],
        "pooling": settings.pooling,
        "reference": [settings.reference],
        "method": [settings.method],
        "emotion": settings.emotion,
    }
    filtered = columns_by_setting(catalog, query)
    filters = {setting: (filtered[setting], chosen) for setting, chosen in values.items() if chosen and setting in filtered}
    where, bound = matches(filters | {column: ([column], chosen) for column, chosen in more.items()})
    shown = ", ".join(f'"{column}"' for column in columns)
    return catalog.rows(f'select {shown} from "{query}"{where} order by all', bound)
