"""What `import emotion_cli` offers: a store to query, and a model to read texts with."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emotion_cli.errors import MissingError, UsageError
from emotion_cli.suggestions import unknown

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

    from emotion_cli.models.loaded import LoadedModel

Names = str | Iterable[str] | None
"""One value of a column, several, or None for every value."""


class Results:
    """The tables and bundled queries of one store, as polars frames; `open` gives one.

    It shows what was committed when it was opened: open it again after a command has written. It writes nothing.
    """

    def __init__(self, folder: str | Path) -> None:
        from warehouse.catalog import Catalog
        from warehouse.store import Store

        if not Path(folder).is_dir():
            raise MissingError(f"there is no store at {folder}", hint=f"emo run --store {folder}")
        self._folder = str(folder)
        self._catalog = Catalog(Store(Path(folder)))

    def __repr__(self) -> str:
        return f"emotion_cli.open({self._folder!r})"

    def sql(self, query: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> "pl.DataFrame":
        """The rows of one SELECT over tables and bundled queries, or of a bundled query by name; QueryError for a faulty one.

        `values` are those of `?` in their order, or of `$name` by name. `show tables` and `describe vectors` work, too. Macros:
        `cosine(a, b)` and `l2_norm(a)` of vectors.
        """
        import polars as pl

        from warehouse.library import queries
        from warehouse.schema import TABLES

        if not isinstance(values, Sequence | Mapping) or isinstance(values, str):
            raise UsageError(f"values: a list or a dictionary is expected, not {values!r}", hint="sql('select ?', [18])")
        if query in queries():
            if values:
                raise UsageError(f"{query}: a bundled query has no values", hint=f"select * from {query} where ...")
            return pl.DataFrame(self._catalog.select(query))
        if query in TABLES:
            raise UsageError(f"{query} is a table, not a bundled query", hint=f"select * from {query}")
        if re.fullmatch(r"\w+", query):
            raise unknown("bundled query", query, [*queries(), *TABLES], hint="emo sql --list")
        return pl.DataFrame(self._catalog.rows(query, values))

    def vectors(
        self,
        *,
        dataset: Names = None,
        model: Names = None,
        emotion: Names = None,
        layer: int | Iterable[int] | None = None,
        reference: Names = "neutral",
        method: Names = "mean_difference",
        pooling: Names = "last",
    ) -> "pl.DataFrame":
        """Emotion vectors, one a row with all columns of table `vectors`; UsageError for a value that no stored vector has.

        Each argument is one value, several, or None for all: `layer=18`, `layer=[12, 18]`, `method=None`. Rows are sorted by
        column, from the left. Where all vectors have one width, `["vector"].to_numpy()` is float32 [row, d_model].
        """
        import polars as pl

        asked = {
            "dataset": dataset,
            "model": model,
            "emotion": emotion,
            "layer": layer,
            "reference": reference,
            "method": method,
            "pooling": pooling,
        }
        filters = {name: self._known("vectors", name, values) for name, values in asked.items() if values is not None}
        frame = pl.DataFrame(self._catalog.select("vectors", (), **filters))
        widths = frame["vector"].list.len().unique().to_list()
        return frame.with_columns(pl.col("vector").list.to_array(widths[0])) if len(widths) == 1 else frame

    def _known(self, table: str, column: str, values: object) -> list[Any]:
        chosen = list(values) if isinstance(values, Iterable) and not isinstance(values, str) else [values]
        known = self._catalog.rows(f"select distinct {column} from {table} order by all")[column].to_pylist()
        for value in chosen:
            # True equals 1
            if value not in known or isinstance(value, bool):
                raise unknown(column, value, known, hint="emo tables vectors")
        if not chosen:
            raise UsageError(f"{column}: the list is empty", hint=f"leave {column} out to take every value")
        return chosen


def open(store: str | Path = "store") -> Results:
    """The results in a store; MissingError where there is no such folder."""
    return Results(store)


def read(
    texts: Iterable[str], *, model: str | Path, layers: int | Iterable[int] | None = None, pooling: str = "last", **settings: Any
) -> "np.ndarray":
    """Residual stream of each text under a model, float32 [layer, text, d_model]; every layer if `layers` is not given.

    `model` is a Hub id, a folder, a .gguf file or an alias. Layer 0 is the embeddings, layer k what block k leaves.
    `pooling` says which tokens count: last, the last one; mean, all but the first; content, those of the last word.
    `settings` are those of `emo extract` by name, such as `dtype="bfloat16"`, `bos="never"`, `device="cuda"`. The model is
    loaded anew by each call, so give all texts at once.
    UsageError for an argument that cannot be used, and for a text without a token that the pooling reads.
    """
    from emotion_cli.job.extractions import CONTENT
    from emotion_cli.job.loading import load_model
    from emotion_cli.models.pooling import POOLINGS
    from emotion_cli.models.reader import Reader, Reading
    from emotion_cli.models.sources.finding import find
    from emotion_cli.prompts.words import last_word
    from emotion_cli.settings import SETTINGS, resolve

    if not isinstance(model, str | Path) or not str(model):
        raise UsageError(f"model: {model!r} is not a name or a folder", hint='model="smollm2-135m"')
    poolings = [name for name in POOLINGS if name != "word"]
    if pooling not in poolings:
        raise unknown("pooling", pooling, poolings)
    for name in settings:
        if name not in SETTINGS:
            raise unknown("read", name, SETTINGS, hint="emo extract --help")
    prompts = _texts(texts)
    chosen = resolve(settings)
    loaded = load_model(find(str(model), cache=chosen.cache, revision=chosen.revision), chosen)
    reading = Reading(**{name: getattr(chosen, name) for name in Reading._fields})
    pooled = Reader(loaded, reading).read(
        prompts,
        content=list(map(last_word, prompts)) if pooling == CONTENT else None,
        poolings=[pooling],
        layers=_layers(loaded, layers),
    )
    without = [text for text, present in zip(prompts, pooled.present[pooling], strict=True) if not present]
    if without:
        raise UsageError(f"no token of {without[0]!r} is read by pooling {pooling}", hint="pooling='last'")
    return pooled.values[pooling]


def _texts(texts: Iterable[str]) -> list[str]:
    prompts = [] if isinstance(texts, str) or not isinstance(texts, Iterable) else list(texts)
    if not prompts:
        raise UsageError("texts: a list of one or more texts is expected", hint='read(["a text"], model=...)')
    for place, text in enumerate(prompts):
        if not isinstance(text, str) or not text.strip():
            raise UsageError(f"texts[{place}]: {text!r} is not a text", hint="leave empty texts out")
    return prompts


def _layers(loaded: "LoadedModel", layers: int | Iterable[int] | None) -> list[int]:
    every = list(range(loaded.n_layers + 1))
    if layers is None:
        return every
    chosen: list[Any] = list(layers) if isinstance(layers, Iterable) and not isinstance(layers, str) else [layers]
    for layer in chosen:
        if type(layer) is not int or layer not in every:
            raise UsageError(f"layers: {layer!r} is not one of 0 to {loaded.n_layers}", hint="layers=[0, 1]")
    if not chosen or len(set(chosen)) < len(chosen):
        raise UsageError("layers: distinct layers are expected, at least one", hint="layers=[0, 1]")
    return chosen
