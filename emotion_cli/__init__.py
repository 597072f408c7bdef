"""`emo`: finds emotion directions in language models, measures them, and keeps them in Parquet for SQL.

What `emo run` has stored is opened as polars frames, with SQL over every table and bundled query:

    import emotion_cli as emo

    results = emo.open("store")
    quality = results.sql("select * from vector_quality where measure = 'auroc' and layer = $layer", {"layer": 18})
    best = results.sql("best_layers_by_emotion")
    vectors = results.vectors(dataset="extended", model="smollm2-135m", emotion="anger")
    matrix = vectors["vector"].to_numpy()

Any text is read with any model, and what it is along a direction is a product:

    states = emo.read(["You broke it again!"], model="smollm2-135m", layers=[18])
    direction = vectors.filter(layer=18)["vector"].to_numpy()[0]
    along = states[0] @ direction / (direction @ direction) ** 0.5

`emo tables` and `emo tables NAME` say which tables, queries, columns and values there are; so do docs/schema.md and
docs/queries.md. What cannot be used is refused by an `EmoError` (emotion_cli.errors) or a `StoreError` (warehouse.errors), whose
`hint` is what to do next.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from emotion_cli.api import Results as Results
    from emotion_cli.api import open as open
    from emotion_cli.api import read as read

__version__ = "0.5.0.dev0"
__all__ = ["Results", "open", "read"]


def __getattr__(name: str) -> Any:
    # what the commands import of this package should not cost the imports of these
    if name in __all__:
        from emotion_cli import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    # without them, `help` and completion would not see what is imported late
    return sorted({*globals(), *__all__})
