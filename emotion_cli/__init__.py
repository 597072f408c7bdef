"""`emo`: finds emotion directions in language models, measures them, and keeps them in Parquet for SQL."""

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
