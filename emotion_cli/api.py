"""What `import emotion_cli` offers: a store to query, and a model to read texts with."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emotion_cli.errors import MissingError

if TYPE_CHECKING:
    import numpy as np
    import polars as pl


class Results:
    """The tables and bundled queries of one store, as polars frames."""

    def __init__(self, folder: str | Path) -> None:
        from warehouse.catalog import Catalog
        from warehouse.store import Store

        if not Path(folder).is_dir():
            raise MissingError(f"there is no store at {folder}", hint=f"emo run --store {folder}")
        self._catalog = Catalog(Store(Path(folder)))

    def sql(self, query: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> "pl.DataFrame":
        """The rows of one SELECT over tables and bundled queries; QueryError for a faulty one."""
        import polars as pl

        return pl.DataFrame(self._catalog.rows(query, values))

    def vectors(
        self,
        *,
        dataset: str | None = None,
        model: str | None = None,
        emotion: str | None = None,
        layer: int | Iterable[int] | None = None,
        reference: str | None = "neutral",
        method: str | None = "mean_difference",
        pooling: str | None = "last",
    ) -> "pl.DataFrame":
        """Emotion vectors, one a row; None takes every value of a column.

        Where all have one width, `["vector"].to_numpy()` is float32 [row, d_model].
        """
        import polars as pl

        named = {
            "dataset": dataset,
            "model": model,
            "emotion": emotion,
            "reference": reference,
            "method": method,
            "pooling": pooling,
        }
        filters: dict[str, list[Any]] = {name: [value] for name, value in named.items() if value is not None}
        if layer is not None:
            filters["layer"] = [layer] if isinstance(layer, int) else list(layer)
        frame = pl.DataFrame(self._catalog.select("vectors", (), **filters))
        widths = frame["vector"].list.len().unique().to_list()
        return frame.with_columns(pl.col("vector").list.to_array(widths[0])) if len(widths) == 1 else frame


def open(store: str | Path = "store") -> Results:
    """The results in a store; MissingError where there is no such folder."""
    return Results(store)


def read(
    texts: Sequence[str], *, model: str, layers: Sequence[int] | None = None, pooling: str = "last", **settings: Any
) -> "np.ndarray":
    """Residual stream of each text under a model, float32 [layer, text, d_model]; every layer if `layers` is not given.

    `model` is a Hub id, a folder, a .gguf file or an alias. `settings` are those of `emo extract` by name: `dtype`, `bos`, ...
    EmoError as the command raises it.
    """
    from emotion_cli.job.loading import load_model
    from emotion_cli.models.pooling import POOLINGS
    from emotion_cli.models.reader import Reader, Reading
    from emotion_cli.models.sources.finding import find
    from emotion_cli.settings import resolve
    from emotion_cli.suggestions import unknown

    if pooling not in POOLINGS or pooling == "word":
        raise unknown("pooling", pooling, [name for name in POOLINGS if name != "word"])
    chosen = resolve(settings)
    loaded = load_model(find(model, cache=chosen.cache, revision=chosen.revision), chosen)
    reading = Reading(**{name: getattr(chosen, name) for name in Reading._fields})
    return Reader(loaded, reading).read(texts, poolings=[pooling], layers=layers).values[pooling]
