"""Which columns of a bundled query the settings filter, and its rows for the vectors that a command works on."""

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from emotion_cli.settings import Settings

if TYPE_CHECKING:
    import pyarrow as pa

    from emotion_cli.job.extractions import Extraction
    from warehouse.catalog import Catalog


def columns_by_setting(catalog: "Catalog", query: str) -> dict[str, list[str]]:
    """The columns of a query by the setting that filters them: `model` filters model, or both model_a and model_b."""
    columns = catalog.rows(f'select column_name from (describe "{query}")')["column_name"].to_pylist()
    filtered: dict[str, list[str]] = {}
    for column in columns:
        filtered.setdefault(re.sub("_(a|b|id)$", "", column), []).append(column)
    return filtered


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
    bound = {column: chosen for setting, chosen in values.items() for column in filtered.get(setting, ())}
    return catalog.select(query, columns, **bound, **more)
